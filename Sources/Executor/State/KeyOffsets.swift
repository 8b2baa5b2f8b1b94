// Where the last record of each key of a partition stands: what a key's version is. Kept between
// conditional inserts and brought up to date by the records that have come since.

import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

public final class KeyOffsets {
  private let rows = RowStore()
  /// A key whose last record has no value is as if it had never been there.
  private let forgetsDeleted: Bool
  /// Next record to take in.
  public private(set) var nextOffset: Int64 = 0
  private var earliest: Int64 = 0

  public init(forgetsDeleted: Bool) { self.forgetsDeleted = forgetsDeleted }

  /// Bytes held.
  public var byteCount: Int { rows.byteCount }

  /// Takes in what is committed from `nextOffset` on.
  public func advance(_ store: any TopicStore, _ topic: String, _ partition: Int)
    throws(StorageError)
  {
    earliest = try store.earliestOffset(topic, partition)
    var scan = try PartitionScan(store, topic, partition, from: max(nextOffset, earliest))
    while let records = try scan.next() {
      nextOffset = scan.offset
      for record in 0..<records.count {
        guard let key = records.key(record) else { continue }
        if forgetsDeleted, records.value(record) == nil {
          rows.remove(key)
        } else {
          // The store keeps a time with each row; here it is the offset, and the row is empty.
          rows.put(
            key, UnsafeRawBufferPointer(start: nil, count: 0),
            rowtime: records.offsets[record])
        }
      }
    }
    nextOffset = scan.offset
  }

  /// Offset of the key's last record; nil where none is kept.
  public func offset(of key: [UInt8]) -> Int64? {
    let offset = key.withUnsafeBytes { rows.find($0) }.map { rows.rowtime($0) }
    return offset.flatMap { $0 >= earliest ? $0 : nil }
  }
}
