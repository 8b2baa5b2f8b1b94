// A query that runs: its stages, tasks and cursors. It advances in slices: a slice reads a prefix
// of the sequence that all input partitions form, drains it through all stages, and leaves behind
// what an epoch commits: output records, state changes, positions. Nothing of a slice shows before
// that commit.
//   1. Each cursor reads until it has its share of rows or its partition has no more; what it has
//      read beyond that waits for later slices, so that a slice is the same however far ahead was
//      read.
//   2. Where a partition has more, the slice may go only as far as its last row read: the least
//      such position over all partitions is the cut.
//   3. Rows up to the cut go to the tasks of their stage; stages run in order, with a barrier
//      between.
// Where commits are dear a slice takes several such steps (`QueryOptions.epochRows`).

public import HeadraceColumns
public import HeadraceFormats
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

  /// What changes in the states is committed with the rows.
  var hasChangelogs: Bool {
    if case .sink = self { return true }
    return false
  }
}

public struct QueryOptions: Sendable {
  public var order: MergeOrder
  /// Rows a partition reads for one step of a slice.
  public var sliceRows: Int
  /// Where more is there, a slice takes steps until it has so many rows: steps are as large as
  /// caches like it, and a commit is for all of them. 0: one step.
  public var epochRows = 0
  public var readBytes: Int
  public var properties: [TextKey: String]
  public var seed: UInt64
  /// Rows of tables come before all rows of streams: the input is a snapshot and no history.
  public var tablesFirst: Bool
  /// Records in the form in which the store of the topics takes them.
  public var encode: RecordEncoding
  /// Bytes that a slice may write to a partition.
  public var sliceBytesMax: Int
  /// Bytes that a value of the query's state may have in a record.
  public var stateValueBytesMax = 1 << 30
  /// What failures call the query.
  public var queryName = "the query"
  /// The registry that the formats of sources and sinks may need.
  public var schemas: any SchemaRegistry
  /// Epochs may be undone (`QueryRuntime.undoEpoch`): the stores keep what an epoch has changed
  /// until its commit.
  public var recordsUndo = false
  /// The topic through which a stage's rows go to the next one, by the stage's number; nil: they
  /// stay in memory.
  public var exchangeTopic: (@Sendable (Int) -> String)?
  /// The partitions of a topic of so many partitions that are this process's; nil: all of them.
  public var owned: (@Sendable (_ topic: String, _ partitions: Int) -> Set<Int>)?
  /// Results of closed windows (EMIT FINAL) that a task gives in a slice; nil: all of them, at
  /// once.
  public var closingRows: Int?
  /// Whether the client has gone or wants no more: the slice at work ends between two batches, and
  /// throws `QueryFailure.interrupted`. nil: it never does.
  public var isCancelled: (@Sendable () -> Bool)?
  /// Where state goes that leaves memory; nil: all of it stays.
  public var stores: (any StateStores)?

  public init(
    order: MergeOrder = .rowtime, sliceRows: Int = 8192, readBytes: Int = 256 << 10,
    properties: [TextKey: String] = [:], seed: UInt64 = 0, tablesFirst: Bool = false,
    sliceBytesMax: Int = 1 << 30, schemas: any SchemaRegistry = EmptySchemaRegistry(),
    encode: @escaping RecordEncoding = { PlainRecords($0) }
  ) {
    self.encode = encode
    self.sliceBytesMax = sliceBytesMax
    self.schemas = schemas
    self.tablesFirst = tablesFirst
    self.order = order
    self.sliceRows = sliceRows
    self.readBytes = readBytes
    self.properties = properties
    self.seed = seed
  }
}

public final class QueryRuntime {
  public let plan: PhysicalPlan
  let stages: [Stage]
  /// For each stage the tasks of the partitions that are this process's, by partition.
  var tasks: [[QueryTask]] = []
  var cursors: [SourceCursor] = []
  /// For each cursor the stage, the task's entry and the task that it feeds.
  var feeds: [(stage: Int, entry: Int, task: Int)] = []
  /// By the stage that sends.
  var exchanges: [Int: any StageExchange] = [:]
  /// The topics of the exchanges with their partition counts; none where rows stay in memory.
  public private(set) var exchangeTopics: [(stage: Int, topic: String, partitions: Int)] = []
  private let end: QueryEnd
  let options: QueryOptions

