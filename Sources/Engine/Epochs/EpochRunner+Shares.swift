// What an engine does that does not have everything: which partitions its tasks are for, where
// their positions are kept, and what it takes over from the statement log of others.
//
// Over the embedded log all partitions are here and a query's positions are one entry. Elsewhere
// each input partition has an entry of its own, since another process may read it in the next
// epoch.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics
import Synchronization

/// Where rows go between the stages of a query.
public enum ExchangeKind: Sendable {
  /// From task to task; all partitions must be here.
  case memory
  /// Through a topic, and are read after the commit.
  case topics
}

extension EpochRunner {
  var hasAllPartitions: Bool { log.capabilities.contains(.allPartitions) }

  private var exchangesThroughTopics: Bool { !hasAllPartitions || options.exchange == .topics }

  /// The topic of a stage's exchange; nil: rows stay in memory.
  func exchangeTopic(ofQuery id: String) -> (@Sendable (Int) -> String)? {
    guard exchangesThroughTopics else { return nil }
    return { stage in InternalTopics.exchange(ofQuery: id, stage: stage) }
  }

  /// Commits between a row and what comes of it: one for the output and one for each topic between
  /// stages on its longest way. nil: rows stay in memory between stages, and all is one commit.
  func hops(_ plan: PhysicalPlan) -> Int? {
    func depth(_ node: LogicalPlan) -> Int {
      let inner = node.inputs.map(depth).max() ?? 0
      if case .exchange = node { return inner + 1 }
      return inner
    }
    return hasAllPartitions ? nil : depth(plan.root) + 1
  }

  /// Which partitions are this process's; nil: all.
  var ownedPartitions: (@Sendable (String, Int) -> Set<Int>)? {
    guard !hasAllPartitions else { return nil }
    let assignment = log.assignment
    return { topic, partitions in assignment.owned(topic, partitions: partitions) }
  }

  /// The topics that a query's output and exchanges go to.
  func topicsWritten(by query: RunningQuery) -> [String] {
    [query.plan.sink.topic] + (query.runtime?.exchangeTopics.map(\.topic) ?? [])
  }

  func topic(of output: PartitionOutput, _ query: RunningQuery) -> String {
    output.stage.map { InternalTopics.exchange(ofQuery: query.id, stage: $0) }
      ?? query.plan.sink.topic
  }

  // MARK: - Positions

  /// By scan ordinal and partition, as `PositionCodec` names them.
  func committedPositions(_ id: String) -> [TextKey: SourcePosition] {
    var positions =
      log.metadata(key: MetadataKey.positions(id)).map { PositionCodec.decode($0) } ?? [:]
    if !hasAllPartitions {
      for (_, value) in partitionPositions(id) {
        positions.merge(PositionCodec.decode(value)) { $1 }
      }
    }
    return positions
  }

  /// Entries of single partitions; the id of another query may begin with this one's.
  private func partitionPositions(_ id: String) -> [(key: [UInt8], value: [UInt8])] {
    let prefix = MetadataKey.positions(id) + Array("/".utf8)
    return log.metadata(prefix: prefix).filter { key, _ in
      key.dropFirst(prefix.count).allSatisfy { $0 == UInt8(ascii: ":") || (0x30...0x39) ~= $0 }
    }
  }

  /// The entries that say how far a query has come, where that has changed since `before`.
  func positionChanges(
    _ id: String, _ positions: [(ordinal: Int, partition: Int, position: SourcePosition)],
    before: [SourcePosition]
  ) -> [EpochCommit.MetadataChange] {
    guard !hasAllPartitions else {
      return [
        EpochCommit.MetadataChange(
          key: MetadataKey.positions(id), value: PositionCodec.encode(positions))
      ]
    }
    return positions.enumerated().compactMap { index, place in
      if index < before.count, before[index] == place.position { return nil }
      return EpochCommit.MetadataChange(
        key: MetadataKey.positions(id, place.ordinal, place.partition),
        value: PositionCodec.encode([place]))
    }
  }

