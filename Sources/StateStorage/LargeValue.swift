// A record of a large value that is merged: its value need not be in memory. It stands alone in its
// block, so the block is read a piece at a time and checked; the value is copied from file to file
// if it is wanted, and checked once more.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

struct LargeValue {
  private static let pieceBytes = 1 << 20
  /// A longer key is read with its block.
  private static let headBytes = 64 << 10

  let run: Run
  /// Place in the file.
  let position: Int
  let count: Int
  private let checksum: UInt32
  private let block: Int

  /// Checks a block and takes its record's key into `key`. nil: there are several records, or the
  /// key is long.
  static func read(
    _ run: Run, block number: Int, key: ByteBuffer
  ) throws(StorageError) -> (value: LargeValue, record: RecordView)? {
    let bytes = run.index.bytes(number, number)
    let tailBytes = Block.offsetBytes + Block.tailBytes
    let tail = ByteBuffer(capacity: tailBytes)
    guard bytes.count > tailBytes,
      try tail.fill(from: run.file, at: bytes.upperBound - tailBytes, count: tailBytes)
    else { throw run.damaged(bytes.lowerBound) }
    let numbers = tail.raw
    guard numbers.loadUnaligned(fromByteOffset: Block.offsetBytes, as: UInt32.self) == 1 else {
      return nil
    }
    let headCount = min(headBytes, bytes.count - tailBytes)
    guard try key.fill(from: run.file, at: bytes.lowerBound, count: headCount) else {
      throw run.damaged(bytes.lowerBound)
    }
    let end = bytes.count - tailBytes
    guard let head = Block.head(key.base, headCount, end: end) else { return nil }
    guard head.valueStart + max(0, head.valueCount) == end else {
      throw run.damaged(bytes.lowerBound)
    }
    var sum = Block.seed(bytes.lowerBound, run.seed)
    sum = crc32c(key.base, head.valueStart, seed: sum)
    var valueSum: UInt32 = 0
    let position = bytes.lowerBound + head.valueStart
    try pieces(run, position, max(0, head.valueCount)) { (piece) throws(StorageError) in
      sum = crc32c(piece.base, piece.count, seed: sum)
      valueSum = crc32c(piece.base, piece.count, seed: valueSum)
    }
    sum = crc32c(tail.base, tailBytes - 4, seed: sum)
    guard numbers.loadUnaligned(fromByteOffset: tailBytes - 4, as: UInt32.self) == sum,
      numbers.loadUnaligned(as: UInt32.self) == 0
    else { throw run.damaged(bytes.lowerBound) }
    let value = LargeValue(
      run: run, position: position, count: head.valueCount, checksum: valueSum,
      block: bytes.lowerBound)
    let record = RecordView(
      key: key.base + head.keyStart, keyCount: head.keyCount, value: key.base,
      valueCount: head.valueCount, timestamp: head.timestamp)
    return (value, record)
  }

  /// The bytes in pieces, each of which is valid in its call. Throws: they are not those that were
  /// checked.
  func copy(
    _ use: (ByteBuffer) throws(StorageError) -> Void
  ) throws(StorageError) {
    var sum: UInt32 = 0
    try Self.pieces(run, position, count) { (piece) throws(StorageError) in
      sum = crc32c(piece.base, piece.count, seed: sum)
      try use(piece)
    }
    guard sum == checksum else { throw run.damaged(block) }
  }

  private static func pieces(
    _ run: Run, _ position: Int, _ count: Int,
    _ use: (ByteBuffer) throws(StorageError) -> Void
  ) throws(StorageError) {
    let piece = ByteBuffer(capacity: min(pieceBytes, count))
    var done = 0
    while done < count {
      let length = min(pieceBytes, count - done)
      guard try piece.fill(from: run.file, at: position + done, count: length) else {
        throw run.damaged(position)
      }
      try use(piece)
      done += length
    }
  }
}
