// The slices of an epoch: which queries run side by side, how far each may read, and what its slice
// adds to the commit.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics
import Synchronization

extension EpochRunner {
  /// The topics that some query reads.
  func epochTopics(_ running: [RunningQuery]) -> Set<TextKey> {
    var topics: Set<TextKey> = []
    for query in running {
      for scan in query.optimized.scans where scan.source.hasTopic {
        topics.insert(scan.source.topic)
      }
      for exchange in query.runtime?.exchangeTopics ?? [] { topics.insert(exchange.topic) }
    }
    for push in pushes {
      for scan in push.plan.scans where scan.source.hasTopic { topics.insert(scan.source.topic) }
    }
    return topics
  }

  /// Queries in groups that do not read what others of their group write, in the order of creation.
  func levels(_ running: [RunningQuery]) -> [[RunningQuery]] {
    var levelOfTopic: [TextKey: Int] = [:]
    var result: [[RunningQuery]] = []
    for query in running {
      let sources = query.optimized.scans.filter { $0.source.hasTopic }.map(\.source.topic)
      let level = sources.compactMap { levelOfTopic[$0] }.max().map { $0 + 1 } ?? 0
      let sink = query.plan.sink.topic
      // Two writers of one topic keep their order.
      let place = max(level, levelOfTopic[sink].map { $0 + 1 } ?? 0)
      levelOfTopic[sink] = place
      while result.count <= place { result.append([]) }
      result[place].append(query)
    }
    return result
  }

  /// In rowtime order a query reads no further than the queries that write its sources have come,
  /// so that where an epoch is cut never shows in a join of derived rows.
  func limit(of query: RunningQuery, _ frontiers: [TextKey: Int64]) -> Int64? {
    guard !frontiers.isEmpty, let runtime = query.runtime, runtime.mergesInputs,
      runtime.isInRowtimeOrder
    else { return nil }
    return query.optimized.scans.compactMap { frontiers[$0.source.topic] }.min()
  }

  /// One slice of each query of a level, side by side where there are several.
  func slices(
    _ level: [RunningQuery], _ limits: [Int64?], _ clock: Int64, _ derived: Set<TextKey>,
    readsAhead: Bool
  ) -> [Result<SliceResult, QueryFailure>] {
    for query in level { query.runtime?.keepsOutputs = view.isRead(query.plan.sink.topic) }
    let boxes = zip(level.compactMap(\.runtime), limits).map {
      SliceBox($0, before: $1, derived, readsAhead: readsAhead)
    }
    pool.runSlices(boxes.map { box in { [pool] in box.run(pool, clock) } })
    return boxes.map { $0.result ?? .failure(QueryFailure("the query did not run")) }
  }

  /// Of what queries share, that which all of them have taken.
  func dropTakenChunks() {
    guard queries.count + pushes.count > 1 else { return }
    var taken = TakenScans()
    for query in queries { if let runtime = query.runtime { taken.note(runtime) } }
    for push in pushes { taken.note(push.runtime) }
    taken.dropChunks()
  }

  /// Reading ahead keeps workers busy that would have nothing to do; each query keeps what it has
  /// read. Where there are many queries there is always something to do, and what they keep would
  /// be most of the memory. They take one step at a time as well, so that little is kept of what
  /// they share until the last of them has it.
  var readsAhead: Bool {
    queries.reduce(0) { $0 + ($1.runtime == nil ? 0 : 1) } <= Self.queriesPerWorker * pool.workers
  }

  private static let queriesPerWorker = 4

  /// A query's slice into the epoch's commit.
  func take(
    _ result: SliceResult, of query: RunningQuery, before: [SourcePosition],
    _ transaction: any EpochTransaction, _ commit: inout EpochCommit
  ) throws(EngineError) -> Bool {
    guard let runtime = query.runtime else { return false }
    query.hasMore = result.hasMore
    query.state = result.hasMore ? .catchingUp : .live
    note(query, waitsFor: result.undecided)
    let moved = runtime.positions.map(\.position) != before
    if result.isWaiting { noteWaiting() }
    guard result.rowCount > 0 || moved || result.goesOn || !result.errors.isEmpty else {
      return false
    }
    if let refusal = keyRefusal(result, query) ?? placeRefusal(result, query)
      ?? budgetRefusal(runtime, query)
    {
      fail(query, refusal, &commit)
      return true
    }
    let files: MetadataRecord?
    do {
      files = try inputMarks(query)
    } catch {
      // An input that cannot be read is its reader's trouble, not the log's.
      fail(query, QueryFailure("\(error)"), &commit)
      return true
    }
    query.rowsRead += result.rowCount
    for output in result.outputs {
      let topic = topic(of: output, query)
      if output.stage == nil { query.rowsWritten += output.recordCount }
      commit.outputs.append(
        EpochCommit.Output(topic: topic, partition: output.partition, encoded: output.encoded))
      if let records = output.records {
        view.write(topic, output.partition, records, transaction)
      }
    }
    for change in result.stateChanges {
      do throws(StorageError) {
        try appendState(query, change.store, change.output, &commit)
      } catch {
        throw .storage(error)
      }
    }
    try appendErrors(result.errors, &commit)
    appendFaults(result.faults, of: query, &commit)
    commit.metadata += positionChanges(query.id, runtime.positions, before: before)
    if !hasAllPartitions { noteConsumed(query, runtime, &commit) }
    if let files {
      commit.metadata.append(
        EpochCommit.MetadataChange(key: MetadataKey.files(query.id), value: files.bytes))
    }
    return true
  }

  /// A query that waits for schemas says so when that has lasted, and when it is over.
  private func note(_ query: RunningQuery, waitsFor reason: String?) {
    guard let reason else {
      if query.waitsFor?.isTold ?? false { tell("query \(query.id) goes on") }
      query.waitsFor = nil
      return
    }
    var wait = query.waitsFor ?? (reason, .now, false)
    wait.reason = reason
    if !wait.isTold, ContinuousClock.now - wait.since > Self.waitUntold {
      wait.isTold = true
      tell("query \(query.id) waits: \(reason)")
    }
    if wait.isTold { query.state = .waiting }
    query.waitsFor = wait
  }

  private func tell(_ text: String) {
    notices.append(text)
    options.waitNotice(text)
  }

  private static let waitUntold = Duration.seconds(1)
}

/// A query on its way to a worker and back.
private final class SliceBox: @unchecked Sendable {
  // Unchecked: one worker has it until the pool's barrier.
  private let runtime: QueryRuntime
  private let limit: Int64?
  /// Topics that the epoch may write to, of which the next slice is not read before it is over.
  private let derived: Set<TextKey>
  private let readsAhead: Bool
  private(set) var result: Result<SliceResult, QueryFailure>?

  init(
    _ runtime: QueryRuntime, before limit: Int64?, _ derived: Set<TextKey>, readsAhead: Bool
  ) {
    self.readsAhead = readsAhead
    self.runtime = runtime
    self.limit = limit
    self.derived = derived
  }

  func run(_ pool: WorkerPool, _ clock: Int64) {
    do throws(QueryFailure) {
      result = .success(
        try runtime.runSlice(
          pool, clockMs: clock, before: limit, isOneStep: !readsAhead
        ) { source in
          readsAhead && (!source.hasTopic || !derived.contains(source.topic))
        })
    } catch {
      result = .failure(error)
    }
  }
}
