// Reads blocks of runs into one buffer, some neighbours at a time, and checks each when it is
// looked at: no byte of a block is used before its checksum was right.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class SpanReader {
  /// More than this is given back at the end of a call.
  private static let keptBytes = 1 << 20

  private let buffer = ByteBuffer(capacity: 0)
  private var run: Run?
  private var first = 0
  private var last = -1

  /// Stands where there is no record yet.
  var noRecord: RecordView {
    RecordView(key: buffer.base, keyCount: 0, value: buffer.base, valueCount: -1, timestamp: 0)
  }

  /// Whether the block has been read with its neighbours.
  func has(_ block: Int, of run: Run) -> Bool {
    self.run === run && block >= first && block <= last
  }

  /// Replaces what was read by these blocks.
  func load(_ run: Run, _ first: Int, _ last: Int) throws(StorageError) {
    self.run = nil
    let bytes = run.index.bytes(first, last)
    guard try buffer.fill(from: run.file, at: bytes.lowerBound, count: bytes.count) else {
      throw run.damaged(bytes.lowerBound)
    }
    (self.run, self.first, self.last) = (run, first, last)
  }

  /// Valid until the next `load`.
  func block(_ number: Int, of run: Run) throws(StorageError) -> Block {
    let bytes = run.index.bytes(number, number)
    let start = bytes.lowerBound - run.index.bytes(first, first).lowerBound
    guard
      let block = Block(
        UnsafeRawPointer(buffer.base + start), bytes.count, position: bytes.lowerBound,
        seed: run.seed)
    else { throw run.damaged(bytes.lowerBound) }
    return block
  }

  func forget() {
    run = nil
    buffer.shrink(to: Self.keptBytes)
  }
}
