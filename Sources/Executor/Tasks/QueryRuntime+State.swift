// The stores of a query's tasks together: what they hold, how they are restored, and how an epoch
// is committed or undone; and the reading ahead of its cursors.

public import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
public import HeadraceTopics

extension QueryRuntime {
  /// Bytes of state held, about. Cheap: it looks at each store's sizes, not at its content.
  public var stateBytes: Int { tasks.joined().reduce(0) { $0 + $1.stateBytes } }

  /// Those of them that are not the stores' own.
  public var residentBytes: Int {
    tasks.joined().flatMap(\.states).reduce(0) { $0 + $1.byteCount }
  }

  /// What its operators have done since it began.
  public var tally: PlanTally {
    var result = PlanTally(nodes: Array(repeating: NodeTally(), count: plan.root.nodeCount))
    for (stage, tasks) in zip(stages, tasks) {
      for task in tasks { task.add(to: &result, endNode: stage.endNode) }
    }
    for (cursor, feed) in zip(cursors, feeds) {
      let node = tasks[feed.stage][feed.task].node(ofEntry: feed.entry)
      result.nodes[node].nanoseconds += cursor.reader.nanoseconds
    }
    return result
  }

  /// Whether state may leave memory.
  public var spills: Bool { options.stores != nil }

  /// What each store holds in all partitions together, the largest first.
  public var storeSizes: [StoreSize] {
    var sizes: [StoreSize] = []
    for state in tasks.joined().flatMap(\.states) {
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

  /// Names and partition counts of the stores, for their changelogs; those of stages without a task
  /// here are left out.
  public var stores: [(name: String, partitions: Int)] {
    zip(tasks, stages).flatMap { list, stage in
      (list.first?.states ?? []).map { ($0.name, stage.partitions) }
    }
  }

  /// The partitions of a store that are here.
  public func partitions(ofStore name: String) -> [Int] {
    tasks.joined().filter { $0.states.contains { $0.name == name } }.map(\.partition)
  }

  private func stores(_ name: String, _ partition: Int) -> [any OperatorState] {
    tasks.joined().filter { $0.partition == partition }
      .flatMap { $0.states.filter { $0.name == name } }
  }

  /// Gives a store back what its changelog holds. Returns the place of the first record that cannot
  /// be the store's; nil: all of them are.
  public func restore(store: String, partition: Int, _ records: RawRecords) -> Int? {
    for state in stores(store, partition) {
      guard !(state.store?.isWhole ?? false) else {
        state.stage(records)
        state.passOver(records)
        continue
      }
      do throws(DamagedState) {
        try state.restore(records)
      } catch {
        return error.record
      }
    }
    return nil
  }

  /// What finds these records of a store's changelog by something else than their keys; nil:
  /// nothing does.
  public func indexRecords(
    store: String, partition: Int, _ records: RawRecords
  ) -> RawRecords? {
    for state in stores(store, partition) {
      if let index = state.indexRecords(of: records), index.count > 0 { return index }
    }
    return nil
  }

  /// Nothing is left to drain or to undo.
  public var isSettled: Bool { tasks.joined().allSatisfy { $0.states.allSatisfy(\.isSettled) } }

  /// The stores have been given all that the changelogs have.
  public func storesAreWhole() {
    for state in tasks.joined().flatMap(\.states) { state.storeIsWhole() }
  }

  /// After the last `restore`.
  public func finishRestore() throws(QueryFailure) {
    for task in tasks.joined() { try task.restored(recordsUndo: options.recordsUndo) }
    committed = cursors.map(\.committed)
  }

  /// The epoch of the last slice is committed.
  /// Throws: the query must be built anew, with what is committed; its stores could not be written.
  public func commitEpoch() throws(QueryFailure) {
    for task in tasks.joined() { try task.commitEpoch(recordsUndo: options.recordsUndo) }
    guard options.recordsUndo else { return }
    committed = cursors.map(\.committed)
  }

  /// Takes the state back to the last commit, and reads on from the positions of then. Nobody reads
  /// ahead meanwhile.
  /// Throws: the query must be built anew from its committed state.
  public func undoEpoch() throws(QueryFailure) {
    guard options.recordsUndo, committed.count == cursors.count else {
      throw QueryFailure("the epoch cannot be undone")
    }
    for task in tasks.joined() { try task.undoEpoch() }
    for (index, position) in committed.enumerated() {
      let reader = cursors[index].reader
      cursors[index] = SourceCursor(
        scanReader(reader.scan, reader.ordinal, reader.partition, reader.shared, position),
        from: position)
    }
    frontier = nil
    firstTaken = nil
    isReadAhead = []
  }

  /// About how many records `snapshot` gives.
  public func recordCount(store: String, partition: Int) -> Int {
    stores(store, partition).reduce(0) { $0 + $1.recordCount }
  }

  /// A store's whole content, a piece of some hundred KiB at a time, of which `use` may keep
  /// nothing.
  /// Throws: what `use` throws.
  public func snapshot(
    store: String, partition: Int, _ use: @escaping (RawRecords) throws(StorageError) -> Void
  ) throws(StorageError) {
    var pieces = SnapshotPieces(use)
    for state in stores(store, partition) { try state.snapshot(into: &pieces) }
    try pieces.finish()
  }

  /// At most `limit` records of a store that has files, behind a key. Order: of the bytes of their
  /// keys.
  public func scan(
    store: String, partition: Int, after key: [UInt8]?, limit: Int
  ) throws(StorageError) -> RawRecords {
    for state in stores(store, partition) {
      return try state.store?.scan(space: StateSpace.records, after: key, limit: limit) ?? .none
    }
    return .none
  }

  // MARK: - Reading ahead

  func beginReadingAhead(_ pool: WorkerPool, _ wanted: (SourceDefinition) -> Bool) {
    isReadAhead = cursors.map { wanted($0.reader.scan.source) }
    begin(readAhead, pool) { isReadAhead[$0] }
  }

  /// When the caller commits: reads ahead of the sources as well that the epoch itself has written
  /// to, until `finishReadingRest`.
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