  /// `reader` opens a partition of a source, which `sharing` lets other queries share; `positions`
  /// by scan ordinal and partition. Exchanges through topics are read as scans behind those of the
  /// plan: the ordinal of a stage's exchange is the number of scans and the stage's number.
  /// Throws: what has no operator, or a source that cannot be opened.
  public init(
    plan: PhysicalPlan, end: QueryEnd, functions: FunctionRegistry, options: QueryOptions,
    positions: (Int, Int) -> SourcePosition, sharing: ScanSharing? = nil,
    reader: (Scan, Int) throws(QueryFailure) -> any RecordReader
  ) throws(QueryFailure) {
    self.plan = plan
    self.end = end
    self.options = options
    let sharing = sharing ?? ScanSharing(schemas: options.schemas)
    let graph = StageGraph(plan)
    stages = graph.stages
    for (index, stage) in stages.enumerated() {
      if case .exchange(let exchange) = stage.output {
        exchanges[index] =
          options.exchangeTopic == nil
          ? MemoryExchange(exchange, layout: stage.plan.columns)
          : TopicExchange(
            exchange, layout: stage.plan.columns, tracksPositions: stage.partitions > 1)
      }
    }
    for (index, stage) in stages.enumerated() {
      let owned = partitions(of: stage)
      tasks.append([])
      for partition in owned {
        tasks[index].append(
          try QueryTask(
            stage: stage, partition: partition, end: makeEnd(index, partition),
            functions: functions, properties: options.properties,
            retractions: stage.output.carriesRetractions,
            isInRowtimeOrder: options.order == .rowtime, hasChangelogs: end.hasChangelogs,
            isCancelled: options.isCancelled, stores: options.stores,
            closingRows: closingRows(of: stage)))
        tasks[index].last?.stateValues = (options.stateValueBytesMax, options.queryName)
      }
      for (entry, input) in stage.inputs.enumerated() {
        for (place, partition) in owned.enumerated() {
          let found: ScanReader?
          switch input {
          case .scan(let scan):
            guard partition < scan.source.partitions else { continue }
            let shared = try sharing.scan(scan.source, partition) {
              () throws(QueryFailure) in try reader(scan, partition)
            }
            found = scanReader(
              scan, scan.ordinal, partition, shared, positions(scan.ordinal, partition))
          case .exchange(let sender):
            let ordinal = plan.scans.count + sender
            found = try exchangeReader(
              sender, partition, ordinal, positions(ordinal, partition), reader)
          }
          guard let found else { continue }
          cursors.append(SourceCursor(found, from: positions(found.ordinal, partition)))
          feeds.append((index, entry, place))
        }
      }
    }
    exchangeTopics = stages.indices.compactMap { stage in
      exchangeScan(stage).map { (stage, $0.source.topic, $0.source.partitions) }
    }
  }

  func scanReader(
    _ scan: Scan, _ ordinal: Int, _ partition: Int, _ shared: SharedScan,
    _ position: SourcePosition
  ) -> ScanReader {
    ScanReader(
      scan: scan, ordinal: ordinal, partition: partition, shared: shared,
      order: options.tablesFirst && scan.source.kind == .table ? .first : options.order,
      position: position,
      failsOnBadTimestamp: options.properties["ksql.timestamp.throw.on.invalid"] == "true")
  }

  /// Reads what stage `sender` has written to its topic; nil where rows stay in memory.
  private func exchangeReader(
    _ sender: Int, _ partition: Int, _ ordinal: Int, _ position: SourcePosition,
    _ reader: (Scan, Int) throws(QueryFailure) -> any RecordReader
  ) throws(QueryFailure) -> ScanReader? {
    guard let scan = exchangeScan(sender), partition < scan.source.partitions else { return nil }
    let types = scan.columns.map(\.type)
    let topic = scan.source.topic
    let shared = SharedScan(
      scan.source, partition: partition, reader: try reader(scan, partition),
      decoder: { ExchangeDecoder(types, topic: topic, partition: partition) })
    return scanReader(scan, ordinal, partition, shared, position)
  }