  /// Of several queries over a topic the one that is furthest behind counts.
  func noteConsumed(_ query: RunningQuery, _ runtime: QueryRuntime, _ commit: inout EpochCommit) {
    let scans = query.physical.scans
    for (ordinal, partition, position) in runtime.positions
    where ordinal < scans.count && scans[ordinal].source.hasTopic {
      let topic = scans[ordinal].source.topic
      let known = commit.consumed.firstIndex { $0.topic == topic && $0.partition == partition }
      if let known {
        commit.consumed[known].offset = min(commit.consumed[known].offset, position.offset)
      } else {
        commit.consumed.append(
          GroupOffset(topic: topic, partition: partition, offset: position.offset))
      }
    }
  }

  /// Up to where the stages here have read exchanges beyond what was dropped: each exchange has one
  /// reader, so what lies before is of no more use. The engine's lock is held.
  func readExchanges() -> [GroupOffset] {
    var places: [GroupOffset] = []
    for query in queries {
      guard let runtime = query.runtime else { continue }
      let committed = committedPositions(query.id)
      let count = query.physical.scans.count
      for (ordinal, partition, _) in runtime.positions where ordinal >= count {
        // As it was committed, not as the open epoch has it.
        guard let offset = committed["\(ordinal):\(partition)"]?.offset, offset > 0 else {
          continue
        }
        let topic = InternalTopics.exchange(ofQuery: query.id, stage: ordinal - count)
        guard droppedBefore[Self.key(topic, partition)] != offset else { continue }
        places.append(GroupOffset(topic: topic, partition: partition, offset: offset))
      }
    }
    return places
  }

  /// The records before these places are gone. The engine's lock is held.
  func noteDropped(_ places: [GroupOffset]) {
    for place in places { droppedBefore[Self.key(place.topic, place.partition)] = place.offset }
  }

  func positionRemovals(_ id: String) -> [EpochCommit.MetadataChange] {
    let keys = [MetadataKey.positions(id)] + partitionPositions(id).map(\.key)
    return keys.map { EpochCommit.MetadataChange(key: $0, value: nil) }
  }

  // MARK: - Between two epochs

  /// Takes over what others have changed since the last epoch: statements, and which partitions are
  /// here. Returns whether anything has changed. The engine's lock is held.
  func settle() throws(EngineError) -> Bool {
    guard !hasAllPartitions else { return false }
    let hasMoved: Bool
    do { hasMoved = try log.assignment.settle() } catch { throw .storage(error) }
    let hasFollowed = try followStatements()
    let hasSwitched = followStates()
    let isRetry = waitsForReach.map { ContinuousClock.now - $0 > Self.reachPause } ?? false
    guard hasMoved || hasFollowed || isRetry else { return hasSwitched }
    waitsForReach = nil
    // All of them first: queries share scans, and a scan lives as long as one of its readers.
    let moved = hasMoved ? queries.filter { $0.isRunning && !isAsItWas($0) } : []
    // Of some of them not all partitions go, and those that go may come back.
    saveStates(of: moved)
    flushStores(of: moved)
    for query in moved {
      query.runtime?.finishReadingAhead(pool)
      query.runtime = nil
    }
    if hasMoved { errorRanges = [:] }
    for query in queries
    where !query.isRunning && !query.isHalted {
      startOrFail(query)
    }
    return true
  }
}

extension EpochRunner {
  /// After the partitions were dealt out anew: a query has those that it had, and nobody has gone
  /// on with them in between, since whoever changes its state changes its positions too.
  private func isAsItWas(_ query: RunningQuery) -> Bool {
    guard let runtime = query.runtime ?? query.restore?.runtime, runtime.hasItsPartitions else {
      return false
    }
    let committed = committedPositions(query.id)
    return runtime.positions.allSatisfy { ordinal, partition, position in
      committed["\(ordinal):\(partition)"].map { $0 == position } ?? true
    }
  }

