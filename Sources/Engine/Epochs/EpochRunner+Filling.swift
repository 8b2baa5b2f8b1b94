// State that grows too large for memory goes into files while its query runs: its changelogs, which
// have every change, are read into them a piece after each epoch, from the beginning to where the
// query is. When all stores of the query have come so far they are whole, and keys may leave
// memory. The query and others go on meanwhile; they wait for longer pieces as memory fills.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

/// The stores of a query that are on their way into files.
struct StoresFilling {
  struct Part {
    let name: String
    let partition: Int
    let topic: String
    let store: SpillingStore
    /// Where its changelog is read on.
    var offset: Int64
  }

  var parts: [Part]
  /// The part that is read; behind the last one when all have been read to their ends of then.
  var index = 0
}

extension EpochRunner {
  private static let pieceBytes = 1 << 20
  /// Epochs after a failure until it is tried again.
  private static let epochsUntilRetry = 64

  /// Between two epochs: all states are as they are committed.
  func fillStores() {
    guard let spilling = options.spilling else { return }
    for query in queries where query.runtime != nil && query.stores != nil {
      query.fillingIn = max(0, query.fillingIn - 1)
      if query.filling == nil {
        guard query.fillingIn == 0, spilling.memory.wantsGradualFiles(query.stateBytes) else {
          continue
        }
        guard query.stores?.stores.contains(where: { !$0.isWhole }) ?? false else { continue }
        guard isOfManyRecords(query) || spilling.memory.fillsInPieces else {
          for store in query.stores?.stores ?? [] { store.fillsAtOnce = true }
          continue
        }
      }
      do throws(StorageError) {
        if query.filling == nil { try beginFilling(query) }
        try goOnFilling(query, spilling.memory)
      } catch {
        // The state stays where it is.
        query.filling = nil
        query.fillingIn = Self.epochsUntilRetry
        for store in query.stores?.stores ?? [] { store.giveUpFilling() }
        spilling.note(error)
        tellOfUnwritten()
      }
    }
  }

  /// Few records are written by their states in little time, even if they are large.
  private func isOfManyRecords(_ query: RunningQuery) -> Bool {
    (query.runtime?.storeSizes ?? []).reduce(0) { $0 + $1.records } > Self.fewRecords
  }

  private static let fewRecords = 1 << 16

  private func beginFilling(_ query: RunningQuery) throws(StorageError) {
    guard let runtime = query.runtime, let stores = query.stores else { return }
    var filling = StoresFilling(parts: [])
    for (name, _) in runtime.stores {
      let topic = query.changelogTopic(name)
      // A store without a changelog has nothing yet.
      guard log.outline(topic) != nil else { continue }
      for partition in runtime.partitions(ofStore: name) {
        guard let store = stores.store(name, partition), !store.isWhole else { continue }
        let place = StateCachePlace(
          topic: topic, partition: partition, owner: cacheOwner(of: query))
        try store.beginFilling(identity: identity(place))
        filling.parts.append(
          StoresFilling.Part(
            name: name, partition: partition, topic: topic, store: store,
            offset: max(
              snapshotOffset(topic, partition), try log.earliestOffset(topic, partition))))
      }
    }
    query.filling = filling
  }

  /// Where the last snapshot of a store begins in its changelog.
  func snapshotOffset(_ topic: String, _ partition: Int) -> Int64 {
    log.metadata(key: MetadataKey.snapshot(topic, partition))
      .flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
  }

  private func goOnFilling(
    _ query: RunningQuery, _ memory: StateMemory
  ) throws(StorageError) {
    let begin = ContinuousClock.now
    while let filling = query.filling, let runtime = query.runtime {
      guard filling.index < filling.parts.count else {
        if try isFilled(filling) {
          if runtime.isSettled { becomeWhole(query, runtime) }
          return
        }
        query.filling?.index = 0
        continue
      }
      guard try readPiece(query, runtime, memory) else { return }
      if memory.fillsInPieces { return }
      if let patience = memory.fillingPatience, ContinuousClock.now - begin > patience { return }
    }
  }

  private func isFilled(_ filling: StoresFilling) throws(StorageError) -> Bool {
    for part in filling.parts
    where part.offset < (try log.committedEnd(part.topic, part.partition)) { return false }
    return true
  }

  /// False: it goes on in another epoch.
  private func readPiece(
    _ query: RunningQuery, _ runtime: QueryRuntime, _ memory: StateMemory
  ) throws(StorageError) -> Bool {
    guard let place = query.filling?.index, let part = query.filling?.parts[place] else {
      return false
    }
    // The query must not get on faster than its files are written.
    if part.store.isBehind {
      part.store.waitWhileBehind(for: memory.fillingPatience)
      if part.store.isBehind, memory.fillingPatience != nil { return false }
    }
    // What a repair has left out is in memory, and would be missing in the files.
    guard log.lostOffsets(part.topic, part.partition).allSatisfy({ $0.upperBound <= part.offset })
    else {
      throw StorageError(.corruption, "filling a store from its changelog", path: part.topic)
    }
    let end = try log.committedEnd(part.topic, part.partition)
    // Its snapshots wait, so that nothing of it is cut off.
    var scan = try PartitionScan(log, part.topic, part.partition, from: part.offset, to: end)
    switch try scan.step(bytesMax: Self.pieceBytes) {
    case .nothingYet: return false
    case .end:
      query.filling?.parts[place].offset = end
      query.filling?.index += 1
    case .records(let records):
      let index = runtime.indexRecords(store: part.name, partition: part.partition, records)
      try part.store.fillOn(records, index: index, position: scan.offset)
      query.filling?.parts[place].offset = scan.offset
    }
    return true
  }

  private func becomeWhole(_ query: RunningQuery, _ runtime: QueryRuntime) {
    for part in query.filling?.parts ?? [] { part.store.endFilling(position: part.offset) }
    query.filling = nil
    for store in query.stores?.stores ?? [] where !store.isWhole {
      do throws(StorageError) { try store.begin(identity: "") } catch { tellOfFiles(error) }
    }
    runtime.storesAreWhole()
  }
}
