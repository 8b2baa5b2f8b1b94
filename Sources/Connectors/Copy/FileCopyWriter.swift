// What COPY ... TO writes, a batch of rows at a time: times as ISO-8601 text, nested values in CSV
// as JSON, '' in quotes and NULL as nothing. The file has its name when all of it is there.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceTopics

final class FileCopyWriter: ConnectorWriter {
  private let file: any OutsideFile
  private let format: CopyFormat
  private let columns: [PlanColumn]
  private let encoder: SideEncoder
  private var rowCount = 0

  /// `columns`: the first ones of each batch.
  init(_ file: any OutsideFile, _ format: CopyFormat, _ columns: [PlanColumn]) {
    self.file = file
    self.format = format
    self.columns = columns
    encoder = SideEncoder(
      layout: format.layout,
      fields: columns.map { FormatField($0.name, $0.type.withTimesAsText) })
  }

  func begin() throws(QueryFailure) {
    guard format.hasHeader else { return }
    let encoder = SideEncoder(
      layout: format.layout, fields: columns.map { FormatField($0.name, .string) })
    var line = RawRecords(buffer: ByteBuffer(capacity: 256))
    _ = encoder.encode(
      columns.map { Column.from([.string($0.name)], .string) }, count: 1, isNull: nil,
      into: &line, .value)
    try write(line)
  }

  func write(_ batch: RecordBatch) throws(QueryFailure) {
    var records = RawRecords(buffer: ByteBuffer(capacity: batch.count * 64))
    let bad = encoder.encode(
      zip(columns, batch.columns).map { $1.withTimesAsText($0.type) }, count: batch.count,
      isNull: nil, into: &records, .value)
    if let first = bad.first {
      throw QueryFailure("cannot write row \(rowCount + first.row + 1): \(first.reason)")
    }
    try write(records)
    rowCount += batch.count
  }

  func commit(
    _ positions: [(partition: Int, position: SourcePosition)]
  ) throws(QueryFailure) {
    do { try file.finish() } catch { throw failure(error) }
  }

  /// A file that is not finished goes with its last reference.
  func rollBack() {}

  private func write(_ records: RawRecords) throws(QueryFailure) {
    var text: [UInt8] = []
    text.reserveCapacity(records.buffer.count + records.count)
    for row in 0..<records.count {
      if let value = records.value(row) { text.append(contentsOf: value) }
      text.append(UInt8(ascii: "\n"))
    }
    do { try file.write(text) } catch { throw failure(error) }
  }

  private func failure(_ error: StorageError) -> QueryFailure {
    QueryFailure("\(error)", isLimit: error.kind == .tooLarge)
  }
}

extension DataType {
  /// As files hold it.
  fileprivate var withTimesAsText: DataType {
    switch self {
    case .date, .time, .timestamp: .string
    case .array(let element): .array(element.withTimesAsText)
    case .map(let key, let value):
      .map(key: key.withTimesAsText, value: value.withTimesAsText)
    case .structure(let fields):
      .structure(fields.map { StructField($0.name, $0.type.withTimesAsText) })
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes: self
    }
  }
}

extension Column {
  fileprivate func withTimesAsText(_ type: DataType) -> Column {
    switch (self, type) {
    case (_, .date), (_, .time), (_, .timestamp):
      let builder = ColumnBuilder(.string, capacity: count)
      for row in 0..<count {
        if isNull(row) {
          builder.appendNull()
        } else {
          builder.append(string: text(of: value(row, type), type))
        }
      }
      return builder.finish()
    case (.array(let list), .array(let element)):
      return .array(
        ListColumn(
          offsets: list.offsets, elements: list.elements.withTimesAsText(element),
          validity: list.validity))
    case (.map(let map), .map(let key, let value)):
      return .map(
        MapColumn(
          offsets: map.offsets, keys: map.keys.withTimesAsText(key),
          values: map.values.withTimesAsText(value), validity: map.validity))
    case (.structure(let structure), .structure(let fields)):
      return .structure(
        StructColumn(
          fields: zip(structure.fields, fields).map { $0.withTimesAsText($1.type) },
          count: structure.count, validity: structure.validity))
    default: return self
    }
  }
}
