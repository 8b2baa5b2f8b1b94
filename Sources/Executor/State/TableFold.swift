// A partition of a table's topic folded to the last record of each key: what a pull query reads.
// Kept between queries and brought up to date by the records that have come since.

public import HeadraceColumns
public import HeadraceFormats
import HeadraceFoundations
public import HeadraceTopics
public import HeadracePlanner

public final class TableFold {
  private let rows = RowStore()
  /// Next record to fold in.
  public private(set) var nextOffset: Int64 = 0
  /// Records that were folded in.
  public private(set) var recordCount = 0
  private var snapshot: RawRecords?

  public init() {}

  /// Bytes held.
  public var byteCount: Int {
    rows.byteCount + (snapshot?.buffer.capacity ?? 0)
  }

  /// Folds in what `reader` has from `nextOffset` on.
  public func advance(_ reader: any RecordReader) throws(StorageError) {
    while true {
      switch try reader.read(from: nextOffset, maxBytes: 1 << 20) {
      case .records(let records, let next):
        fold(records)
        nextOffset = next
      case .nothingYet, .end: return
      }
    }
  }

  /// Folds in the rest of a scan that began at `nextOffset`.
  public func advance(_ scan: inout PartitionScan) throws(StorageError) {
    while let records = try scan.next() {
      fold(records)
      nextOffset = scan.offset
    }
    nextOffset = max(nextOffset, scan.offset)
  }

  private func fold(_ records: RawRecords) {
    snapshot = nil
    recordCount += records.count
    for record in 0..<records.count {
      guard let key = records.key(record) else { continue }
      if let value = records.value(record) {
        rows.put(key, value, rowtime: records.timestamps[record])
      } else {
        rows.remove(key)
      }
    }
  }

  /// Every key's last record, in the order of the keys' bytes.
  public func all() -> RawRecords {
    if let snapshot { return snapshot }
    let folded = records(rows.slots)
    snapshot = folded
    return folded
  }

  /// The last records of these keys, in the same order.
  public func records(of keys: [[UInt8]]) -> RawRecords {
    let slots = Set(keys.compactMap { key in key.withUnsafeBytes { rows.find($0) } })
    return records(slots.map { Int32($0) })
  }

  private func records(_ slots: [Int32]) -> RawRecords {
    let bytes = slots.reduce(0) { $0 + rows.key(Int($1)).count + rows.row(Int($1)).count }
    var folded = RawRecords(buffer: ByteBuffer(capacity: bytes))
    for slot in rows.inKeyOrder(slots).lazy.map({ Int($0) }) {
      folded.append(key: rows.key(slot), value: rows.row(slot), timestamp: rows.rowtime(slot))
      folded.offsets.append(Int64(folded.offsets.count))
      folded.sequences.append(0)
    }
    return folded
  }
}

extension TableFold {
  /// Of keys that are equal and yet have different bytes only the record that came last stays,
  /// wherever it lies.
  /// Shape: the folded records of each partition, before and after.
  public static func merged(
    _ partitions: [RawRecords], of source: SourceDefinition, _ schemas: any SchemaRegistry
  ) -> [RawRecords] {
    guard source.hasKeysOfSeveralForms, source.window == nil else { return partitions }
    let fields = source.schema.keys.map { FormatField($0.name, $0.type) }
    let decoder = SideDecoder(
      layout: source.layout(.key, columns: fields.count, schemas), fields: fields)
    var last: [[UInt8]: (partition: Int, row: Int)] = [:]
    var kept = partitions.map { [Bool](repeating: true, count: $0.count) }
    for (partition, records) in partitions.enumerated() where records.count > 0 {
      let side = decoder.decode(records, .key, rows: 0..<records.count)
      let bad = Set(side.bad.map(\.row))
      let keys = RowCodec.encode(
        side.columns.map(\.withCanonicalDoubles), count: records.count)
      keys.withBytes { bytes in
        for row in 0..<records.count where !bad.contains(row) {
          let key = Array(bytes[row])
          guard let known = last[key] else {
            last[key] = (partition, row)
            continue
          }
          if partitions[known.partition].timestamps[known.row] <= records.timestamps[row] {
            kept[known.partition][known.row] = false
            last[key] = (partition, row)
          } else {
            kept[partition][row] = false
          }
        }
      }
    }
    return partitions.enumerated().map { partition, records in
      kept[partition].allSatisfy { $0 }
        ? records : records.gather(kept[partition].indices.filter { kept[partition][$0] })
    }
  }
}
