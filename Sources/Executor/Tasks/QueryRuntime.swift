// A query that runs: its stages, tasks and cursors. It advances in slices: a slice reads a prefix of the
// sequence that all input partitions form, drains it through all stages, and leaves behind what an epoch
// commits: output records, state changes, positions. Nothing of a slice shows before that commit.
//   1. Each cursor reads until it has its share of rows or its partition has no more; what it has read beyond
//      that waits for later slices, so that a slice is the same however far ahead was read.
//   2. Where a partition has more, the slice may go only as far as its last row read: the least such
//      position over all partitions is the cut.
//   3. Rows up to the cut go to the tasks of their stage; stages run in order, with a barrier between.

public import HeadraceColumns
public import HeadraceFoundations
public import HeadraceFunctions
public import HeadraceTopics
public import HeadracePlanner
import HeadraceSyntax

/// Where a query's rows go.
public enum QueryEnd: Sendable {
  case sink(SourceDefinition, outputs: [ColumnID])
  /// To a client.
  case client
}

public struct QueryOptions: Sendable {
  public var order: MergeOrder
  /// Rows a partition reads for one slice.
  public var sliceRows: Int
  public var readBytes: Int
  public var properties: [TextKey: String]
  public var seed: UInt64
  /// Rows of tables come before all rows of streams: the input is a snapshot and no history.
  public var tablesFirst: Bool
  /// Records in the form in which the store of the topics takes them.
  public var encode: RecordEncoding
  /// Bytes that a slice may write to a partition.
  public var sliceBytesMax: Int

  public init(
    order: MergeOrder = .rowtime, sliceRows: Int = 8192, readBytes: Int = 256 << 10,
    properties: [TextKey: String] = [:], seed: UInt64 = 0, tablesFirst: Bool = false,
    sliceBytesMax: Int = 1 << 30,
    encode: @escaping RecordEncoding = { PlainRecords($0) }
  ) {
    self.encode = encode
    self.sliceBytesMax = sliceBytesMax
    self.tablesFirst = tablesFirst
    self.order = order
    self.sliceRows = sliceRows
    self.readBytes = readBytes
    self.properties = properties
    self.seed = seed
  }
}

/// Records for a partition of a topic, as they are and encoded for the log.
public struct PartitionOutput: Sendable {
  public var partition: Int
  public var records: RawRecords
  public var encoded: any EncodedRecords
}

/// How much a state store holds.
public struct StoreSize: Sendable, Hashable {
  public var name: String
  public var bytes: Int
  public var records: Int
}

/// What one slice did.
public struct SliceResult: Sendable {
  /// Records for the sink's topic, by partition.
  public var outputs: [PartitionOutput] = []
  /// Rows for the client.
  public var rows: [RecordBatch] = []
  public var stateChanges: [(store: String, output: PartitionOutput)] = []
  public var errors: [SourceError] = []
  public var faults = RowFaults()
  /// Input rows consumed.
  public var rowCount = 0
  /// Whether more input is there already.
  public var hasMore = false
}

public final class QueryRuntime {
  public let plan: PhysicalPlan
  private let stages: [Stage]
  private var tasks: [[QueryTask]] = []
  private var cursors: [SourceCursor] = []
  /// For each cursor the stage, the task's entry and the partition that it feeds.
  private var feeds: [(stage: Int, entry: Int, partition: Int)] = []
  private let end: QueryEnd
  private let options: QueryOptions

  /// `reader` opens a partition of a source, which `sharing` lets other queries share; `positions` by scan
  /// ordinal and partition.
  /// Throws: what has no operator, or a source that cannot be opened.
  public init(
    plan: PhysicalPlan, end: QueryEnd, functions: FunctionRegistry, options: QueryOptions,
    positions: (Int, Int) -> SourcePosition, sharing: ScanSharing = ScanSharing(),
    reader: (Scan, Int) throws(QueryFailure) -> any RecordReader
  ) throws(QueryFailure) {
    self.plan = plan
    self.end = end
    self.options = options
    stages = StageGraph(plan).stages
    for (index, stage) in stages.enumerated() {
      var list: [QueryTask] = []
      for partition in 0..<stage.partitions {
        list.append(
          try QueryTask(
            stage: stage, partition: partition, end: makeEnd(stage, partition),
            functions: functions, properties: options.properties,
            retractions: stage.output.carriesRetractions,
            isInRowtimeOrder: options.order == .rowtime))
      }
      tasks.append(list)
      for (entry, input) in stage.inputs.enumerated() {
        guard case .scan(let scan, let ordinal) = input else { continue }
        for partition in 0..<scan.source.partitions {
          let shared = try sharing.scan(scan.source, partition) {
            () throws(QueryFailure) in try reader(scan, partition)
          }
          let position = positions(ordinal, partition)
          let reader = ScanReader(
            scan: scan, ordinal: ordinal, partition: partition, shared: shared,
            order: options.tablesFirst && scan.source.kind == .table ? .first : options.order,
            position: position,
            failsOnBadTimestamp: options.properties["ksql.timestamp.throw.on.invalid"] == "true")
          cursors.append(SourceCursor(reader, from: position))
          feeds.append((index, entry, partition))
        }
      }
    }
  }