  /// The topic of a stage's exchange as a scan; its columns are named by their places.
  private func exchangeScan(_ stage: Int) -> Scan? {
    guard let topic = options.exchangeTopic?(stage),
      case .exchange(let exchange) = stages[stage].output
    else { return nil }
    let source = SourceDefinition(
      name: topic, kind: .stream, schema: Schema([]), topic: topic,
      keyFormat: FormatSpec(RecordFormats.empty),
      valueFormat: FormatSpec(RecordFormats.empty), partitions: exchange.partitions)
    let columns = stages[stage].plan.columns.enumerated().map { place, column in
      PlanColumn(column.id, ExchangeDecoder.columnName(place), column.type)
    }
    return Scan(source: source, alias: topic, columns: columns, system: [:], keys: [])
  }

  /// The partitions of a stage for which all inputs are here. Order: ascending.
  private func partitions(of stage: Stage) -> [Int] {
    var result = Set(0..<stage.partitions)
    guard let owned = options.owned else { return result.sorted() }
    for input in stage.inputs {
      let (topic, count): (String, Int)
      switch input {
      case .scan(let scan): (topic, count) = (scan.source.topic, scan.source.partitions)
      case .exchange(let sender):
        guard let scan = exchangeScan(sender) else { continue }
        (topic, count) = (scan.source.topic, scan.source.partitions)
      }
      let here = owned(topic, count)
      result = result.filter { $0 >= count || here.contains($0) }
    }
    return result.sorted()
  }

  /// The partitions that are here are still those that it has tasks for.
  public var hasItsPartitions: Bool {
    zip(stages, tasks).allSatisfy { stage, tasks in
      partitions(of: stage) == tasks.map(\.partition)
    }
  }

  private func makeEnd(_ index: Int, _ partition: Int) -> Operator {
    if let exchange = exchanges[index] { return exchange.makeSender(partition: partition) }
    let stage = stages[index]
    switch end {
    case .sink where options.properties["headrace.sink"] == "discard": return DiscardOperator()
    case .sink(let sink, let outputs):
      return SinkOperator(
        sink: sink, layout: stage.plan.columns.map(\.id), outputs: outputs,
        window: stage.plan.windowBounds, inputPartition: partition,
        keepsKeys: !plan.root.rekeys, tracksPositions: stage.partitions > 1,
        sliceBytesMax: options.sliceBytesMax, schemas: options.schemas)
    case .client: return CollectOperator()
    }
  }

  /// Whether somebody reads what it writes before it is committed.
  public var keepsOutputs = true

  /// Where the cursors stood at the last commit; kept where epochs may be undone.
  var committed: [SourcePosition] = []

  /// Input positions by scan ordinal and partition.
  public var positions: [(ordinal: Int, partition: Int, position: SourcePosition)] {
    cursors.map { ($0.reader.ordinal, $0.reader.partition, $0.committed) }
  }

