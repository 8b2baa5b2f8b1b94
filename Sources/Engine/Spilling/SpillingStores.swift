// Where the engine keeps state that is larger than memory: a directory of sorted runs for each
// store and partition, below `stores` in the data directory. Those of persistent queries outlive
// the process: a restart opens them, and reads of the changelog what they do not have yet. Deleting
// them costs time, never data.
//
// Files count if they are of this query's present life and lie within what the changelog still has;
// and, where the changelog is compacted by others, if they are young enough for it to have every
// tombstone behind them.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceStateStorage
import HeadraceTopics

/// The state directory of an engine.
final class SpillingStores: Sendable {
  let files: any FileSystem
  let directory: String
  let memory: StateMemory
  let merger: RunMerger
  let clock: @Sendable () -> Int64
  private let passing = Monitor(0)
  private let failures = Monitor(Failures())

  private struct Failures {
    var untold: StorageError?
    var lastTold: ContinuousClock.Instant?
  }

  private static let tellingPause = Duration.seconds(60)

  init(
    _ files: any FileSystem, directory: String, memory: StateMemory, isInline: Bool,
    clock: @escaping @Sendable () -> Int64
  ) {
    self.files = files
    self.directory = directory
    self.memory = memory
    self.clock = clock
    merger = RunMerger(isInline: isInline)
  }

  /// Of a query whose stores have changelogs.
  func stores(ofQuery id: String) -> QueryStores {
    QueryStores(self) { name, partition in
      "\(InternalTopics.changelog(ofQuery: id, store: name))-\(partition)"
    }
  }

  /// Of a query of a client, whose state goes with it.
  func passingStores() -> QueryStores {
    let number = passing.withLock { number -> Int in
      number += 1
      return number
    }
    return QueryStores(self, isPassing: true) { name, partition in
      "\(Self.passingPrefix)\(number)-\(name)-\(partition)"
    }
  }

  private static let passingPrefix = "client-"

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// Removes what is of other changelogs than these, and of clients of an earlier run.
  func keepOnly(_ isWanted: (_ topic: String) -> Bool) throws(StorageError) {
    guard try files.exists(directory) else { return }
    for name in try files.list(directory) {
      if let dash = name.lastIndex(of: "-"), isWanted(String(name[..<dash])) { continue }
      try files.removeTree(path(name))
    }
  }

  /// Something could not be written, and stays in memory.
  func note(_ error: StorageError) { failures.withLock { $0.untold = error } }

  /// What could not be written since the last call; of a disk that stays full once a while.
  func takeFailure() -> StorageError? {
    failures.withLock { failures in
      guard let error = failures.untold,
        failures.lastTold.map({ ContinuousClock.now - $0 > Self.tellingPause }) ?? true
      else { return nil }
      failures = Failures(untold: nil, lastTold: .now)
      return error
    }
  }

  func close() { merger.stop() }
}

/// Makes the stores of one query, and knows them.
final class QueryStores: StateStores, Sendable {
  private struct Place: Hashable {
    var name: String
    var partition: Int
  }

  private let all: SpillingStores
  private let isPassing: Bool
  private let directoryName: @Sendable (_ name: String, _ partition: Int) -> String
  private let made = Monitor<[Place: StoreBox]>([:])

  private struct StoreBox: @unchecked Sendable {
    // Unchecked: the engine uses a store between slices, when no worker does.
    let store: SpillingStore
  }

  init(
    _ all: SpillingStores, isPassing: Bool = false,
    directoryName: @escaping @Sendable (_ name: String, _ partition: Int) -> String
  ) {
    self.all = all
    self.isPassing = isPassing
    self.directoryName = directoryName
  }

  /// One that has files is taken over by the operators that take the place of others.
  func makeStore(named name: String, partition: Int, keys: RecordKeys) -> (any StateStore)? {
    if let known = store(name, partition), known.isWhole { return known }
    let store = SpillingStore(
      all, all.path(directoryName(name, partition)), keys, isPassing: isPassing)
    made.withLock { $0[Place(name: name, partition: partition)] = StoreBox(store: store) }
    return store
  }

  func store(_ name: String, _ partition: Int) -> SpillingStore? {
    made.withLock { $0[Place(name: name, partition: partition)]?.store }
  }

  var stores: [SpillingStore] { made.withLock { $0.values.map(\.store) } }
}
