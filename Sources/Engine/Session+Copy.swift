// COPY: rows of a connector into a source, and rows of a source or a pull query to a connector.
// Columns throughout.

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
    while let rows = try next(reader) {
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
      "Copied \(counted(copied, "row"))"
        + (bad == 0 ? "" : ", \(counted(bad, "line")) could not be read"))
    badInputCount += bad
  }

  private func next(_ reader: any CopyReader) throws(StatementFailure) -> CopiedRows? {
    do throws(StatementFailure) {
      return try reader.next()
    } catch {
      throw cancellation.isCancelled ? .engine(.interrupted) : error
    }
  }

  /// Throws: read-only-source, windowed-source, unknown-column, header-column, duplicate-column.
  func copyTarget(_ node: CopyFrom) throws(StatementFailure) -> SourceDefinition {
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
      standard: standard, isCancelled: { [cancellation] in cancellation.isCancelled })
  }

  // MARK: - TO

  /// The query whose rows are copied.
  func copiedQuery(_ node: CopyTo) throws(StatementFailure) -> Query {
    switch node.origin {
    case .query(let query): return query
    case .source(let name):
      let text = "SELECT * FROM \(Printer.print(name));"
      guard
        case .query(let parsed)? = try? Parser.parse(
          statement: SourceText(name: "copy", text))
      else { throw unsupported("COPY of this source", name.span) }
      return parsed.query
    }
  }

  func copy(_ node: CopyTo, _ handler: any ResultHandler) throws(StatementFailure) {
    let copy = try statement(node.file, node.properties, standard: standardOutput)
    let query = try copiedQuery(node)
    try catchUp()
    let target = CopyTarget(copy, engine.options.connectors.copy(node.file?.value))
    do throws(StatementFailure) {
      var plan: BoundQuery?
      try rows(of: query) { (batch, bound) in
        target.write(batch, bound) && !cancellation.isCancelled
      } planned: {
        plan = $0
      }
      if cancellation.isCancelled { throw .engine(.interrupted) }
      if let plan { try target.finish(plan) }
    } catch {
      target.rollBack()
      throw error
    }
    if node.file != nil {
      handler.message("Copied \(counted(target.count, "row"))")
    }
  }
}

/// What COPY writes to, opened when the first rows come or there are none. Opening may wait, as for
/// the reader of a pipe.
private final class CopyTarget {
  private let copy: CopyStatement
  private let connector: any CopyConnector
  private var writer: (any ConnectorWriter)?
  private var failure: StatementFailure?
  private(set) var count = 0

  init(_ copy: CopyStatement, _ connector: any CopyConnector) {
    self.copy = copy
    self.connector = connector
  }

  private func opened(_ bound: BoundQuery) throws(StatementFailure) -> any ConnectorWriter {
    if let writer { return writer }
    let opened = try connector.writer(copy, bound.columns)
    writer = opened
    try writing { () throws(QueryFailure) in try opened.begin() }
    return opened
  }

  private func writing(
    _ body: () throws(QueryFailure) -> Void
  ) throws(StatementFailure) {
    do throws(QueryFailure) { try body() } catch {
      throw .engine(error.isLimit ? .limit(error.message) : .io(error.message))
    }
  }

  /// False: it has failed; `finish` says how.
  func write(_ batch: RecordBatch, _ bound: BoundQuery) -> Bool {
    do throws(StatementFailure) {
      let writer = try opened(bound)
      try writing { () throws(QueryFailure) in try writer.write(batch) }
      count += batch.count
      return true
    } catch {
      failure = error
      return false
    }
  }

  func finish(_ bound: BoundQuery) throws(StatementFailure) {
    if let failure { throw failure }
    let writer = try opened(bound)
    try writing { () throws(QueryFailure) in try writer.commit([]) }
  }

  func rollBack() { writer?.rollBack() }
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