  /// Runs one slice. After a throw the query must be built anew from its committed state.
  /// `before`: rows at or behind this major position wait, because a query that this one reads from
  /// may still write rows that belong before them. `ahead`: of which sources the next slice may be
  /// read while this one runs and on from there.
  /// `isOneStep`: it takes no more of its present input than one step (`QueryOptions.epochRows`),
  /// and that is small.
  public func runSlice(
    _ pool: WorkerPool, clockMs: Int64, before limit: Int64? = nil, isOneStep: Bool = false,
    ahead: (SourceDefinition) -> Bool = { _ in false }
  ) throws(QueryFailure) -> SliceResult {
    var result = SliceResult()
    self.isOneStep = isOneStep
    let context = EvaluationContext(clockMs: clockMs, seed: options.seed)
    firstTaken = nil
    firstTakenByStage = [:]
    if let place = waitingRow { return try goOn(place, pool, context) }
    var written = 0
    while true {
      let before = result.rowCount
      (result.hasMore, result.isWaiting, result.undecided) = (false, false, nil)
      try fill(pool)
      if options.exchangeTopic == nil {
        try take(Array(cursors.indices), before: limit, &result)
        frontier = cursors.compactMap(\.frontier).min()
      } else {
        frontier = try takeByStage(before: limit, &result)
      }
      beginReadingAhead(pool, ahead)
      lastStepRows = result.rowCount - before
      guard lastStepRows > 0 else { break }
      try runStages(pool, context, isFirst: before == 0)
      try collect(&result, pool)
      let bytes = result.outputs.reduce(0) { $0 + $1.encoded.byteCount } - written
      written += bytes
      adapt(rows: lastStepRows, outputs: bytes)
      if let place = waitingRow {
        holdBack(place)
        result.hasMore = true
        break
      }
      // Who has to wait for rows commits those that there are.
      let expected = written + Int(Double(result.rowCount) * stateBytesOfRow)
      guard !isOneStep, result.hasMore, expected < stepBytes, !result.isWaiting,
        result.rowCount - before >= rowsPerCursor, result.rowCount < options.epochRows
      else { break }
    }
    if result.rowCount > 0 {
      try collectStates(&result, pool)
      let bytes = result.stateChanges.reduce(0) { $0 + $1.output.encoded.byteCount }
      stateBytesOfRow = Double(bytes) / Double(result.rowCount)
    }
    if result.outputs.contains(where: { $0.stage != nil }) { result.hasMore = true }
    return result
  }

  /// Hands the rows up to the cut of these cursors to their tasks.
  private func take(
    _ chosen: [Int], before given: Int64?, _ result: inout SliceResult
  ) throws(QueryFailure) {
    var (rows, cut) = try wholeCut(chosen)
    let holdsBack =
      chosen.count > 1 ? chosen.compactMap { cursors[$0].holdsBack }.min() : nil
    let limit = [given, holdsBack].compactMap { $0 }.min()
    if let limit, cut.map({ $0.major >= limit }) ?? true {
      cut = limit == Int64.min ? (limit, 0) : (limit - 1, UInt64.max)
    }
    if let whole = try wholeRows(chosen, rows) {
      let isLess = cut.map {
        $0.major != whole.major ? whole.major < $0.major : whole.minor < $0.minor
      }
      if isLess ?? true { cut = whole }
    }
    for index in chosen {
      let (cursor, feed) = (cursors[index], feeds[index])
      let batches = cut.map { cursor.take(upTo: $0) } ?? cursor.take(rows)
      if let first = batches.first?.positions.major.first {
        firstTaken = min(firstTaken ?? first, first)
      }
      result.rowCount += batches.reduce(0) { $0 + $1.count }
      let errors = cursor.drainErrors()
      if let bad = errors.first, case .exchange = stages[feed.stage].inputs[feed.entry] {
        throw QueryFailure(
          "an exchange is damaged: the record at offset \(bad.offset) of topic \(bad.topic), "
            + "partition \(bad.partition), \(bad.reason)")
      }
      result.errors += errors
      tasks[feed.stage][feed.task].pending[feed.entry] += whole(batches, feed)
      if !cursor.isAtEnd || cursor.pendingRows > 0 { result.hasMore = true }
      guard cursor.holdsBack != nil else { continue }
      result.isWaiting = true
      result.undecided = result.undecided ?? cursor.reader.undecided
    }
  }

  private func whole(
    _ batches: [RecordBatch], _ feed: (stage: Int, entry: Int, task: Int)
  ) -> [RecordBatch] {
    guard case .exchange(let sender) = stages[feed.stage].inputs[feed.entry],
      let exchange = exchanges[sender]
    else { return batches }
    return ExchangeOperator.whole(batches, types: exchange.types)
  }

  /// Of an exchange's topic rows of one position are taken together: they are what one input row
  /// has given, such as the row that an update takes back and the one that it adds. Returns behind
  /// which position they are not all here.
  private func wholeRows(
    _ chosen: [Int], _ rows: Int
  ) throws(QueryFailure) -> (major: Int64, minor: UInt64)? {
    var result: (major: Int64, minor: UInt64)?
    for index in chosen {
      let (cursor, feed) = (cursors[index], feeds[index])
      guard case .exchange = stages[feed.stage].inputs[feed.entry] else { continue }
      var wanted = rows
      while cursor.hasOnePosition, cursor.pendingWeight >= wanted {
        wanted *= 2
        try cursor.fill(rows: wanted, maxBytes: readBytes)
      }
      guard let open = cursor.openPosition else { continue }
      let before = open.minor > 0 ? (open.major, open.minor - 1) : (open.major - 1, UInt64.max)
      if let known = result, known <= before { continue }
      result = before
    }
    return result
  }