  /// What others have said of queries since: PAUSE, RESUME, and that one has failed, which it has
  /// everywhere then.
  private func followStates() -> Bool {
    var hasChanged = false
    for query in queries {
      let bytes = log.metadata(key: MetadataKey.query(query.id))
      guard let bytes, bytes != query.knownRecord else { continue }
      query.knownRecord = bytes
      let record = MetadataRecord(bytes: bytes)
      let state = record["state"].flatMap { QueryState(rawValue: $0) } ?? .live
      switch state {
      case .paused where query.state != .paused: setPaused(query, true)
      case .failed where query.state != .failed:
        query.runtime?.finishReadingAhead(pool)
        query.fail(QueryFailure(record["failure"] ?? "", isLimit: record["limit"] == "true"))
        hasFailures.store(true, ordering: .releasing)
      case .live where query.isHalted, .catchingUp where query.isHalted:
        setPaused(query, false)
        startOrFail(query)
      case .paused, .failed, .live, .catchingUp, .restoring, .waiting: continue
      }
      hasChanged = true
    }
    return hasChanged
  }

  private func setPaused(_ query: RunningQuery, _ isPaused: Bool) {
    var change = CatalogChange()
    change.steps = [isPaused ? .pause([query.id]) : .resume([query.id])]
    definitions.apply(change)
    follow(starts: false)
  }

  // MARK: - Inputs that are others' too

  /// What could not start since the cluster was out of reach is tried again after this.
  private static let reachPause = Duration.seconds(1)
  private static let missingPatience = Duration.seconds(3)

  /// What has become of a query's topics that it cannot go on with: they are kept by others, who
  /// may delete them, make them anew or give them more partitions.
  func inputRefusal(_ query: RunningQuery) -> QueryFailure? {
    guard !hasAllPartitions, let runtime = query.runtime else { return nil }
    let scans = query.physical.scans
    let missingSince = query.missingSince ?? .now
    query.missingSince = nil
    for (ordinal, partition, position) in runtime.positions
    where ordinal < scans.count && scans[ordinal].source.hasTopic {
      let source = scans[ordinal].source
      guard let written = view.writtenEnds(source.topic) else {
        // Out of reach is not gone, and what another process has just made may not be known here
        // yet.
        guard log.poison == nil, log.isAbsent(source.topic) else { continue }
        query.missingSince = missingSince
        guard ContinuousClock.now - missingSince > Self.missingPatience else { continue }
        return QueryFailure("topic \(source.topic) of \(source.name) does not exist any more")
      }
      guard written.count == source.partitions else {
        return QueryFailure(
          "topic \(source.topic) has \(written.count) partitions now and had \(source.partitions) "
            + "when source \(source.name) was declared; keys lie elsewhere than before")
      }
      guard position.offset <= written[partition] else {
        return QueryFailure(
          "the query has read partition \(partition) of topic \(source.topic) up to offset "
            + "\(position.offset), and it ends at \(written[partition]): it was made anew")
      }
    }
    return nil
  }

  /// Throws: records behind a query's position are gone, so that it would go on without them.
  func checkPositions(_ query: RunningQuery, _ runtime: QueryRuntime) throws(QueryFailure) {
    guard !hasAllPartitions else { return }
    let scans = query.physical.scans
    for (ordinal, partition, position) in runtime.positions
    where ordinal < scans.count && scans[ordinal].source.hasTopic && position.offset > 0 {
      let topic = scans[ordinal].source.topic
      guard let first = try? log.earliestOffset(topic, partition), first > position.offset else {
        continue
      }
      throw QueryFailure(
        "partition \(partition) of topic \(topic) begins at offset \(first) now, and the query has "
          + "read it up to \(position.offset): the records between were deleted before they were read"
      )
    }
  }
}

extension MetadataKey {
  static func positions(_ id: String, _ ordinal: Int, _ partition: Int) -> [UInt8] {
    positions(id) + Array("/\(ordinal):\(partition)".utf8)
  }
}
