// What a pull query reads, fixed before its first row: tables are folded as of one commit, and
// streams end where they ended then. How it goes on depends on the plan:
//   alone      tables only: everything is at hand, so neither the engine nor an epoch waits for
//              anybody;
//   by turns   streams too, the past among them, and files: after each slice, and while its rows
//              are taken, who waits for the engine has it first (the lock is given in the order in
//              which it was asked for);
//   at once    compacted streams: these could change meanwhile, so the engine is kept, and the rows
//              until it is let go.
//
// Invariant: but for `alone`, the engine's lock is held whenever a method of this is called, and
// when it returns.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

final class SnapshotPin {
  enum Access {
    case alone
    case byTurns
    case atOnce
  }

  let access: Access
  private let engine: Engine
  private let view: EpochView
  private var tables: PinnedTables
  /// Of the streams and files that are read from end to end.
  var extents: [ReadProgress.Extent] = []

  init(_ plan: LogicalPlan, _ engine: Engine) throws(QueryFailure) {
    self.engine = engine
    access = Self.access(plan, engine)
    var topics: Set<TextKey> = []
    for scan in plan.scans where scan.source.hasTopic { topics.insert(scan.source.topic) }
    tables = try engine.epochs.tableFolds.pin(plan.tableReads, topics)
    view = EpochView(log: engine.log, ends: tables.ends.mapValues(\.ends))
    for scan in plan.scans where scan.source.hasKeysOfSeveralForms {
      let read = TableRead(scan.source, keys: nil)
      if let records = tables.records[read] {
        tables.records[read] = TableFold.merged(
          records, of: scan.source, engine.options.registry)
      }
    }
  }

  /// Every topic of the plan was there.
  func isComplete(_ plan: LogicalPlan) -> Bool {
    plan.scans.allSatisfy { tables.ends[$0.source.topic] != nil }
  }

  static func access(_ plan: LogicalPlan, _ engine: Engine) -> Access {
    var hasStreams = false
    for scan in plan.scans {
      guard scan.source.kind == .stream || scan.end != nil else { continue }
      hasStreams = true
      // A table of the past is folded as the query begins.
      guard scan.source.hasTopic, scan.source.kind == .stream else { continue }
      guard let topic = engine.log.outline(scan.source.topic), !topic.config.cleanupPolicy.compacts
      else { return .atOnce }
    }
    return hasStreams ? .byTurns : .alone
  }

  /// Rows of tables; for more than these it is worth to use several threads.
  private static let rowsOfOneThread = 50_000
  /// The caller's.
  private static let oneThread = WorkerPool(workers: 1)

  /// Runs the body with threads for its slices.
  func withPool<Result>(
    _ body: (WorkerPool) throws(QueryFailure) -> Result
  ) throws(QueryFailure) -> Result {
    let isSmall = access == .alone && tables.rowCount <= Self.rowsOfOneThread
    return try body(isSmall ? Self.oneThread : engine.epochs.pool)
  }

  func reader(
    _ scan: Scan, _ partition: Int, keys: [[UInt8]]?, isByTime: Bool = false
  ) throws(QueryFailure) -> any RecordReader {
    guard scan.source.hasTopic else {
      return try file(scan, partition)
    }
    let log = TopicReader(view: view, topic: scan.source.topic, partition: partition)
    if let end = scan.end {
      return try engine.reader(scan, log, partition, end: end, keys: keys)
    }
    guard scan.source.kind == .table else {
      let ends = tables.ends[TextKey(scan.source.topic)]?.ends ?? []
      note(scan, partition, end: partition < ends.count ? ends[partition] : nil)
      return log
    }
    guard let records = tables.records[TableRead(scan.source, keys: keys)] else {
      throw QueryFailure("table \(scan.source.name) was not folded for the query")
    }
    return FoldedReader(isByTime ? records[partition].byTime : records[partition])
  }

  /// An input that is no topic, up to where it ends now, as far as it can tell.
  private func file(_ scan: Scan, _ partition: Int) throws(QueryFailure) -> any RecordReader {
    let reader = try engine.epochs.reader(scan, partition, for: .pull)
    guard let end = (reader as? any ConnectorReader)?.end, end > 0 else { return reader }
    note(scan, partition, end: end)
    return BoundedReader(reader, .offset(end))
  }

  private func note(_ scan: Scan, _ partition: Int, end: Int64?) {
    guard let end else { return }
    extents.append(
      ReadProgress.Extent(
        alias: scan.alias, partition: partition, end: end, isFile: !scan.source.hasTopic))
  }

  /// What the query could not take as it was.
  private(set) var faults = RowFaults()

  func note(_ more: RowFaults) { faults.add(more) }

  /// Commits what was found to be bad.
  func record(_ errors: [SourceError]) throws(QueryFailure) {
    guard !errors.isEmpty else { return }
    guard access == .alone else { return try engine.epochs.record(errors) }
    try engine.lock.withLock { () throws(QueryFailure) in try engine.epochs.record(errors) }
  }

  /// Between two slices.
  func letOthersIn() throws(QueryFailure) { try withoutLock {} }

  /// Runs the body while the engine goes on; where it is kept, it stays so.
  func withoutLock<Result>(
    _ body: () throws(QueryFailure) -> Result
  ) throws(QueryFailure) -> Result {
    guard access == .byTurns else { return try body() }
    engine.lock.unlock()
    let result: Swift.Result<Result, QueryFailure>
    do throws(QueryFailure) { result = .success(try body()) } catch { result = .failure(error) }
    engine.lock.lock()
    try checkTopics()
    return try result.get()
  }

  private func checkTopics() throws(QueryFailure) {
    if engine.isClosed { throw QueryFailure("the engine was closed") }
    for (name, ends) in tables.ends where engine.log.outline(name.text)?.id != ends.id {
      throw QueryFailure("topic \(name) was dropped meanwhile")
    }
  }
}

extension LogicalPlan {
  /// Whether it aggregates tables alone in a way that depends on the order of their rows: a list, a
  /// set, a sum of DOUBLEs. A query that runs on sees them in the order of their times.
  var wantsTablesByTime: Bool {
    func dependsOnOrder(_ plan: LogicalPlan) -> Bool {
      if case .aggregate(let node) = plan, !node.calls.allSatisfy(\.addsInParts) { return true }
      return plan.inputs.contains { dependsOnOrder($0) }
    }
    return dependsOnOrder(self) && scans.allSatisfy { $0.source.kind == .table && $0.end == nil }
  }
}

extension RawRecords {
  /// The records in the order of their times, those of one time as they are.
  fileprivate var byTime: RawRecords {
    var sorted = gather(
      (0..<count).sorted {
        timestamps[$0] != timestamps[$1] ? timestamps[$0] < timestamps[$1] : $0 < $1
      })
    sorted.offsets = offsets
    return sorted
  }
}