  private func makeEnd(_ stage: Stage, _ partition: Int) -> Operator {
    switch (stage.output, end) {
    case (.exchange(let exchange), _):
      return ExchangeOperator(exchange, layout: stage.plan.columns, inputPartition: partition)
    case (.end, .sink) where options.properties["headrace.sink"] == "discard":
      return DiscardOperator()
    case (.end, .sink(let sink, let outputs)):
      return SinkOperator(
        sink: sink, layout: stage.plan.columns.map(\.id), outputs: outputs,
        window: stage.plan.windowBounds, inputPartition: partition,
        keepsKeys: !plan.root.rekeys, tracksPositions: stage.partitions > 1,
        sliceBytesMax: options.sliceBytesMax)
    case (.end, .client): return CollectOperator()
    }
  }

  /// Input positions by scan ordinal and partition.
  public var positions: [(ordinal: Int, partition: Int, position: SourcePosition)] {
    cursors.map { ($0.reader.ordinal, $0.reader.partition, $0.committed) }
  }

  /// Bytes of state held, about. Cheap: it looks at each store's sizes, not at its content.
  public var stateBytes: Int { tasks.joined().reduce(0) { $0 + $1.stateBytes } }

  /// What each store holds in all partitions together, the largest first.
  public var storeSizes: [StoreSize] {
    var sizes: [StoreSize] = []
    for state in tasks.joined().flatMap(\.stores) {
      let place =
        sizes.firstIndex { $0.name == state.name }
        ?? {
          sizes.append(StoreSize(name: state.name, bytes: 0, records: 0))
          return sizes.count - 1
        }()
      sizes[place].bytes += state.byteCount
      sizes[place].records += state.recordCount
    }
    return sizes.sorted { $0.bytes != $1.bytes ? $0.bytes > $1.bytes : $0.name < $1.name }
  }

  /// Names and partition counts of the stores, for their changelogs.
  public var stores: [(name: String, partitions: Int)] {
    tasks.flatMap { list in
      (list.first?.stores ?? []).map { ($0.name, list.count) }
    }
  }

  /// Gives a store back what its changelog holds. Returns the place of the first record that cannot be the
  /// store's; nil: all of them are.
  public func restore(store: String, partition: Int, _ records: RawRecords) -> Int? {
    for list in tasks where partition < list.count {
      for state in list[partition].stores where state.name == store {
        do throws(DamagedState) {
          try state.restore(records)
        } catch {
          return error.record
        }
      }
    }
    return nil
  }

  /// After the last `restore`.
  public func finishRestore() throws(QueryFailure) {
    for task in tasks.joined() { task.restored() }
  }

  /// About how many records `snapshot` gives.
  public func recordCount(store: String, partition: Int) -> Int {
    var count = 0
    for list in tasks where partition < list.count {
      for state in list[partition].stores where state.name == store { count += state.recordCount }
    }
    return count
  }

  /// A store's whole content, a piece of some hundred KiB at a time, of which `use` may keep nothing.
  /// Throws: what `use` throws.
  public func snapshot(
    store: String, partition: Int, _ use: @escaping (RawRecords) throws(StorageError) -> Void
  ) throws(StorageError) {
    var pieces = SnapshotPieces(use)
    for list in tasks where partition < list.count {
      for state in list[partition].stores where state.name == store {
        try state.snapshot(into: &pieces)
      }
    }
    try pieces.finish()
  }

