// Records of one partition of one source to columns. What is decoded depends on the source and on
// the set of columns asked for, never on a query, so several queries can share the result.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

/// Good rows of some consecutive records, in offset order.
/// Shape: every column and array has one element a row; `kinds` and `headers` where present.
final class DecodedBatch: Sendable {
  /// Schema columns by name: those asked for.
  let columns: [TextKey: Column]
  let rowtimes: [Int64]
  let offsets: [Int64]
  let sequences: [Int64]
  /// nil: no record has a null value.
  let kinds: [ChangeKind]?
  /// Bounds of a windowed source's windows.
  let windows: (start: Column, end: Column)?
  let headers: [[RecordHeader]]?
  /// Where the rows stood before an exchange; nil: their records' own places count.
  let positions: Positions?

  var count: Int { rowtimes.count }

  init(
    columns: [TextKey: Column], rowtimes: [Int64], offsets: [Int64], sequences: [Int64],
    kinds: [ChangeKind]?, windows: (start: Column, end: Column)?, headers: [[RecordHeader]]?,
    positions: Positions? = nil
  ) {
    self.columns = columns
    self.rowtimes = rowtimes
    self.offsets = offsets
    self.sequences = sequences
    self.kinds = kinds
    self.windows = windows
    self.headers = headers
    self.positions = positions
  }

  func gather(_ rows: [Int32]) -> DecodedBatch {
    DecodedBatch(
      columns: columns.mapValues { $0.gather(rows) }, rowtimes: rows.map { rowtimes[Int($0)] },
      offsets: rows.map { offsets[Int($0)] }, sequences: rows.map { sequences[Int($0)] },
      kinds: kinds.map { kinds in rows.map { kinds[Int($0)] } },
      windows: windows.map { ($0.start.gather(rows), $0.end.gather(rows)) },
      headers: headers.map { headers in rows.map { headers[Int($0)] } },
      positions: positions?.gather(rows))
  }
}

/// Makes rows of the records that a scan has read. Not thread-safe; reused read after read.
protocol ChunkDecoder: AnyObject {
  func decode(_ records: RawRecords) -> ScanDecoder.Result
}

/// Rows of a source's records.
final class ScanDecoder: ChunkDecoder {
  private let source: SourceDefinition
  private let partition: Int
  private let keyDecoder: SideDecoder
  private let valueDecoder: SideDecoder
  /// Names of the decoded columns, in the decoders' order.
  private let keyNames: [String]
  private let valueNames: [String]
  private let headerColumns: [(name: String, key: String?)]
  private let rowtimeReader: RowtimeReader?
  private static let batchRows = 2048

  /// What a read of records gives.
  struct Result {
    var batches: [DecodedBatch] = []
    var errors: [SourceError] = []
    /// Among the errors: the first record whose TIMESTAMP column holds no time.
    var badTimestamp: String?
    /// The first record about which nothing is known yet, and why; nothing behind it is here.
    var undecided: (offset: Int64, reason: String)?
  }

  /// `order`: the columns in the order of a record's fields, where it is not that of the schema.
  init(
    _ source: SourceDefinition, partition: Int, needed: Set<TextKey>, order: [String]? = nil,
    schemas: any SchemaRegistry
  ) {
    self.source = source
    self.partition = partition
    let timestamp = source.timestamp?.column
    func fields(_ columns: [SchemaColumn]) -> [FormatField] {
      columns.map {
        FormatField(
          $0.name, $0.type, isNeeded: needed.contains($0.name) || $0.name == timestamp)
      }
    }
    // A line of a file holds all columns, and is no more than that: its keys are not bytes of their
    // own.
    let isLine = source.hasWholeRows
    let keyFields = isLine ? [] : fields(source.schema.keys)
    let valueFields = fields(
      isLine ? source.lineColumns(order: order) : source.schema.values)
    // The key's bytes of a source without key columns may be anything.
    keyDecoder = SideDecoder(
      layout: keyFields.isEmpty
        ? FormatLayout(RecordFormats.empty)
        : source.layout(.key, columns: keyFields.count, schemas),
      fields: keyFields)
    valueDecoder = SideDecoder(
      layout: source.layout(.value, columns: valueFields.count, schemas),
      fields: valueFields, times: isLine ? .iso : nil)
    let keyNames = keyFields.filter(\.isNeeded).map(\.name)
    let valueNames = valueFields.filter(\.isNeeded).map(\.name)
    self.keyNames = keyNames
    self.valueNames = valueNames
    headerColumns = source.schema.columns.compactMap { column in
      guard case .headers(let key) = column.role, needed.contains(column.name) else { return nil }
      return (column.name, key)
    }
    rowtimeReader = source.timestamp.flatMap { spec in
      guard let type = source.schema[spec.column]?.type else { return nil }
      return RowtimeReader(
        spec, type: type, place: valueNames.firstIndex(of: spec.column),
        keyPlace: keyNames.firstIndex(of: spec.column))
    }
  }

