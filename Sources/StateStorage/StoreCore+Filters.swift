// How much memory filters take. A new run's filter gets the bits a key that are wanted, unless it is so large that the
// filters of all runs would take more than their share; and when they do all the same, the largest one is folded, and
// dropped when that would leave too little of it. So the small, new runs, which each lookup asks first, keep good ones.

import HeadraceFoundations

extension StoreCore {
  /// With fewer a filter is of no use.
  static let bitsPerKeyMin = 3

  /// For a run of at most so many keys that takes the place of some others.
  func filterPlan(keys: Int, replacing: [Run]) -> FilterPlan {
    var plan = FilterPlan(
      keys: max(1, keys), bitsPerKey: max(0, options.filterBitsPerKey), part: options.filterPrefix)
    let others = state.withLock(\.runs).filter { entry in
      !replacing.contains { $0 === entry.run }
    }
    // For a smaller run the largest one gives way.
    if others.contains(where: { $0.run.footer.filterKeys >= plan.keys }) { return plan }
    let filterBytesMax = state.withLock(\.shares.filterBytes)
    let used = others.reduce(0) { $0 + ($1.filter?.byteCount ?? 0) }
    // A part is left for those that come after it.
    let room = max(0, filterBytesMax - filterBytesMax / 4 - used)
    if plan.byteCount > room { plan.bitsPerKey = room * 8 / plan.keys }
    if plan.bitsPerKey < Self.bitsPerKeyMin { plan.bitsPerKey = 0 }
    return plan
  }

  /// The list with so much of the filters as there is room for.
  func balanced(_ runs: [RunEntry]) -> [RunEntry] {
    var runs = runs
    let filterBytesMax = state.withLock(\.shares.filterBytes)
    var total = runs.reduce(0) { $0 + ($1.filter?.byteCount ?? 0) }
    while total > filterBytesMax {
      let sizes = runs.map { $0.filter?.byteCount ?? 0 }
      guard let place = sizes.indices.max(by: { sizes[$0] < sizes[$1] }),
        let filter = runs[place].filter
      else { break }
      let keys = max(1, runs[place].run.footer.filterKeys)
      let isWorthwhile = filter.byteCount * 4 >= keys * Self.bitsPerKeyMin
      runs[place].filter = isWorthwhile ? filter.folded() : nil
      total -= sizes[place] - (runs[place].filter?.byteCount ?? 0)
    }
    return runs
  }
}