  /// Stages that read what others have written to topics come no further than those will have
  /// written: what they take in this slice can be read in a later one.
  private func takeByStage(
    before limit: Int64?, _ result: inout SliceResult
  ) throws(QueryFailure) -> Int64? {
    var open: [Int?: Int64] = [:]
    var earliest: Int64?
    for (index, stage) in stages.enumerated() {
      let chosen = feeds.indices.filter { feeds[$0].stage == index }
      let upstream = stage.inputs.compactMap { input -> Int64? in
        guard case .exchange(let sender) = input else { return nil }
        return open[sender]
      }.min()
      let bounds = [limit, upstream].compactMap { $0 }
      let before = chosen.count > 1 && isInRowtimeOrder ? bounds.min() : nil
      let known = firstTaken
      firstTaken = nil
      if !chosen.isEmpty { try take(chosen, before: before, &result) }
      let rest = chosen.compactMap { cursors[$0].frontier }.min()
      let first = [firstTakenByStage[index], firstTaken].compactMap { $0 }.min()
      firstTakenByStage[index] = first
      open[index] = [rest, first, upstream].compactMap { $0 }.min()
      earliest = [earliest, rest, upstream].compactMap { $0 }.min()
      firstTaken = [known, firstTaken].compactMap { $0 }.min()
    }
    return earliest
  }

  /// Least major position of the rows that the last slice took; nil: it took none.
  public internal(set) var firstTaken: Int64?
  /// The same of the present slice's steps so far, by stage.
  private var firstTakenByStage: [Int: Int64] = [:]

  /// After a slice: where the rows begin that the query may still read of its present input, as a
  /// major position; nil when it has read all.
  public internal(set) var frontier: Int64?

  /// Whether the order of its input matters across partitions or sources.
  public var mergesInputs: Bool { cursors.count > 1 }

  /// A slice is bounded in all, so that many partitions do not hold many times as much.
  var rowsPerCursor: Int {
    let rows = isSmallStep ? options.sliceRows / 4 : options.sliceRows
    let share = max(min(options.sliceRows, 1024), rows * 2 / max(2, cursors.count))
    return min(share, stepRows ?? share)
  }

  /// Rows that a cursor gives for a step at most, where the last one made very much of its rows;
  /// nil: as many as usual.
  public var stepRows: Int?
  /// The rows that the last step took in all.
  public private(set) var lastStepRows = 0
  /// What a step should write at most: more is in memory several times.
  private var stepBytes: Int { min(64 << 20, options.sliceBytesMax / 4) }

  /// What states have written for a row of the last slice; bytes. They write once for all steps of
  /// a slice.
  private var stateBytesOfRow = 0.0

  /// Steps that write much become smaller, and again as large as they were.
  private func adapt(rows: Int, outputs: Int) {
    let bytes = outputs + Int(Double(rows) * stateBytesOfRow)
    if bytes > stepBytes {
      let share = max(1, rows / max(1, cursors.count))
      stepRows = max(1, Int(Double(share) * Double(stepBytes) / Double(bytes)))
    } else if let limit = stepRows, bytes < stepBytes / 4 {
      stepRows = limit < options.sliceRows ? limit * 2 : nil
    }
  }

  /// The present slice is one of many queries, which share what they read: a small one.
  private var isOneStep = false
  private var isSmallStep: Bool { isOneStep && options.epochRows > 0 }

  /// Each of many queries keeps positions of all rows of what it reads at a time.
  private static let smallReadBytes = 256 << 10

  private var readBytes: Int {
    isSmallStep ? min(Self.smallReadBytes, options.readBytes) : options.readBytes
  }

  public var isInRowtimeOrder: Bool { options.order == .rowtime }

