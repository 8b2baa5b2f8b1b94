// A partition of a table's topic folded to the last record of each key: what a pull query reads. Kept between
// queries and brought up to date by the records that have come since.

public import Columns
public import LogStorage

public final class TableFold {
  private let rows = RowStore(tracksChanges: false)
  /// By slot of the store.
  private var offsets: [Int64] = []
  /// Next record to fold in.
  public private(set) var nextOffset: Int64 = 0
  private var snapshot: RawRecords?

  public init() {}

  /// Bytes held.
  public var byteCount: Int {
    rows.byteCount + offsets.count * 8 + (snapshot?.buffer.capacity ?? 0)
  }

  /// Folds in what `reader` has from `nextOffset` on.
  public func advance(_ reader: any RecordReader) throws(StorageError) {
    while true {
      let read = try reader.read(from: nextOffset, maxBytes: 1 << 20)
      guard read.nextOffset > nextOffset else { return }
      nextOffset = read.nextOffset
      snapshot = nil
      for record in 0..<read.records.count {
        guard let key = read.records.key(record) else { continue }
        if let value = read.records.value(record) {
          let slot = rows.put(key, value, rowtime: read.records.timestamps[record])
          while offsets.count <= slot { offsets.append(0) }
          offsets[slot] = read.records.offsets[record]
        } else {
          rows.remove(key)
        }
      }
    }
  }

  /// Every key's last record, by offset.
  public func all() -> RawRecords {
    if let snapshot { return snapshot }
    let folded = records(rows.slots.sorted { offsets[$0] < offsets[$1] })
    snapshot = folded
    return folded
  }

  /// The last records of these keys, by offset.
  public func records(of keys: [[UInt8]]) -> RawRecords {
    let slots = Set(keys.compactMap { key in key.withUnsafeBytes { rows.find($0) } })
    return records(slots.sorted { offsets[$0] < offsets[$1] })
  }

  private func records(_ slots: [Int]) -> RawRecords {
    var folded = RawRecords(
      buffer: ByteBuffer(
        capacity: slots.reduce(0) { $0 + rows.key($1).count + rows.row($1).count }))
    for slot in slots {
      folded.append(key: rows.key(slot), value: rows.row(slot), timestamp: rows.rowtime(slot))
      folded.offsets.append(offsets[slot])
      folded.sequences.append(offsets[slot])
    }
    return folded
  }
}
