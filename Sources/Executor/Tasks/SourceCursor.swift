// One partition of one source, as a query reads it: raw records in, decoded batches out, in offset order,
// with the position of every row. Bad records are told with their offset and reason and left out.
// A cursor reads ahead of what an epoch consumes; only what is consumed moves `committed`.

import Syntax
import Columns
import Formats
public import LogStorage
import Planner

/// A place in a partition that a query has consumed up to.
public struct SourcePosition: Hashable, Sendable {
  /// Next offset to read.
  public var offset: Int64
  /// Highest rowtime (or append sequence) so far; it orders rows of this partition among others.
  public var major: Int64

  public init(offset: Int64, major: Int64) {
    self.offset = offset
    self.major = major
  }

  public static let start = SourcePosition(offset: 0, major: Int64.min)
}

/// A record that its source's schema does not accept.
public struct SourceError: Sendable, Hashable {
  public var source: String
  public var topic: String
  public var partition: Int
  public var offset: Int64
  public var reason: String
}

/// How rows of several partitions form one sequence.
public enum MergeOrder: String, Sendable {
  case rowtime
  case arrival
  /// Before the rows of all sources that have another order.
  case first
}

/// Where a cursor's records come from: the log, or a file. Called by the cursor's task only.
public protocol RecordReader: AnyObject, Sendable {
  /// Records from `offset` on, none when there are no more for now; and where to read on.
  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> LogRead
}

final class SourceCursor {
  let scan: Scan
  let ordinal: Int
  let partition: Int
  private let reader: any RecordReader
  private let order: MergeOrder
  private let keyDecoder: SideDecoder
  private let valueDecoder: SideDecoder
  private let rowtimeReader: RowtimeReader?
  /// What the columns of a batch are, in the order of the scan.
  private let sources: [ColumnSource]
  /// Decoded and not yet consumed; the first may be partly consumed.
  private var pending: [RecordBatch] = []
  private var pendingOffsets: [[Int64]] = []
  private(set) var pendingRows = 0
  private var readOffset: Int64
  private var readMajor: Int64
  private(set) var committed: SourcePosition
  private(set) var errors: [SourceError] = []
  private(set) var isAtEnd = false
  /// Bad timestamps stop the query instead of dropping the record.
  private let failsOnBadTimestamp: Bool

  private enum ColumnSource {
    case key(Int)
    case value(Int)
    case headers(key: String?)
    case rowtime, partition, offset, windowStart, windowEnd
  }

  init(
    scan: Scan, ordinal: Int, partition: Int, reader: any RecordReader, order: MergeOrder,
    position: SourcePosition, failsOnBadTimestamp: Bool
  ) {
    self.scan = scan
    self.ordinal = ordinal
    self.partition = partition
    self.reader = reader
    self.order = order
    self.failsOnBadTimestamp = failsOnBadTimestamp
    committed = position
    readOffset = position.offset
    readMajor = position.major
    let source = scan.source
    let needed = Set(scan.columns.map(\.name))
    let timestamp = source.timestamp?.column
    func fields(_ columns: [SchemaColumn]) -> [FormatField] {
      columns.map {
        FormatField(
          $0.name, $0.type, isNeeded: needed.contains($0.name) || $0.name == timestamp)
      }
    }
    let keyFields = fields(source.schema.keys)
    let valueFields = fields(source.schema.values)
    keyDecoder = SideDecoder(
      layout: FormatLayout(source.keyFormat, isKey: true, columns: keyFields.count),
      fields: keyFields)
    valueDecoder = SideDecoder(
      layout: FormatLayout(source.valueFormat, isKey: false, columns: valueFields.count),
      fields: valueFields)
    let keyIndex = Self.places(keyFields)
    let valueIndex = Self.places(valueFields)
    var sources: [ColumnSource] = []
    for column in scan.columns {
      if let name = scan.system.first(where: { $0.value == column.id })?.key {
        switch name {
        case SystemColumn.rowtime: sources.append(.rowtime)
        case SystemColumn.partition: sources.append(.partition)
        case SystemColumn.offset: sources.append(.offset)
        case SystemColumn.windowStart: sources.append(.windowStart)
        default: sources.append(.windowEnd)
        }
      } else if let place = keyIndex[column.name] {
        sources.append(.key(place))
      } else if let place = valueIndex[column.name] {
        sources.append(.value(place))
      } else if case .headers(let key)? = source.schema[column.name]?.role {
        sources.append(.headers(key: key))
      }
    }
    self.sources = sources
    rowtimeReader = source.timestamp.flatMap { spec in
      guard let type = source.schema[spec.column]?.type else { return nil }
      return RowtimeReader(
        spec, type: type, place: valueIndex[spec.column], keyPlace: keyIndex[spec.column])
    }
  }