  /// Each cursor has the rows of a slice then, or its source has no more.
  private func fill(_ pool: WorkerPool) throws(QueryFailure) {
    let rows = rowsPerCursor
    let bytes = readBytes
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

  /// Rows of one time are taken together, so that no slice cuts through the rows of a statement or
  /// a transaction, which bear one time unless they say otherwise. Where too many rows have the
  /// same time, it cuts between them.
  private func wholeCut(_ chosen: [Int]) throws(QueryFailure) -> (
    rows: Int, cut: (major: Int64, minor: UInt64)?
  ) {
    var rows = rowsPerCursor
    guard isInRowtimeOrder, stepRows == nil else { return (rows, cutPosition(chosen, rows)) }
    while true {
      guard let cut = cutPosition(chosen, rows) else { return (rows, nil) }
      let begin = chosen.compactMap { cursors[$0].firstMajor }.min() ?? cut.major
      if begin < cut.major { return (rows, (cut.major - 1, UInt64.max)) }
      guard rows < max(Self.rowsOfOneTimeMax, options.sliceRows * 16) else { return (rows, cut) }
      let last = rows
      rows *= 2
      if options.isCancelled?() ?? false { throw .interrupted }
      for cursor in chosen.map({ cursors[$0] })
      where cursor.hasMore(than: last) && cursor.lastPosition(of: last)?.major == cut.major {
        try cursor.fill(rows: rows, maxBytes: readBytes)
      }
    }
  }

  /// Rows of a partition that are read to find the end of those of one time, however small a slice
  /// is.
  private static let rowsOfOneTimeMax = 1 << 18

  /// nil: the first `rows` rows of every cursor may be taken as they are.
  private func cutPosition(
    _ chosen: [Int], _ rows: Int
  ) -> (major: Int64, minor: UInt64)? {
    var cut: (major: Int64, minor: UInt64)?
    let isExact = stepRows != nil
    if chosen.count == 1, !isExact { return nil }
    for cursor in chosen.lazy.map({ self.cursors[$0] }) where cursor.hasMore(than: rows) {
      guard let last = cursor.lastPosition(of: rows, isExact: isExact) else { continue }
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

  func collect(_ result: inout SliceResult, _ pool: WorkerPool) throws(QueryFailure) {
    for (index, list) in tasks.enumerated() {
      var outputs = try SinkMerge(list.flatMap(\.parts), options.encode).run(pool)
      for task in list {
        outputs += task.outputs
        (task.outputs, task.parts) = ([], [])
      }
      if exchanges[index] != nil {
        for place in outputs.indices { outputs[place].stage = index }
      } else if !keepsOutputs {
        for place in outputs.indices { outputs[place].records = nil }
      }
      result.outputs += outputs
    }
    for task in tasks.joined() {
      result.faults.add(task.drainFaults())
      result.rows += task.end.drainRows()
    }
  }

  func collectStates(_ result: inout SliceResult, _ pool: WorkerPool) throws(QueryFailure) {
    if options.epochRows > 0 {
      let stateful = tasks.joined().filter { !$0.states.isEmpty }
      pool.run(stateful.map { task in { [options] in task.drainStates(options.encode) } })
      for task in stateful {
        if let failure = task.failure { throw failure }
      }
    }
    for task in tasks.joined() {
      result.stateChanges += task.stateChanges
      task.stateChanges = []
    }
  }

  /// Slices that are read ahead. More than one, so that who has nothing else to do finds work while
  /// the others are busy with a stage of few tasks, and helps with those when the reading is done.
  static let slicesAhead = 2
  /// Reads on from slice to slice.
  let readAhead = ReadAhead()
  /// Reads what the epoch itself writes to, between its slices and the next ones.
  let readRest = ReadAhead()
  /// By cursor: whether it is read ahead while slices run.
  var isReadAhead: [Bool] = []
}

extension LogicalPlan {
  /// Whether rows get another key on their way.
  fileprivate var rekeys: Bool {
    if case .rekey = self { return true }
    // In one task the rows of a stream need not be dealt out by what tells them apart then.
    if case .row(let step) = self, let node = step.node as? Ranking, !node.input.isTable {
      return true
    }
    return inputs.contains { $0.rekeys }
  }
}
