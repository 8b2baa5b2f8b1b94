// COPY ... FROM: lines of CSV, TSV and newline-separated JSON into a source. Names, quotes and types are read as those
// of streams over files are.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import Glibc
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func copy(_ node: CopyFrom, _ handler: any ResultHandler) throws(StatementFailure) {
    let source = try copyTarget(node)
    var format = try planning { () throws(PlanError) in
      try CopyFormat(node.file?.value, node.properties)
    }
    let input = CopyInput(try copyFile(node))
    if format.isGuessed {
      format.guess(try reading { () throws(QueryFailure) in try input.peek() })
    }
    let insertable = source.schema.columns.filter { $0.role == .key || $0.role == .value }
    var names = node.columns.isEmpty ? insertable.map(\.name) : node.columns.map(\.name)
    if format.hasHeader {
      guard let found = try header(input, format, node, source, names) else {
        return handler.message("Copied 0 rows")
      }
      names = found
    } else if !format.kind.takesHeader, !names.contains(SystemColumn.rowtime) {
      names.append(SystemColumn.rowtime)
    }
    let wanted = Set(node.columns.map(\.name))
    let fields = names.map { name in
      let column = insertable.first { $0.name == name }
      let isTime = column == nil && name == SystemColumn.rowtime
      return FormatField(
        name, column?.type ?? (isTime ? .timestamp : .string),
        isNeeded: isTime || column != nil && (wanted.isEmpty || wanted.contains(name)))
    }
    let load = CopyLoad(source, fields, format, lineBytesMax: engine.options.lineBytesMax)
    let (copied, bad) = try run(load, input, node.target.span)
    for record in bad.prefix(10) { handler.message(record) }
    handler.message(
      "Copied \(copied) row\(copied == 1 ? "" : "s")"
        + (bad.isEmpty ? "" : ", \(bad.count) line\(bad.count == 1 ? "" : "s") could not be read"))
    badInputCount += bad.count
  }

  /// Throws: read-only-source, windowed-source, unknown-column, header-column, duplicate-column.
  private func copyTarget(_ node: CopyFrom) throws(StatementFailure) -> SourceDefinition {
    let catalog = catalogNow
    let source = try planning { () throws(PlanError) in try catalog.source(node.target) }
    guard source.file == nil, !source.isReadOnly else {
      throw .plan(.copyIntoReadOnly(source.name, at: node.target.span))
    }
    guard source.window == nil else {
      throw .plan(.copyIntoWindowed(source.name, at: node.target.span))
    }
    try planning { () throws(PlanError) in try source.checkInsertable(node.columns) }
    return source
  }

  private func copyFile(_ node: CopyFrom) throws(StatementFailure) -> any OutsideFile {
    guard let file = node.file else {
      return DescriptorFile("standard input", dup(standardInput))
    }
    let path = paths.resolve(file.value)
    return try paths.outside(file.value, file.span) { () throws(OutsideError) in
      try engine.options.files.open(path, beneath: roots)
    }
  }

  /// The columns that the first line names; nil: there is no line. Columns of the source that the statement does not
  /// list are skipped.
  private func header(
    _ input: CopyInput, _ format: CopyFormat, _ node: CopyFrom, _ source: SourceDefinition,
    _ names: [String]
  ) throws(StatementFailure) -> [String]? {
    let splitter = LineSplitter(
      format.layout, columns: 0, bytesMax: engine.options.lineBytesMax)
    let line = try reading { () throws(QueryFailure) in
      try input.next(splitter, limit: 1, lineBytesMax: engine.options.lineBytesMax)
    }
    guard let line, let bytes = line.value(0) else { return nil }
    do throws(FileHeader.Mismatch) {
      return try FileHeader.columns(
        FileHeader.names(bytes, delimiter: splitter.separator ?? UInt8(ascii: ",")),
        of: source.name,
        needed: names,
        ignored: source.schema.columns.filter { $0.role == .key || $0.role == .value }.map(\.name)
          + [SystemColumn.rowtime])
    } catch {
      throw .plan(.headerMismatch(error, at: node.target.span))
    }
  }

  private func run(
    _ load: CopyLoad, _ input: CopyInput, _ span: Span
  ) throws(StatementFailure) -> (copied: Int, bad: [String]) {
    var copied = 0
    var bad: [String] = []
    while true {
      let records = try reading { () throws(QueryFailure) in
        try input.next(
          load.splitter, limit: .max, lineBytesMax: engine.options.lineBytesMax)
      }
      guard let records else { return (copied, bad) }
      for start in stride(from: 0, to: records.count, by: CopyLoad.rowsMax) {
        if cancellation.isCancelled { throw .engine(.interrupted) }
        let part = load.rows(records, start..<min(start + CopyLoad.rowsMax, records.count))
        for record in part.bad {
          bad.append(
            "line \(input.line(at: records.valueStart[record.row])): \(record.reason)")
        }
        if !part.rows.isEmpty {
          try append(part.rows, rowtimes: part.rowtimes, to: load.source, at: span)
        }
        copied += part.rows.count
      }
    }
  }

  private func reading<Result>(
    _ body: () throws(QueryFailure) -> Result
  ) throws(StatementFailure) -> Result {
    do { return try body() } catch {
      throw .engine(error.isLimit ? .limit(error.message) : .io(error.message))
    }
  }
}

