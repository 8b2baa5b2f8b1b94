// A table that is kept in a SQLite file as well: WITH (SQLITE = 'file.db'). Rows and positions are written in one
// SQLite transaction, so that the file is the fold of the table's topic up to its positions, whatever is
// killed when; and a transaction goes up to the end of a commit, so that what a reader finds is the table
// as it was at the end of some epoch. While the table is far behind, transactions are cut.
//
// headrace_positions: the table, its partition, the topic's number, the columns as they were made, where to go on.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

final class TableMirror {
  /// Rows of one transaction, when the table is behind.
  private static let rowsMax = 200_000
  private static let text = DataType.string

  let source: SourceDefinition
  private let log: any TopicStore
  private let file: SQLiteFile
  private let runtime: QueryRuntime
  private let ends: PartitionEnds
  private let columns: [PlanColumn]
  private let keyCount: Int
  private let pool = WorkerPool(workers: 1)
  private let upsert: SQLiteStatement
  private let remove: SQLiteStatement
  private let move: SQLiteStatement
  private let topicID: Int64

  /// `roots`: where the file must lie; its path has no links then.
  private static func open(
    _ path: String, _ roots: [String]?, _ engine: Engine
  ) throws(SQLiteError) -> SQLiteFile {
    guard roots != nil else { return try SQLiteFile(path, takesLinks: true) }
    do {
      _ = try engine.options.files.open(path, beneath: roots)
    } catch {
      if case .outside = error {
        throw SQLiteError(message: "\(path) lies outside the declared directories")
      }
    }
    return try SQLiteFile(path, takesLinks: false)
  }

  /// Opens the file and goes on where it stands. Throws: what SQLite says.
  init(
    _ source: SourceDefinition, path: String, _ engine: Engine
  ) throws(QueryFailure) {
    self.source = source
    log = engine.log
    topicID = engine.log.topic(source.topic)?.id ?? 0
    do throws(SQLiteError) {
      file = try Self.open(path, source.fileRoots, engine)
    } catch {
      throw QueryFailure(error.message)
    }
    let bound = try Self.scan(source, engine)
    columns = bound.columns
    keyCount = source.schema.keys.count
    let setup = MirrorTable(source: source, columns: columns, file: file, topicID: topicID)
    let places: [Int: SourcePosition]
    do throws(SQLiteError) {
      places = try setup.open(ends: try Self.ends(engine.log, source))
      upsert = try file.prepare(setup.upsert)
      remove = try file.prepare(setup.delete)
      move = try file.prepare(MirrorTable.move)
    } catch {
      throw QueryFailure("SQLite file \(path): \(error.message)")
    }
    let ends = PartitionEnds(engine.log, source.topic)
    self.ends = ends
    runtime = try QueryRuntime(
      plan: PhysicalPlanner().plan(bound.plan), end: .client, functions: engine.options.functions,
      options: QueryOptions(order: .arrival, schemas: engine.options.schemas),
      positions: { _, partition in places[partition] ?? .start },
      reader: { (_, partition) throws(QueryFailure) in EndedReader(ends, partition) })
  }

  private static func ends(
    _ log: any TopicStore, _ source: SourceDefinition
  ) throws(SQLiteError) -> [Int64] {
    guard let ends = log.committedEnds(source.topic) else {
      throw SQLiteError(message: "topic \(source.topic) does not exist")
    }
    return ends
  }

  /// The table's records as they come: a record without value is a deletion whether its key is known or not.
  private static func scan(
    _ source: SourceDefinition, _ engine: Engine
  ) throws(QueryFailure) -> BoundQuery {
    var records = source
    records.kind = .stream
    var catalog = Catalog(functions: engine.options.functions)
    catalog.add(records)
    let name = Printer.quotedIfNeeded(source.name)
    let text = SourceText(name: "mirror", "SELECT * FROM \(name) EMIT CHANGES;")
    do {
      guard case .query(let node) = try Parser.parse(statement: text) else {
        throw QueryFailure("cannot read table \(source.name)")
      }
      return try QueryBinder(
        context: BindingContext(catalog: catalog, properties: [:]), purpose: .push
      ).bind(node.query)
    } catch {
      throw QueryFailure("cannot read table \(source.name): \(error)")
    }
  }

  /// Writes what is committed now. Returns whether there is more.
  func advance(clockMs: Int64) throws(QueryFailure) -> Bool {
    guard ends.look(), ends.isBehind(runtime.positions) else { return false }
    var isMore = true
    func body() throws(QueryFailure) {
      var count = 0
      while count < Self.rowsMax {
        let slice = try runtime.runSlice(pool, clockMs: clockMs)
        for batch in slice.rows { try write(batch) }
        count += slice.rowCount
        if slice.rowCount == 0, !slice.hasMore {
          isMore = false
          break
        }
      }
      for (_, partition, position) in runtime.positions {
        try doing { () throws(SQLiteError) in
          try move.run([
            (.bigint(position.offset), .bigint), (.bigint(position.major), .bigint),
            (.string(source.name), Self.text), (.bigint(Int64(partition)), .bigint),
          ])
        }
      }
    }
    try file.transaction(body) { QueryFailure($0.message) }
    return isMore
  }

  private func doing(_ body: () throws(SQLiteError) -> Void) throws(QueryFailure) {
    do { try body() } catch { throw QueryFailure(error.message) }
  }

  private func write(_ batch: RecordBatch) throws(QueryFailure) {
    for row in 0..<batch.count {
      let isDelete = batch.kind(row) == .delete
      let values = columns.indices.prefix(isDelete ? keyCount : columns.count).map { index in
        (batch.columns[index].value(row, columns[index].type), columns[index].type)
      }
      // Without its key a record says nothing of a table.
      if values.prefix(keyCount).contains(where: { $0.0.isNull }) { continue }
      try doing { () throws(SQLiteError) in try (isDelete ? remove : upsert).run(values) }
    }
  }

  func close() { pool.close() }
}

/// The ends of a topic's partitions as of one commit.
private final class PartitionEnds: @unchecked Sendable {
  // Unchecked: changed between slices only; the tasks of a slice read.
  fileprivate let log: any TopicStore
  fileprivate let topic: String
  fileprivate var ends: [Int64] = []

  init(_ log: any TopicStore, _ topic: String) {
    self.log = log
    self.topic = topic
  }

  /// False: the topic is gone.
  func look() -> Bool {
    guard let now = log.committedEnds(topic) else { return false }
    ends = now
    return true
  }

  func isBehind(
    _ positions: [(ordinal: Int, partition: Int, position: SourcePosition)]
  ) -> Bool {
    positions.contains { $0.partition < ends.count && $0.position.offset < ends[$0.partition] }
  }
}

private final class EndedReader: RecordReader {
  private let ends: PartitionEnds
  private let partition: Int

  init(_ ends: PartitionEnds, _ partition: Int) {
    self.ends = ends
    self.partition = partition
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    let end = partition < ends.ends.count ? ends.ends[partition] : 0
    let from = max(offset, try ends.log.earliestOffset(ends.topic, partition))
    guard from < end else { return .end }
    return try ends.log.read(ends.topic, partition, from: from, bytesMax: maxBytes).before(end)
  }
}
