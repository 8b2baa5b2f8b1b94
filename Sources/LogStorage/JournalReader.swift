// Reads the frames of one generation and tells where it ends and why.
//
// 1. At each block border a frame with the next number is expected, all of whose blocks are ours.
// 2. If a block of it is damaged (neither ours, nor older, nor zero) it is corruption: an
//    interrupted write cannot leave that.
// 3. If blocks of it are older or zero, the write did not finish. Only the last frame can be so,
//    because a frame is begun after the one before was written (and synced). Hence, if any block of
//    this generation further on belongs to a later frame, it is corruption; otherwise the journal
//    ends here.
// 4. Frame numbers and digests chain across generations; a generation that begins with a later
//    number than expected means that the end of the one before was lost, which is corruption too.
// What cannot be told: a last frame, acknowledged, whose first block was put back to its old
// content as a whole looks like one that was never written.

internal import HeadraceColumns
import HeadraceFoundations

/// Where and why reading stopped.
struct JournalEnd {
  var position: Int
  /// True when a part of one more frame was found.
  var isTorn: Bool
}

struct JournalReader {
  let path: String
  let generation: UInt32
  private let blocks: JournalBlocks?
  private let blockCount: Int
  private(set) var nextFrame: Int64
  private(set) var digest: UInt32
  private var at = 0

  init(
    fileSystem: any FileSystem, directory: String, generation: UInt32, nextFrame: Int64,
    digest: UInt32
  ) throws(StorageError) {
    path = Journal.path(directory, generation)
    self.generation = generation
    self.nextFrame = nextFrame
    self.digest = digest
    guard try fileSystem.exists(path) else {
      blocks = nil
      blockCount = 0
      return
    }
    let file = try fileSystem.open(path, create: false)
    blockCount = try file.size() / JournalBlock.byteCount
    blocks = JournalBlocks(file, blockCount)
  }

  /// True when anything was written in this generation.
  func isBegun() throws(StorageError) -> Bool {
    for block in 0..<blockCount {
      if case .valid(generation, _) = try content(block) { return true }
    }
    return false
  }

  private func content(_ block: Int) throws(StorageError) -> JournalBlock.Content {
    guard let blocks else { return .zero }
    return JournalBlock.content(try blocks.block(block), number: block)
  }

  private var position: Int { at * JournalBlock.byteCount }

  private func damaged(_ what: String, block: Int) -> StorageError {
    StorageError(
      .corruption, what, path: path, position: Int64(block * JournalBlock.byteCount))
  }

  /// The content of the next frame without its header, or the end.
  mutating func next() throws(StorageError) -> (frame: ByteBuffer?, end: JournalEnd) {
    guard at < blockCount else { return (nil, JournalEnd(position: position, isTorn: false)) }
    let low = UInt32(truncatingIfNeeded: nextFrame)
    switch try content(at) {
    case .damaged:
      throw damaged("a journal block is damaged", block: at)
    case .valid(let found, let frame) where found == generation && frame == low:
      return try readFrame()
    case .valid(let found, _) where found > generation:
      throw damaged("the journal is newer than the checkpoint", block: at)
    case .valid, .zero:
      return (nil, try endOfJournal(from: at))
    }
  }

  private mutating func readFrame() throws(StorageError) -> (frame: ByteBuffer?, end: JournalEnd) {
    guard let blocks else { return (nil, JournalEnd(position: position, isTorn: false)) }
    let place = JournalBlock.headerBytes..<JournalBlock.headerBytes + JournalFrameHeader.byteCount
    var reader = ByteReader(
      UnsafeRawBufferPointer(rebasing: try blocks.block(at)[place]), path: path,
      origin: position + JournalBlock.headerBytes)
    let header = try JournalFrameHeader(from: &reader)
    guard header.frame == nextFrame && header.previousDigest == digest else {
      throw damaged("a journal frame does not follow the one before", block: at)
    }
    let count =
      Journal.frameBytes(header.length - JournalFrameHeader.byteCount) / JournalBlock.byteCount
    var isWhole = true
    for block in at..<min(at + count, blockCount) {
      switch try content(block) {
      case .damaged: throw damaged("a journal block is damaged", block: block)
      case .valid(let found, let frame)
      where found == generation && frame == UInt32(truncatingIfNeeded: nextFrame):
        break
      case .valid, .zero: isWhole = false
      }
    }
    guard isWhole && count <= blockCount - at else { return (nil, try endOfJournal(from: at)) }
    let frame = ByteBuffer(capacity: header.length)
    var crcs: UInt32 = 0
    for block in 0..<count {
      let bytes = try blocks.block(at + block)
      crcs = crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<4]), seed: crcs)
      let size = min(JournalBlock.payloadBytes, header.length - block * JournalBlock.payloadBytes)
      let content = bytes[JournalBlock.headerBytes...].prefix(size)
      frame.append(UnsafeRawBufferPointer(rebasing: content))
    }
    digest = crcs
    nextFrame += 1
    at += count
    return (frame, JournalEnd(position: position, isTorn: false))
  }

  /// Nothing of a later frame may follow.
  private func endOfJournal(from block: Int) throws(StorageError) -> JournalEnd {
    var isTorn = false
    let low = UInt32(truncatingIfNeeded: nextFrame)
    for later in block..<blockCount {
      switch try content(later) {
      case .damaged: throw damaged("a journal block is damaged", block: later)
      case .valid(let found, let frame) where found == generation:
        guard frame == low else {
          throw damaged("journal frame \(nextFrame) is missing before later ones", block: block)
        }
        isTorn = true
      case .valid, .zero: break
      }
    }
    return JournalEnd(position: block * JournalBlock.byteCount, isTorn: isTorn)
  }
}

/// The blocks of a journal's file, of which a stretch is in memory: most are room for what comes.
private final class JournalBlocks {
  private static let blocksAtOnce = 256
  private let file: any File
  private let count: Int
  private let window = ByteBuffer(capacity: blocksAtOnce * JournalBlock.byteCount)
  private var first = 0

  init(_ file: any File, _ count: Int) {
    self.file = file
    self.count = count
  }

  /// Valid until the next call.
  func block(_ number: Int) throws(StorageError) -> UnsafeRawBufferPointer {
    if !(first..<first + window.count / JournalBlock.byteCount).contains(number) {
      let bytes = min(Self.blocksAtOnce, count - number) * JournalBlock.byteCount
      window.count = 0
      let got = try file.read(
        into: UnsafeMutableRawBufferPointer(start: window.base, count: bytes),
        at: number * JournalBlock.byteCount)
      guard got == bytes else {
        throw StorageError(
          .corruption, "journal is cut off", path: file.path,
          position: Int64(number * JournalBlock.byteCount + got))
      }
      (first, window.count) = (number, got)
    }
    let start = (number - first) * JournalBlock.byteCount
    return UnsafeRawBufferPointer(rebasing: window.raw[start..<start + JournalBlock.byteCount])
  }
}
