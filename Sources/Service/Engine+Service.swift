// What the tools around the language need of an engine: names to complete, records appended as they
// are.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

extension Engine {
  /// Names for completion, each list sorted.
  func names() -> CatalogNames {
    lock.withLock {
      var names = CatalogNames()
      let sources = catalog.sortedSources
      names.sources = sources.map { source in
        CatalogNames.Source(name: source.name, columns: source.schema.columns.map(\.name))
      }
      names.functions = catalog.functions.names
      names.topics = ((try? log.outlines()) ?? []).filter { !$0.config.isInternal }.map(\.name)
      names.queries = queries.map(\.id)
      names.withProperties = catalog.sourceProperties.sortedTexts
      return names
    }
  }

  /// Runs epochs until the queries have read all that is committed now. Others may go on writing,
  /// so it does not wait for an idle moment. A query's output is the input of another: hence
  /// several rounds. `patiently`: also those that wait for schemas, for as long as that takes.
  func catchUp(patiently: Bool = false, isCancelled: () -> Bool) throws(EngineError) {
    let rounds = lock.withLock { min(queries.count, 8) }
    for _ in 0..<rounds {
      let ends = try lock.withLock { () throws(EngineError) in try inputEnds() }
      while lock.withLock({ isBehind(ends, patiently) }) {
        if isCancelled() { throw .interrupted }
        guard try step() else { break }
      }
    }
  }

  /// Runs epochs until the queries have read the records before these ends, and what queries made
  /// of them.
  func catchUp(
    to ends: [TextKey: [Int: Int64]], isCancelled: () -> Bool
  ) throws(EngineError) {
    var goal: [TextKey: [Int64]] = ends.mapValues { places in
      (0...(places.keys.max() ?? 0)).map { places[$0] ?? 0 }
    }
    // No chain is longer; in a cycle what goes round and round is not waited for.
    let rounds = lock.withLock { queries.count }
    for _ in 0..<rounds {
      while lock.withLock({ isBehind(goal) }) {
        if isCancelled() { throw .interrupted }
        guard try step() else { break }
      }
      let reached = goal
      goal = try lock.withLock { () throws(EngineError) in try derivedEnds(reached) }
      if goal.isEmpty { return }
    }
  }

  /// The present ends of what is written by queries that read these topics.
  private func derivedEnds(
    _ topics: [TextKey: [Int64]]
  ) throws(EngineError) -> [TextKey: [Int64]] {
    var ends: [TextKey: [Int64]] = [:]
    for query in queries where !query.isHalted {
      guard query.optimized.scans.contains(where: { topics[$0.source.topic] != nil }) else {
        continue
      }
      let sink = query.plan.sink.topic
      ends[sink] = try self.ends(of: sink)
    }
    return ends
  }

  private func ends(of topic: String) throws(EngineError) -> [Int64]? {
    do throws(StorageError) {
      return try log.topic(topic)?.partitions.map(\.endOffset)
    } catch {
      throw .storage(error)
    }
  }

  private func inputEnds() throws(EngineError) -> [TextKey: [Int64]] {
    var ends: [TextKey: [Int64]] = [:]
    for query in queries where !query.isHalted {
      for scan in query.optimized.scans where scan.source.hasTopic {
        ends[scan.source.topic] = try self.ends(of: scan.source.topic)
      }
    }
    return ends
  }

  /// Those that wait for schemas count only where that is asked for: who looks at them would never
  /// see them.
  private func isBehind(_ ends: [TextKey: [Int64]], _ patiently: Bool = false) -> Bool {
    queries.contains { query in
      if !patiently, query.shownWait != nil { return false }
      guard let runtime = query.runtime else { return !query.isHalted }
      let scans = query.physical.scans
      return runtime.positions.contains { place in
        guard place.ordinal < scans.count, let ends = ends[scans[place.ordinal].source.topic],
          place.partition < ends.count
        else { return false }
        return place.position.offset < ends[place.partition]
      }
    }
  }
}