  /// Runs one slice. After a throw the query must be built anew from its committed state.
  /// `before`: rows at or behind this major position wait, because a query that this one reads from may
  /// still write rows that belong before them. `ahead`: of which sources the next slice may be read while
  /// this one runs and on from there.
  public func runSlice(
    _ pool: WorkerPool, clockMs: Int64, before limit: Int64? = nil,
    ahead: (SourceDefinition) -> Bool = { _ in false }
  ) throws(QueryFailure) -> SliceResult {
    var result = SliceResult()
    try fill(pool)
    var (rows, cut) = try wholeCut()
    let limit = [limit, mergesInputs ? cursors.compactMap(\.holdsBack).min() : nil]
      .compactMap { $0 }.min()
    if let limit, cut.map({ $0.major >= limit }) ?? true {
      cut = limit == Int64.min ? (limit, 0) : (limit - 1, UInt64.max)
    }
    for (cursor, feed) in zip(cursors, feeds) {
      let batches = cut.map { cursor.take(upTo: $0) } ?? cursor.take(rows)
      result.rowCount += batches.reduce(0) { $0 + $1.count }
      result.errors += cursor.drainErrors()
      tasks[feed.stage][feed.partition].pending[feed.entry] += batches
      if !cursor.isAtEnd || cursor.pendingRows > 0 { result.hasMore = true }
    }
    frontier = cursors.compactMap(\.frontier).min()
    beginReadingAhead(pool, ahead)
    if result.rowCount > 0 {
      try runStages(pool, EvaluationContext(clockMs: clockMs, seed: options.seed))
      try collect(&result, pool)
    }
    return result
  }

  /// After a slice: where the rows begin that the query may still read of its present input, as a major
  /// position; nil when it has read all.
  public private(set) var frontier: Int64?

  /// Whether the order of its input matters across partitions or sources.
  public var mergesInputs: Bool { cursors.count > 1 }

  /// A slice is bounded in all, so that many partitions do not hold many times as much.
  private var rowsPerCursor: Int {
    max(min(options.sliceRows, 1024), options.sliceRows * 2 / max(2, cursors.count))
  }

  public var isInRowtimeOrder: Bool { options.order == .rowtime }

  /// Each cursor has the rows of a slice then, or its source has no more.
  private func fill(_ pool: WorkerPool) throws(QueryFailure) {
    let rows = rowsPerCursor
    let bytes = options.readBytes
    if cursors.count == 1 {
      return try cursors[0].fill(rows: rows, maxBytes: bytes)
    }
    let failures = FailureBox(count: cursors.count)
    pool.run(
      cursors.enumerated().map { index, cursor in
        let box = CursorBox(cursor)
        return {
          do throws(QueryFailure) {
            try box.cursor.fill(rows: rows, maxBytes: bytes)
          } catch {
            failures.set(index, error)
          }
        }
      })
    if let failure = failures.first { throw failure }
  }

  /// Rows of one time are taken together, so that no slice cuts through the rows of a statement or a
  /// transaction, which bear one time unless they say otherwise. Where too many rows have the same time, it
  /// cuts between them.
  private func wholeCut() throws(QueryFailure) -> (
    rows: Int, cut: (major: Int64, minor: UInt64)?
  ) {
    var rows = rowsPerCursor
    guard isInRowtimeOrder else { return (rows, cutPosition(rows)) }
    while true {
      guard let cut = cutPosition(rows) else { return (rows, nil) }
      let begin = cursors.compactMap(\.firstMajor).min() ?? cut.major
      if begin < cut.major { return (rows, (cut.major - 1, UInt64.max)) }
      guard rows < max(Self.rowsOfOneTimeMax, options.sliceRows * 16) else { return (rows, cut) }
      let last = rows
      rows *= 2
      for cursor in cursors
      where cursor.hasMore(than: last) && cursor.lastPosition(of: last)?.major == cut.major {
        try cursor.fill(rows: rows, maxBytes: options.readBytes)
      }
    }
  }

  /// Rows of a partition that are read to find the end of those of one time, however small a slice is.
  private static let rowsOfOneTimeMax = 1 << 18

  /// nil: the first `rows` rows of every cursor may be taken as they are.
  private func cutPosition(_ rows: Int) -> (major: Int64, minor: UInt64)? {
    var cut: (major: Int64, minor: UInt64)?
    if cursors.count == 1 { return nil }
    for cursor in cursors where cursor.hasMore(than: rows) {
      guard let last = cursor.lastPosition(of: rows) else { continue }
      if let known = cut {
        if last.major != known.major ? last.major < known.major : last.minor < known.minor {
          cut = last
        }
      } else {
        cut = last
      }
    }
    return cut
  }

