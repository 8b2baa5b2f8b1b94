// COPY: rows of a connector into a source, and rows of a source or a pull query to a connector. Columns throughout.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  // MARK: - FROM

  private static let badLinesShown = 10

  func copy(_ node: CopyFrom, _ handler: any ResultHandler) throws(StatementFailure) {
    let target = CopyColumns(
      source: try copyTarget(node), listed: node.columns, span: node.target.span)
    let copy = try statement(node.file, node.properties, standard: standardInput)
    let connector = engine.options.connectors.copy(node.file?.value)
    let reader = try connector.reader(copy, target)
    var copied = 0
    var bad = 0
    var shown: [String] = []
    while let rows = try reader.next() {
      if cancellation.isCancelled { throw .engine(.interrupted) }
      bad += rows.bad.count
      shown += rows.bad.prefix(Self.badLinesShown - shown.count)
      if !rows.rowtimes.isEmpty {
        try append(
          rows.columns, rowtimes: rows.rowtimes, to: target.source, at: node.target.span)
      }
      copied += rows.rowtimes.count
    }
    for line in shown { handler.message(line) }
    handler.message(
      "Copied \(copied) row\(copied == 1 ? "" : "s")"
        + (bad == 0 ? "" : ", \(bad) line\(bad == 1 ? "" : "s") could not be read"))
    badInputCount += bad
  }

  /// Throws: read-only-source, windowed-source, unknown-column, header-column, duplicate-column.
  private func copyTarget(_ node: CopyFrom) throws(StatementFailure) -> SourceDefinition {
    let catalog = catalogNow
    let source = try planning { () throws(PlanError) in try catalog.source(node.target) }
    guard source.hasTopic, !source.isReadOnly else {
      throw .plan(.copyIntoReadOnly(source.name, at: node.target.span))
    }
    guard source.window == nil else {
      throw .plan(.copyIntoWindowed(source.name, at: node.target.span))
    }
    try planning { () throws(PlanError) in try source.checkInsertable(node.columns) }
    return source
  }

  private func statement(
    _ place: StringLiteral?, _ properties: Properties?, standard: Int32
  ) throws(StatementFailure) -> CopyStatement {
    let format = try planning { () throws(PlanError) in
      try CopyFormat(place?.value, properties)
    }
    return CopyStatement(
      place: place, format: format, paths: paths, context: ConnectorContext(engine.options),
      standard: standard)
  }

  // MARK: - TO

  func copy(_ node: CopyTo, _ handler: any ResultHandler) throws(StatementFailure) {
    let copy = try statement(node.file, node.properties, standard: standardOutput)
    let query: Query
    switch node.origin {
    case .query(let inner): query = inner
    case .source(let name):
      let text = "SELECT * FROM \(Printer.print(name));"
      guard
        case .query(let parsed)? = try? Parser.parse(
          statement: SourceText(name: "copy", text))
      else { throw unsupported("COPY of this source", name.span) }
      query = parsed.query
    }
    try catchUp()
    let (bound, batches) = try batches(of: query)
    let connector = engine.options.connectors.copy(node.file?.value)
    let writer = try connector.writer(copy, bound.columns)
    do throws(QueryFailure) {
      try writer.begin()
      for batch in batches { try writer.write(batch) }
      try writer.commit([])
    } catch {
      writer.rollBack()
      throw .engine(error.isLimit ? .limit(error.message) : .io(error.message))
    }
    if node.file != nil {
      let count = batches.reduce(0) { $0 + $1.count }
      handler.message("Copied \(count) row\(count == 1 ? "" : "s")")
    }
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
