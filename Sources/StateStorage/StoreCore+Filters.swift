// How much memory filters take. A new run's filter gets the bits a key that are wanted, or as many
// as all keys that have filters could have: a filter of few bits everywhere spares more reads than
// a good one of some runs. When the filters of all runs take more than their share all the same,
// the largest one is folded, and dropped when that would leave too little of it.

import HeadraceFoundations

extension StoreCore {
  /// With fewer a filter is of no use.
  static let bitsPerKeyMin = 3
  /// Smaller runs, which each lookup asks first, have so many in any case.
  private static let bitsOfSmaller = 8

  /// For a run of at most so many keys that takes the place of some others.
  func filterPlan(keys: Int, replacing: [Run]) -> FilterPlan {
    var plan = FilterPlan(
      keys: max(1, keys), bitsPerKey: max(0, options.filterBitsPerKey), part: options.filterPrefix)
    let others = state.withLock(\.runs).filter { entry in
      !replacing.contains { $0 === entry.run }
    }
    let bytes = state.withLock(\.shares.filterBytes)
    let keys = others.reduce(plan.keys) { $0 + ($1.filter == nil ? 0 : $1.run.footer.filterKeys) }
    // A part is left for those that come after it.
    let fair = min(plan.bitsPerKey, (bytes - bytes / 4) * 8 / keys)
    let isLargest = !others.contains { $0.run.footer.filterKeys >= plan.keys }
    plan.bitsPerKey = isLargest ? fair : max(fair, min(plan.bitsPerKey, Self.bitsOfSmaller))
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
