// Reading a space from front to back, a page at a time: all memtables and runs as one, from the
// place where the last page ended.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

extension RunStore {
  /// Records whose keys begin with `prefix`, behind `after`; at most `limit` of them and about
  /// `bytes` bytes, but at least one if there is any. Order: by key. None: that were all.
  public func scan(
    space: UInt8, prefix: [UInt8], after: [UInt8]?, limit: Int, bytes: Int
  ) throws(StorageError) -> RawRecords {
    var result = RawRecords(buffer: ByteBuffer(capacity: 1 << 12))
    guard limit > 0 else { return result }
    let view = core.view(active)
    // The lowest key above another one is that with a zero byte behind it.
    let behind = after.map { [space] + $0 + [0] }
    let start = Self.larger([space] + prefix, behind ?? [])
    var merged = MergedRecords(try Self.cursors(view, from: start))
    let bound = view.bounds[Int(space)]
    let stem = [space] + prefix
    while let record = try merged.next() {
      guard record.keyCount >= stem.count,
        stem.withUnsafeBytes({ bytes in
          bytes.baseAddress.map { isSame(record.key, $0, bytes.count) } ?? true
        })
      else { break }
      guard record.valueCount >= 0, record.timestamp >= bound else { continue }
      if result.count > 0 {
        let taken = result.buffer.count + record.keyCount - 1 + record.valueCount
        guard result.count < limit, taken <= min(max(0, bytes), Int(Int32.max)) else { break }
      }
      result.append(
        key: UnsafeRawBufferPointer(start: record.key + 1, count: record.keyCount - 1),
        value: UnsafeRawBufferPointer(start: record.value, count: record.valueCount),
        timestamp: record.timestamp)
    }
    return result
  }

  /// The newest first.
  private static func cursors(
    _ view: StoreCore.View, from start: [UInt8]
  ) throws(StorageError) -> [RecordCursor] {
    var cursors: [RecordCursor] = []
    let key = ByteBuffer(start)
    defer { withExtendedLifetime(key) {} }
    for memtable in view.memtables where memtable.count > 0 {
      cursors.append(RecordCursor(memtable, memtable.wholeOrder(), from: key.raw))
    }
    for entry in view.runs { cursors.append(try RecordCursor(entry.run, from: key.raw)) }
    return cursors
  }

  private static func larger(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    a.lexicographicallyPrecedes(b) ? b : a
  }
}