  private static func places(_ fields: [FormatField]) -> [String: Int] {
    var result: [String: Int] = [:]
    for field in fields where field.isNeeded { result[field.name] = result.count }
    return result
  }

  /// Reads until `rows` rows are pending or the source has no more. Returns whether there may be more.
  func fill(rows: Int, maxBytes: Int) throws(QueryFailure) {
    isAtEnd = false
    if let ready = reader as? RowsReader {
      if let batch = ready.take() {
        pending.append(batch)
        pendingOffsets.append((0..<Int64(batch.count)).map { $0 })
        pendingRows += batch.count
      }
      isAtEnd = true
      return
    }
    while pendingRows < rows {
      let read: LogRead
      do {
        read = try reader.read(from: readOffset, maxBytes: maxBytes)
      } catch {
        throw QueryFailure("cannot read source \(scan.source.name): \(error)")
      }
      guard read.nextOffset > readOffset else {
        isAtEnd = true
        return
      }
      readOffset = read.nextOffset
      try decode(read.records)
    }
  }

  private func decode(_ records: RawRecords) throws(QueryFailure) {
    let batchRows = 2048
    var start = 0
    while start < records.count {
      let end = min(start + batchRows, records.count)
      try decode(records, start..<end)
      start = end
    }
  }

  private func decode(_ records: RawRecords, _ rows: Range<Int>) throws(QueryFailure) {
    let count = rows.count
    let inner = scan.source.window == nil ? records : unwindowed(records)
    let keys = keyDecoder.decode(inner, .key, rows: rows)
    let values = valueDecoder.decode(inner, .value, rows: rows)
    var bad = Bitmap(repeating: false, count: count)
    for record in keys.bad + values.bad { note(record.row, record.reason, records, rows, &bad) }
    var rowtimes = Array(records.timestamps[rows])
    var dropped = bad
    if let rowtimeReader {
      for failure in rowtimeReader.read(keys.columns, values.columns, into: &rowtimes) {
        if dropped[failure.row] { continue }
        if records.valueLength[rows.lowerBound + failure.row] < 0 { continue }
        if failsOnBadTimestamp {
          throw QueryFailure(
            "Fatal user code error in TimestampExtractor callback for record: \(failure.reason)")
        }
        note(failure.row, failure.reason, records, rows, &dropped)
      }
    }
    let isTable = scan.source.kind == .table
    var kinds: [ChangeKind]?
    for row in 0..<count {
      let record = rows.lowerBound + row
      if records.valueLength[record] < 0 {
        if kinds == nil { kinds = Array(repeating: .insert, count: count) }
        kinds?[row] = .delete
      }
      if isTable, records.keyLength[record] < 0 { dropped.set(row, true) }
      // Records with a negative time are not processed.
      if rowtimes[row] < 0 { dropped.set(row, true) }
    }
    var batch = assemble(records, inner, rows, keys.columns, values.columns, rowtimes)
    batch.kinds = kinds
    var offsets = Array(records.offsets[rows])
    if !dropped.isAllFalse {
      let kept = dropped.inverted.trueIndices()
      batch = batch.gather(kept)
      offsets = kept.map { offsets[Int($0)] }
    }
    guard batch.count > 0 else { return }
    pending.append(batch)
    pendingOffsets.append(offsets)
    pendingRows += batch.count
  }

  private func note(
    _ row: Int, _ reason: String, _ records: RawRecords, _ rows: Range<Int>, _ bad: inout Bitmap
  ) {
    let record = row
    guard !bad[record] else { return }
    bad.set(record, true)
    errors.append(
      SourceError(
        source: scan.source.name, topic: scan.source.topic, partition: partition,
        offset: records.offsets[rows.lowerBound + record], reason: reason))
  }

  private func assemble(
    _ records: RawRecords, _ inner: RawRecords, _ rows: Range<Int>, _ keys: [Column],
    _ values: [Column], _ rowtimes: [Int64]
  ) -> RecordBatch {
    var columns: [Column] = []
    columns.reserveCapacity(sources.count)
    for source in sources {
      switch source {
      case .key(let index): columns.append(keys[index])
      case .value(let index): columns.append(values[index])
      case .rowtime: columns.append(.bigint(Fixed(rowtimes)))
      case .partition:
        columns.append(
          .int(Fixed(Array(repeating: Int32(partition), count: rows.count))))
      case .offset: columns.append(.bigint(Fixed(Array(records.offsets[rows]))))
      case .windowStart: columns.append(windowBounds(records, rows, end: false))
      case .windowEnd: columns.append(windowBounds(records, rows, end: true))
      case .headers(let key): columns.append(headerColumn(records, rows, key))
      }
    }
    var majors: [Int64]
    switch order {
    case .rowtime: majors = rowtimes
    case .arrival: majors = Array(records.sequences[rows])
    case .first: majors = Array(repeating: Int64.min, count: rows.count)
    }
    var highest = readMajor
    for row in majors.indices {
      if majors[row] > highest { highest = majors[row] } else { majors[row] = highest }
    }
    readMajor = highest
    // Of rows with one time those of tables come first, so that a stream row meets them.
    let rank = scan.source.kind == .table ? ordinal : ordinal + 128
    let base = Positions.minor(source: rank, partition: partition, ordinal: 0)
    let minors = rows.map {
      base | UInt64(truncatingIfNeeded: records.offsets[$0]) & 0xFF_FFFF_FFFF
    }
    return RecordBatch(
      columns: columns, rowtimes: rowtimes, positions: Positions(major: majors, minor: minors),
      headers: records.headers.isEmpty ? nil : Array(records.headers[rows]))
  }

