// WITH (SQLITE = 'file.db'): a table that is kept in a SQLite file as well. Rows and positions are
// written in one SQLite transaction, so that the file is the fold of the table's topic up to its
// positions, whatever is killed when.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

struct SQLiteConnector: FollowerConnector {
  let kind = ConnectorTraits("SQLITE", noun: "SQLite file", role: .follower)

  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure) {
    let (source, span) = (declaration.source, declaration.span())
    guard source.kind == .table else { throw .plan(.mirrorOfStream(source.name, at: span)) }
    guard source.window == nil else { throw .plan(.mirrorOfWindowed(at: span)) }
    try declaration.checkPath()
    try declaration.paths.checkRoot(declaration.spec.target, span)
  }

  func open(
    _ topic: FollowedTopic, _ spec: ConnectorSpec, _ context: ConnectorContext
  ) throws(QueryFailure) -> any ConnectorWriter {
    let file: SQLiteFile
    do throws(SQLiteError) {
      file = try Self.file(spec, context)
    } catch {
      throw QueryFailure(error.message)
    }
    return SQLiteWriter(SQLiteTable(topic: topic, file: file), path: spec.target)
  }

  /// Below roots the path has no links.
  private static func file(
    _ spec: ConnectorSpec, _ context: ConnectorContext
  ) throws(SQLiteError) -> SQLiteFile {
    let path = spec.target
    guard spec.roots != nil else { return try SQLiteFile(path, takesLinks: true) }
    do {
      _ = try context.files.open(path, beneath: spec.roots)
    } catch {
      if case .outside = error {
        throw SQLiteError(message: "\(path) lies outside the declared directories")
      }
    }
    return try SQLiteFile(path, takesLinks: false)
  }
}

final class SQLiteWriter: ConnectorWriter {
  private struct Statements {
    var upsert: SQLiteStatement
    var remove: SQLiteStatement
    var move: SQLiteStatement
  }

  private let table: SQLiteTable
  private let path: String
  /// Prepared when the tables are there.
  private var statements: Statements?

  init(_ table: SQLiteTable, path: String) {
    self.table = table
    self.path = path
  }

  func resume() throws(QueryFailure) -> [Int: SourcePosition] {
    do throws(SQLiteError) {
      let places = try table.open()
      statements = Statements(
        upsert: try table.file.prepare(table.upsert),
        remove: try table.file.prepare(table.delete),
        move: try table.file.prepare(SQLiteTable.move))
      return places
    } catch {
      throw QueryFailure("SQLite file \(path): \(error.message)")
    }
  }

  func begin() throws(QueryFailure) {
    try doing { () throws(SQLiteError) in try table.file.execute("BEGIN IMMEDIATE") }
  }

  func write(_ batch: RecordBatch) throws(QueryFailure) {
    guard let statements else { return }
    let (columns, keyCount) = (table.topic.columns, table.topic.source.schema.keys.count)
    for row in 0..<batch.count {
      let isDelete = batch.kind(row) == .delete
      let values = columns.indices.prefix(isDelete ? keyCount : columns.count).map { index in
        (batch.columns[index].value(row, columns[index].type), columns[index].type)
      }
      try doing { () throws(SQLiteError) in
        try (isDelete ? statements.remove : statements.upsert).run(values)
      }
    }
  }

  func commit(
    _ positions: [(partition: Int, position: SourcePosition)]
  ) throws(QueryFailure) {
    try doing { () throws(SQLiteError) in
      for (partition, position) in positions {
        try statements?.move.run([
          (.bigint(position.offset), .bigint), (.bigint(position.major), .bigint),
          (.string(table.topic.source.name), .string), (.bigint(Int64(partition)), .bigint),
        ])
      }
      try table.file.execute("COMMIT")
    }
  }

  func rollBack() { table.file.rollBack() }

  private func doing(_ body: () throws(SQLiteError) -> Void) throws(QueryFailure) {
    do { try body() } catch { throw QueryFailure(error.message) }
  }
}