  private func runStages(
    _ pool: WorkerPool, _ context: EvaluationContext
  ) throws(QueryFailure) {
    for (index, stage) in stages.enumerated() {
      for (entry, input) in stage.inputs.enumerated() {
        guard case .exchange(let source) = input else { continue }
        let types = stages[source].plan.columns.map(\.type)
        for task in tasks[index] {
          let senders = tasks[source].map { sender in
            (sender.end as? ExchangeOperator)?.drain(task.partition) ?? []
          }
          task.receive(senders, entry: entry, types: types)
        }
      }
      let busy = tasks[index]
      pool.run(busy.map { task in { [options] in task.run(context, options.encode) } })
      for task in busy {
        if let failure = task.failure { throw failure }
      }
    }
  }

  private func collect(_ result: inout SliceResult, _ pool: WorkerPool) throws(QueryFailure) {
    result.outputs += try SinkMerge(tasks.joined().flatMap(\.parts), options.encode).run(pool)
    for task in tasks.joined() {
      result.outputs += task.outputs
      result.stateChanges += task.stateChanges
      result.faults.add(task.drainFaults())
      task.outputs = []
      task.parts = []
      task.stateChanges = []
      if let collected = task.end as? CollectOperator { result.rows += collected.drain() }
    }
  }

  /// Slices that are read ahead. More than one, so that who has nothing else to do finds work while the others
  /// are busy with a stage of few tasks, and helps with those when the reading is done.
  private static let slicesAhead = 2
  /// Reads on from slice to slice.
  private let readAhead = ReadAhead()
  /// Reads what the epoch itself writes to, between its slices and the next ones.
  private let readRest = ReadAhead()
  /// By cursor: whether it is read ahead while slices run.
  private var isReadAhead: [Bool] = []

  private func beginReadingAhead(_ pool: WorkerPool, _ wanted: (SourceDefinition) -> Bool) {
    isReadAhead = cursors.map { wanted($0.reader.scan.source) }
    begin(readAhead, pool) { isReadAhead[$0] }
  }

  /// When the caller commits: reads ahead of the sources as well that the epoch itself has written to, until
  /// `finishReadingRest`.
  public func beginReadingAheadOfRest(_ pool: WorkerPool) {
    begin(readRest, pool) { !($0 < isReadAhead.count && isReadAhead[$0]) }
  }

  private func begin(_ ahead: ReadAhead, _ pool: WorkerPool, _ isWanted: (Int) -> Bool) {
    let readers = cursors.indices.filter { isWanted($0) && !cursors[$0].isAtEnd }
      .map { (reader: cursors[$0].reader, worker: $0 % pool.workers) }
    ahead.begin(
      readers, rows: rowsPerCursor * Self.slicesAhead, bytes: options.readBytes, pool)
  }

  /// To be called before another epoch begins.
  public func finishReadingRest(_ pool: WorkerPool) { readRest.stop(pool) }

  /// When this has returned nobody reads for this query.
  public func finishReadingAhead(_ pool: WorkerPool) {
    readAhead.stop(pool)
    readRest.stop(pool)
  }
}

/// A cursor on its way to a worker.
private final class CursorBox: @unchecked Sendable {
  // Unchecked: one worker has it until the pool's barrier.
  let cursor: SourceCursor
  init(_ cursor: SourceCursor) { self.cursor = cursor }
}

/// Failures of parallel tasks, one place each.
private final class FailureBox: @unchecked Sendable {
  // Unchecked: each worker writes its own place; read after the barrier.
  private let places: UnsafeMutableBufferPointer<QueryFailure?>

  init(count: Int) {
    places = .allocate(capacity: count)
    places.initialize(repeating: nil)
  }

  deinit {
    places.deinitialize()
    places.deallocate()
  }

  func set(_ index: Int, _ failure: QueryFailure) { places[index] = failure }
  var first: QueryFailure? { places.first { $0 != nil } ?? nil }
}

extension LogicalPlan {
  /// Whether rows get another key on their way.
  fileprivate var rekeys: Bool {
    if case .rekey = self { return true }
    return inputs.contains { $0.rekeys }
  }
}
