// The journal's writer. Two files take turns; each use of one is a generation. A frame is one group
// of commits: it begins on a block border and is written and synced before the next one is begun.
// A position is written at most once in a generation, which recovery relies on: after an open, and
// after each checkpoint, a new generation begins.
//
// The files grow by zeros written ahead, so that a steady commit changes no file size and no
// extent; from the second generation of a file on there is nothing to grow.
// Used by the committing thread only.

internal import HeadraceColumns
import HeadraceFoundations
internal import Glibc

final class Journal {
  private let fileSystem: any FileSystem
  private let directory: String
  private let growthBytes: Int
  private var file: any File
  /// The file of the generation before: looking up its name again may have to wait for the disk.
  private var other: (any File)?
  private var fileSize: Int
  private(set) var generation: UInt32
  /// Number of the frame that is written next.
  private(set) var nextFrame: Int64
  private(set) var digest: UInt32
  /// Bytes of this generation.
  private(set) var position = 0
  /// Bytes of the two files as of their last sync.
  private(set) var durableBytes: [Int]
  /// What of them the last checkpoint tells: a file that is shorter was cut off.
  private(set) var recordedBytes: [Int]
  private var blocks: UnsafeMutableRawPointer?
  private var blocksCapacity = 0
  /// The largest content of the last few frames, without the data of runs, and how many they are.
  private var recentBytes = 0
  private var recentFrames = 0
  private static let framesPerLook = 64
  /// A frame is written in parts of at most so many bytes, whole blocks: before the sync it is all
  /// one to recovery which of its blocks have come to the disk.
  private static let writeBytes = 256 << 10

  static func path(_ directory: String, _ generation: UInt32) -> String {
    directory + "/\(generation & 1).journal"
  }

  init(
    fileSystem: any FileSystem, directory: String, generation: UInt32, nextFrame: Int64,
    digest: UInt32, growthBytes: Int, durableBytes: [Int]
  ) throws(StorageError) {
    self.fileSystem = fileSystem
    self.directory = directory
    self.generation = generation
    self.nextFrame = nextFrame
    self.digest = digest
    self.durableBytes = durableBytes
    recordedBytes = durableBytes
    self.growthBytes = max(JournalBlock.byteCount, growthBytes)
    file = try fileSystem.open(Self.path(directory, generation), create: true)
    fileSize = try file.size()
  }

  deinit { free(blocks) }

  var path: String { file.path }

  /// The other file's turn; whatever it holds must not be needed any more.
  func beginGeneration() throws(StorageError) {
    let next = generation &+ 1
    let opened: any File
    if let other {
      opened = other
    } else {
      opened = try fileSystem.open(Self.path(directory, next), create: true)
    }
    let size = try opened.size()
    other = file
    file = opened
    fileSize = size
    generation = next
    position = 0
  }

  /// A file has grown since the last checkpoint: until the next one nobody would miss its new end.
  var hasGrown: Bool { durableBytes != recordedBytes }

  /// A checkpoint holds the sizes now.
  func markRecorded() { recordedBytes = durableBytes }

  /// Makes room for `bytes` more. Throws: `full` and others, before anything of a frame is written.
  func reserve(_ bytes: Int) throws(StorageError) -> Int {
    let end = position + bytes
    guard end > fileSize else { return 0 }
    // Doubling: each growth is followed by a checkpoint.
    let least = max(end, min(fileSize * 2, 32 << 20))
    let target = (least + growthBytes - 1) / growthBytes * growthBytes
    let old = fileSize
    try Self.writeZeros(file, fileSize..<target) { fileSize = $0 }
    return fileSize - old
  }

  private static func writeZeros(
    _ file: any File, _ range: Range<Int>, _ reached: (Int) -> Void
  ) throws(StorageError) {
    let zeros = ByteBuffer(capacity: 64 << 10)
    UnsafeMutableRawPointer(zeros.base).initializeMemory(
      as: UInt8.self, repeating: 0, count: zeros.capacity)
    var at = range.lowerBound
    while at < range.upperBound {
      let count = min(zeros.capacity, range.upperBound - at)
      try file.write(UnsafeRawBufferPointer(start: zeros.base, count: count), at: at)
      at += count
      reached(at)
    }
  }

  /// Overwrites everything but the frames of this generation. The one before must not be needed any
  /// more.
  func erase() throws(StorageError) {
    let other = try fileSystem.open(Self.path(directory, generation &+ 1), create: true)
    try Self.writeZeros(other, 0..<(try other.size())) { _ in }
    try other.sync()
    try Self.writeZeros(file, position..<max(position, fileSize)) { _ in }
    try file.sync()
  }

  /// Bytes that a frame with so much content takes in the file.
  static func frameBytes(_ contentBytes: Int) -> Int {
    let all = contentBytes + JournalFrameHeader.byteCount
    let blocks = (all + JournalBlock.payloadBytes - 1) / JournalBlock.payloadBytes
    return blocks * JournalBlock.byteCount
  }

  /// Writes one frame, which `content` holds but for its header. Returns the bytes written.
  /// After a throw the journal must not be used any more.
  func write(_ content: FrameContent, sync: Bool) throws(StorageError) -> Int {
    let length = content.count
    content.put(JournalFrameHeader(frame: nextFrame, length: length, previousDigest: digest))
    let total = Self.frameBytes(length - JournalFrameHeader.byteCount)
    guard let target = room(min(total, Self.writeBytes)) else {
      throw StorageError(.tooLarge, "journal frame", path: path, found: "\(total) bytes")
    }
    var cursor = FrameContent.Cursor(content)
    var rest = length
    var next: UInt32 = 0
    var written = 0
    while written < total {
      let part = min(Self.writeBytes, total - written)
      let first = (position + written) / JournalBlock.byteCount
      for block in 0..<part / JournalBlock.byteCount {
        let place = target + block * JournalBlock.byteCount
        let size = min(JournalBlock.payloadBytes, rest)
        let payload = place + JournalBlock.headerBytes
        cursor.read(size, to: payload)
        rest -= size
        if size < JournalBlock.payloadBytes {
          memset(payload + size, 0, JournalBlock.payloadBytes - size)
        }
        var crc = JournalBlock.seal(
          place, generation: generation, frame: nextFrame, number: first + block
        ).littleEndian
        next = withUnsafeBytes(of: &crc) { crc32c($0, seed: next) }
      }
      try file.write(
        UnsafeRawBufferPointer(start: target, count: part), at: position + written)
      written += part
    }
    if sync {
      try file.sync()
      durableBytes[Int(generation & 1)] = fileSize
    }
    position += total
    nextFrame += 1
    digest = next
    forgetPeaks(content.bytes)
    return total
  }

  /// A frame that was much larger than those after it does not keep its room for ever.
  private func forgetPeaks(_ content: ByteBuffer) {
    recentBytes = max(recentBytes, content.count)
    recentFrames += 1
    guard recentFrames == Self.framesPerLook else { return }
    let kept = max(256 << 10, recentBytes * 2)
    (recentBytes, recentFrames) = (0, 0)
    content.shrink(to: kept)
  }

  /// Page-aligned, so that a copy into the page cache that is cut short ends on a block border.
  private func room(_ bytes: Int) -> UnsafeMutableRawPointer? {
    if bytes > blocksCapacity {
      free(blocks)
      blocks = nil
      blocksCapacity = 0
      let capacity = max(64 << 10, (bytes + 4095) & ~4095)
      guard posix_memalign(&blocks, 4096, capacity) == 0 else { return nil }
      blocksCapacity = capacity
    }
    return blocks
  }
}