/// Lines to rows of a source.
private struct CopyLoad {
  static let rowsMax = 8192

  let source: SourceDefinition
  let splitter: LineSplitter
  private let decoder: SideDecoder
  /// Of each column of the source where it stands among those decoded.
  private let places: [Int?]
  private let timePlace: Int?
  private let rowtime: Int64?

  init(
    _ source: SourceDefinition, _ fields: [FormatField], _ format: CopyFormat, lineBytesMax: Int
  ) {
    self.source = source
    splitter = LineSplitter(format.layout, columns: fields.count, bytesMax: lineBytesMax)
    decoder = SideDecoder(layout: format.layout, fields: fields, times: .iso)
    let needed = fields.filter(\.isNeeded).map(\.name)
    places = source.schema.columns.map { needed.firstIndex(of: $0.name) }
    timePlace =
      source.schema.index(of: SystemColumn.rowtime) == nil
      ? needed.firstIndex(of: SystemColumn.rowtime) : nil
    rowtime = format.rowtime
  }

  /// Rows that are bad are told by their number in `records`.
  func rows(
    _ records: RawRecords, _ range: Range<Int>
  ) -> (rows: [[Value]], rowtimes: [Int64?], bad: [BadRecord]) {
    let decoded = decoder.decode(records, .value, rows: range)
    var bad = decoded.bad
    let badRows = Set(bad.map(\.row))
    var rows: [[Value]] = []
    var rowtimes: [Int64?] = []
    for row in 0..<range.count where !badRows.contains(row) {
      let values = zip(source.schema.columns, places).map { column, place in
        place.map { decoded.columns[$0].value(row, column.type) } ?? .null
      }
      var time = rowtime
      if let timePlace, case .timestamp(let own) = decoded.columns[timePlace].value(row, .timestamp)
      {
        time = own
      }
      if let reason = fault(values, time) {
        bad.append(BadRecord(row: row, reason: reason))
      } else {
        rows.append(values)
        rowtimes.append(time)
      }
    }
    bad.sort { $0.row < $1.row }
    for index in bad.indices { bad[index].row += range.lowerBound }
    return (rows, rowtimes, bad)
  }

  private func fault(_ values: [Value], _ time: Int64?) -> String? {
    if let time, !Rowtime.isValid(time) {
      return "its time, \(time) ms, is not between 0 and the latest (\(Rowtime.latest))"
    }
    guard source.kind == .table else { return nil }
    for (column, value) in zip(source.schema.columns, values) where column.isKey && value.isNull {
      return "the primary key \(column.name) is NULL"
    }
    return nil
  }
}

extension SourceDefinition {
  /// Throws: what cannot stand in the list of columns of INSERT and COPY, or stands there twice.
  func checkInsertable(_ columns: [Identifier]) throws(PlanError) {
    let insertable = schema.columns.filter { $0.role == .key || $0.role == .value }.map(\.name)
    try columns.checkDistinct()
    for column in columns {
      if column.name == SystemColumn.rowtime { continue }
      if SystemColumn.pseudo.contains(column.name) {
        throw .pseudoColumnWritten(column.name, at: column.span)
      }
      guard let target = schema[column.name] else {
        throw .unknownTargetColumn(
          column.name, source: name, candidates: insertable, at: column.span)
      }
      guard target.role == .key || target.role == .value else {
        throw .headerColumnWritten(column.name, at: column.span)
      }
    }
  }
}

extension [Identifier] {
  /// Throws: duplicate-column.
  func checkDistinct() throws(PlanError) {
    var seen: Set<Identifier> = []
    for column in self where !seen.insert(column).inserted {
      throw .repeatedColumn(column.name, at: column.span)
    }
  }
}
