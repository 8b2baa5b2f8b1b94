// The files of state that is larger than memory, or that a restart would read for long: opened when
// a query starts, told of each commit, and removed with their query.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import Synchronization

extension EpochRunner {
  /// Where the files of a store are of use, up to which offset of its changelog they have it.
  func openFiles(
    _ store: SpillingStore, _ place: StateCachePlace, since earliest: Int64, end: Int64
  ) -> Int64? {
    do throws(StorageError) {
      let first = max(earliest, try log.earliestOffset(place.topic, place.partition))
      // Where others compact the changelog, its tombstones are gone after a day.
      return try store.open(
        identity: identity(place), since: first, end: end,
        ageMaxMs: log.capabilities.contains(.truncation) ? nil : StateCache.ageMaxMs)
    } catch {
      tellOfFiles(error)
      return nil
    }
  }

  func identity(_ place: StateCachePlace) -> String {
    "\(place.owner)/\(place.topic)/\(place.partition)"
  }

  func tellOfFiles(_ error: StorageError) {
    notices.append("files of state are of no use: \(error); the changelogs are read instead")
  }

  /// Where one store of a query has files, or there is no room in memory, all of them have: keys
  /// leave memory with what all states of an operator have of them.
  func keepTogether(
    _ stores: inout [Restore.Store], _ query: RunningQuery
  ) throws(QueryFailure) {
    guard query.stores != nil,
      query.beginsInStores || stores.contains(where: { $0.kept != nil })
    else { return }
    for index in stores.indices where stores[index].kept == nil {
      let place = stores[index].place
      let kept = query.stores?.store(stores[index].name, place.partition)
      do throws(StorageError) {
        try kept?.begin(identity: identity(place))
      } catch {
        throw QueryFailure(store: stores[index].name, error)
      }
      stores[index].kept = kept
    }
    // Stores without a changelog yet are empty.
    for store in query.stores?.stores ?? [] where !store.isWhole {
      do throws(StorageError) { try store.begin(identity: "") } catch {
        throw QueryFailure("files of state: \(error)")
      }
    }
  }

  /// The query has its state: up to where the changelogs have it.
  func notePositions(_ restore: Restore, _ query: RunningQuery) {
    for store in restore.stores {
      guard let end = store.scan?.end else { continue }
      query.stores?.store(store.name, store.partition)?.position = end
    }
  }

  /// What has been read of a changelog is in the store's files, as far as they are written.
  /// `offset`: behind it.
  func keep(_ offset: Int64?, _ store: Restore.Store) throws(QueryFailure) {
    guard let kept = store.kept, let offset else { return }
    kept.position = offset
    do throws(StorageError) { try kept.commit() } catch {
      throw QueryFailure(store: store.name, error)
    }
    kept.waitWhileBehind()
  }

  /// Whether what was read so far has no room in memory.
  func overflows(_ runtime: QueryRuntime, _ query: RunningQuery) -> Bool {
    let others = heldBytes.load(ordering: .relaxed) - query.stateBytes
    return others + runtime.stateBytes > options.stateBytesMax / 16 * 11
  }

  /// The epoch is committed: up to here the changelogs have what the stores were given.
  func notePositions(_ result: CommitResult) {
    guard options.spilling != nil else { return }
    var ends: [TextKey: Int64] = [:]
    for range in result.ranges where !range.offsets.isEmpty {
      ends[Self.key(range.topic, range.partition)] = range.offsets.upperBound
    }
    for query in queries {
      guard let runtime = query.runtime, let stores = query.stores else { continue }
      for (name, _) in runtime.stores {
        let topic = query.changelogTopic(name)
        for partition in runtime.partitions(ofStore: name) {
          guard let end = ends[Self.key(topic, partition)] else { continue }
          stores.store(name, partition)?.position = end
        }
      }
    }
  }

  func tellOfUnwritten() {
    guard let error = options.spilling?.takeFailure() else { return }
    notices.append("files of state could not be written: \(error); the state stays in memory")
  }

  /// Between two epochs, before the runtimes go: a restart then reads nothing but files.
  func flushStores(of queries: [RunningQuery]) {
    guard log.poison == nil else { return }
    for query in queries where !query.isUncommitted && query.runtime != nil {
      for store in query.stores?.stores ?? [] {
        do throws(StorageError) {
          try store.flush()
        } catch {
          notices.append("files of state could not be written: \(error)")
        }
      }
    }
  }

  func startDamagedAnew() {
    let found = queries.filter { query in damaged.contains { $0.query === query } }
    for query in found {
      query.runtime?.finishReadingAhead(pool)
      let store = damaged.first { $0.query === query }?.store ?? ""
      _ = forgetFiles(of: query, store)
    }
    damaged = []
    if !found.isEmpty { restart(found) }
  }

  /// The files hold something else than they were given: the state comes back from its changelogs.
  /// Returns whether there were any.
  func forgetFiles(of query: RunningQuery, _ store: String) -> Bool {
    guard query.stores != nil else { return false }
    notices.append(
      "the files of store \(store) of query \(query.id) are damaged; its changelogs are read instead"
    )
    forgetFiles(of: query)
    // What cannot be read may not be removable either.
    query.skipsCache = true
    return true
  }

  /// The query is no more.
  func forgetFiles(of query: RunningQuery) {
    for store in query.stores?.stores ?? [] {
      do throws(StorageError) { try store.forget() } catch { tellOfFiles(error) }
    }
  }

  /// Files of stores that no query has any more.
  func cleanFiles() {
    guard let spilling = options.spilling else { return }
    let ids = queries.map(\.id)
    do throws(StorageError) {
      try spilling.keepOnly { topic in
        ids.contains { InternalTopics.isOwn(topic, ofQuery: $0, among: ids) }
      }
    } catch {
      tellOfFiles(error)
    }
  }
}
