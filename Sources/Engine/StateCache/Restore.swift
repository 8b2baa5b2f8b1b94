// A query on its way to its committed state: what its stores held is read from the cache of the
// process and then from their changelogs, some megabytes at a time between two epochs, so that
// other queries go on meanwhile.

import HeadraceExecutor
import HeadraceTopics

final class Restore {
  /// One store in one partition.
  struct Store {
    let name: String
    let partition: Int
    let place: StateCachePlace
    /// Where its changelog is read from, behind what the cache holds; nil: the snapshot in the log,
    /// or the beginning.
    var cached: StateCacheReader?
    var cachedRecords = 0
    var offset: Int64
    /// Where the changelog begins.
    var first: Int64 = 0
    /// Of the changelog; nil: not begun.
    var scan: PartitionScan?
    /// Offsets between the first one that is read and the last.
    var total: Int64
    /// Records of the changelog so far.
    var count = 0
    /// The store takes the records; nil: memory does.
    var kept: SpillingStore?
  }

  let runtime: QueryRuntime
  var stores: [Store]
  /// The store that is being read.
  var index = 0
  /// There is no room in memory for what is being read.
  var overflows = false
  let begin = ContinuousClock.now
  var lastProgress: ContinuousClock.Instant
  var lastNotice: ContinuousClock.Instant

  init(_ runtime: QueryRuntime, stores: [Store]) {
    self.runtime = runtime
    self.stores = stores
    (lastProgress, lastNotice) = (begin, begin)
  }

  var recordCount: Int { stores.reduce(0) { $0 + $1.count + $1.cachedRecords } }

  /// The share of the changelogs that has been read, from 0 to 1.
  var fraction: Double {
    let total = stores.reduce(0) { $0 + $1.total }
    guard total > 0 else { return 1 }
    let left = stores.indices.reduce(Int64(0)) { sum, place in
      let store = stores[place]
      if place < index { return sum }
      return sum + (store.scan.map { $0.end - max($0.offset, store.offset) } ?? store.total)
    }
    return Double(total - min(total, left)) / Double(total)
  }
}