  /// Key of the last pending row, which orders this partition among others; nil: nothing is pending.
  var lastPosition: (major: Int64, minor: UInt64)? {
    pending.last.map { batch in
      (batch.positions.major[batch.count - 1], batch.positions.minor[batch.count - 1])
    }
  }

  /// Takes the pending rows up to and including `cut`; nil: all of them.
  func take(upTo cut: (major: Int64, minor: UInt64)?) -> [RecordBatch] {
    guard let cut else {
      let all = pending
      pending = []
      pendingOffsets = []
      pendingRows = 0
      committed = SourcePosition(offset: readOffset, major: readMajor)
      return all
    }
    var taken: [RecordBatch] = []
    while let batch = pending.first {
      var low = 0
      var high = batch.count
      while low < high {
        let middle = (low + high) / 2
        let major = batch.positions.major[middle]
        let within =
          major != cut.major
          ? major < cut.major : batch.positions.minor[middle] <= cut.minor
        if within { low = middle + 1 } else { high = middle }
      }
      if low == 0 { break }
      committed = SourcePosition(
        offset: pendingOffsets[0][low - 1] + 1, major: batch.positions.major[low - 1])
      pendingRows -= low
      if low == batch.count {
        taken.append(batch)
        pending.removeFirst()
        pendingOffsets.removeFirst()
      } else {
        taken.append(batch.gather((0..<Int32(low)).map { $0 }))
        pending[0] = batch.gather((Int32(low)..<Int32(batch.count)).map { $0 })
        pendingOffsets[0].removeFirst(low)
        break
      }
    }
    if pending.isEmpty { committed = SourcePosition(offset: readOffset, major: readMajor) }
    return taken
  }

  /// Errors found since the last call.
  func drainErrors() -> [SourceError] {
    defer { errors = [] }
    return errors
  }
}

/// Reads a column as rowtime.
struct RowtimeReader {
  private let type: DataType
  private let format: String?
  private let place: Int?
  private let keyPlace: Int?

  init(_ spec: TimestampSpec, type: DataType, place: Int?, keyPlace: Int?) {
    self.type = type
    format = spec.format
    self.place = place
    self.keyPlace = keyPlace
  }

  /// Overwrites the times; returns the rows whose column holds no time.
  func read(
    _ keys: [Column], _ values: [Column], into rowtimes: inout [Int64]
  ) -> [BadRecord] {
    guard let column = place.map({ values[$0] }) ?? keyPlace.map({ keys[$0] }) else { return [] }
    var failures: [BadRecord] = []
    if case .bytes(let texts) = column { return read(texts, into: &rowtimes) }
    for row in rowtimes.indices {
      if let time = milliseconds(column, row), time >= 0 {
        rowtimes[row] = time
      } else {
        failures.append(
          BadRecord(row: row, reason: "the TIMESTAMP column holds no valid time"))
      }
    }
    return failures
  }

  /// Texts of times come in runs: one that equals the one before it is not parsed again.
  private func read(_ texts: ByteColumn, into rowtimes: inout [Int64]) -> [BadRecord] {
    var failures: [BadRecord] = []
    var lastRow = -1
    var lastTime: Int64?
    for row in rowtimes.indices {
      if let validity = texts.validity, !validity[row] {
        failures.append(BadRecord(row: row, reason: "the TIMESTAMP column is NULL"))
        continue
      }
      if lastRow < 0 || !equalBytes(texts.view(lastRow), texts.view(row)) {
        lastTime = parseTimestamp(texts.string(row), format: format ?? "")
        lastRow = row
      }
      if let lastTime, lastTime >= 0 {
        rowtimes[row] = lastTime
      } else {
        failures.append(
          BadRecord(row: row, reason: "the TIMESTAMP column holds no valid time"))
      }
    }
    return failures
  }

  func milliseconds(_ column: Column, _ row: Int) -> Int64? {
    if column.isNull(row) { return nil }
    switch column {
    case .bigint(let column): return column.values[row]
    case .bytes(let column):
      return parseTimestamp(column.string(row), format: format ?? "")
    case .boolean, .int, .double, .decimal, .wideDecimal, .array, .map, .structure: return nil
    }
  }
}