  func decode(_ records: RawRecords) -> Result {
    var result = Result()
    var start = 0
    while start < records.count, result.undecided == nil {
      let end = min(start + Self.batchRows, records.count)
      decode(records, start..<end, &result)
      start = end
    }
    return result
  }

  private func decode(_ records: RawRecords, _ rows: Range<Int>, _ result: inout Result) {
    let count = rows.count
    let inner = source.window.map { records.unwindowed($0) } ?? records
    let keys = keyDecoder.decode(inner, .key, rows: rows)
    let values = valueDecoder.decode(inner, .value, rows: rows)
    var dropped = Bitmap(repeating: false, count: count)
    let good = goodCount(keys.bad + values.bad, count, records, rows, &result)
    for row in good..<count { dropped.set(row, true) }
    func note(_ row: Int, _ reason: String, isKey: Bool = false) {
      guard !dropped[row] else { return }
      dropped.set(row, true)
      let record = rows.lowerBound + row
      result.errors.append(
        SourceError(
          source: source.name, topic: source.topic, partition: partition,
          offset: records.offsets[record], reason: reason,
          excerpt: SourceError.excerpt(isKey ? records.key(record) : records.value(record))))
    }
    for record in keys.bad { note(record.row, record.reason, isKey: true) }
    for record in values.bad { note(record.row, record.reason) }
    var rowtimes = Array(records.timestamps[rows])
    if let rowtimeReader {
      for failure in rowtimeReader.read(keys.columns, values.columns, into: &rowtimes) {
        if dropped[failure.row] || records.valueLength[rows.lowerBound + failure.row] < 0 {
          continue
        }
        if result.badTimestamp == nil { result.badTimestamp = failure.reason }
        note(failure.row, failure.reason)
      }
    }
    let isTable = source.kind == .table
    var kinds: [ChangeKind]?
    let isPlain =
      Rowtime.areValid(rowtimes) && !hasNegative(records.valueLength, rows)
      && !(isTable && hasNegative(records.keyLength, rows))
    for row in 0..<(isPlain ? 0 : count) {
      let record = rows.lowerBound + row
      if records.valueLength[record] < 0 {
        if kinds == nil { kinds = Array(repeating: .insert, count: count) }
        kinds?[row] = .delete
      }
      if isTable, records.keyLength[record] < 0 { dropped.set(row, true) }
      if rowtimes[row] < 0 { note(row, "its time, \(rowtimes[row]) ms, lies before 1970") }
      if rowtimes[row] > Rowtime.latest {
        note(row, "its time, \(rowtimes[row]) ms, is later than the latest (\(Rowtime.latest))")
      }
    }
    var columns: [TextKey: Column] = [:]
    for (name, column) in zip(keyNames, keys.columns) {
      columns[name] = source.hasKeysOfSeveralForms ? column.withCanonicalDoubles : column
    }
    for (name, column) in zip(valueNames, values.columns) { columns[name] = column }
    for (name, key) in headerColumns { columns[name] = headerColumn(records, rows, key) }
    let batch = DecodedBatch(
      columns: columns, rowtimes: rowtimes, offsets: Array(records.offsets[rows]),
      sequences: Array(records.sequences[rows]), kinds: kinds,
      windows: source.window.map { records.windowBounds(rows, $0) },
      headers: records.headers.isEmpty ? nil : Array(records.headers[rows]))
    let kept = dropped.isAllFalse ? batch : batch.gather(dropped.inverted.trueIndices())
    if kept.count > 0 { result.batches.append(kept) }
  }

  /// The rows before the first record about which nothing is known yet.
  private func goodCount(
    _ bad: [BadRecord], _ count: Int, _ records: RawRecords, _ rows: Range<Int>,
    _ result: inout Result
  ) -> Int {
    guard let first = bad.filter(\.isUndecided).min(by: { $0.row < $1.row }) else { return count }
    result.undecided = (records.offsets[rows.lowerBound + first.row], first.reason)
    return first.row
  }

  private func hasNegative(_ lengths: [Int32], _ rows: Range<Int>) -> Bool {
    var signs: Int32 = 0
    for length in lengths[rows] { signs |= length }
    return signs < 0
  }

  // MARK: - What is no column of a format

  /// All headers as an array, or the last value of one header.
  private func headerColumn(_ records: RawRecords, _ rows: Range<Int>, _ key: String?) -> Column {
    let entry = DataType.structure([
      StructField("KEY", .string), StructField("VALUE", .bytes),
    ])
    let builder = ColumnBuilder(key == nil ? .array(entry) : .bytes, capacity: rows.count)
    for row in rows {
      let headers = records.headers.isEmpty ? [] : records.headers[row]
      if let key {
        builder.append(
          headers.last { $0.key == key }.flatMap { $0.value }.map { .bytes($0) } ?? .null)
      } else {
        builder.append(
          .array(
            headers.map {
              .structure([.string($0.key), $0.value.map { .bytes($0) } ?? .null])
            }))
      }
    }
    return builder.finish()
  }
}
