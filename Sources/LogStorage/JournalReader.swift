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
  private let bytes: ByteBuffer
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
      bytes = ByteBuffer(capacity: 0)
      blockCount = 0
      return
    }
    let file = try fileSystem.open(path, create: false)
    bytes = ByteBuffer(capacity: try file.size())
    bytes.count = try file.read(
      into: UnsafeMutableRawBufferPointer(start: bytes.base, count: bytes.capacity), at: 0)
    blockCount = bytes.count / JournalBlock.byteCount
  }

  /// True when anything was written in this generation.
  var isBegun: Bool {
    (0..<blockCount).contains { block in
      if case .valid(let found, _) = content(block) { return found == generation }
      return false
    }
  }

  private func content(_ block: Int) -> JournalBlock.Content {
    let start = block * JournalBlock.byteCount
    return JournalBlock.content(
      UnsafeRawBufferPointer(rebasing: bytes.raw[start..<start + JournalBlock.byteCount]),
      number: block)
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
    switch content(at) {
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
    let start = at * JournalBlock.byteCount + JournalBlock.headerBytes
    var reader = ByteReader(
      UnsafeRawBufferPointer(rebasing: bytes.raw[start..<start + JournalFrameHeader.byteCount]),
      path: path, origin: start)
    let header = try JournalFrameHeader(from: &reader)
    guard header.frame == nextFrame && header.previousDigest == digest else {
      throw damaged("a journal frame does not follow the one before", block: at)
    }
    let count =
      Journal.frameBytes(header.length - JournalFrameHeader.byteCount) / JournalBlock.byteCount
    var isWhole = true
    for block in at..<min(at + count, blockCount) {
      switch content(block) {
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
      let place = UnsafeRawPointer(bytes.base) + (at + block) * JournalBlock.byteCount
      crcs = crc32c(UnsafeRawBufferPointer(start: place, count: 4), seed: crcs)
      let size = min(JournalBlock.payloadBytes, header.length - block * JournalBlock.payloadBytes)
      frame.append(
        UnsafeRawBufferPointer(start: place + JournalBlock.headerBytes, count: size))
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
      switch content(later) {
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
