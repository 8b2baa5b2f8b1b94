// Which runs become one. Runs are ordered by age, and only neighbours are merged, so that of two
// records of a key the newer one is always in the newer run.
//
//   1. Runs of about one size: a tier is a range of sizes, each `fanIn` times the one before; a run
//      counts for no lower tier than a newer one. `fanIn` runs of one tier are merged. So each
//      record is written about once a tier.
//   2. All, when the runs above the oldest one are together three times as large: what they replace
//      or delete there would otherwise take space for long.
//   3. The cheapest `fanIn` neighbours, when there are too many runs in spite of that.

import HeadraceFoundations

enum MergePolicy {
  struct Candidate {
    var bytes: Int
    /// It could not be read: it takes no part any more.
    var isDamaged = false
  }

  private static let overheadMax = 3
  private static let wholeMin = 4

  /// Places in the list, of which the first is the newest; nil: nothing is due.
  /// - Parameter unit: about the size of a run that a memtable makes.
  static func pick(
    _ runs: [Candidate], fanIn: Int, runsMax: Int, unit: Int
  ) -> Range<Int>? {
    let fanIn = max(2, fanIn)
    if let range = tier(runs, fanIn, unit) { return range }
    if runs.count >= wholeMin, !runs.contains(where: \.isDamaged) {
      let newer = runs.dropLast().reduce(0) { $0 + $1.bytes }
      if newer > runs[runs.count - 1].bytes * overheadMax { return 0..<runs.count }
    }
    return runs.count > max(1, runsMax) ? cheapest(runs, min(fanIn, runs.count)) : nil
  }

  private static func tier(_ runs: [Candidate], _ fanIn: Int, _ unit: Int) -> Range<Int>? {
    var highest = 0
    var start = 0
    for place in runs.indices {
      var tier = 0
      // Runs of one tier are between half of its size and as much below the next one.
      var limit = max(1, unit) * 2
      while runs[place].bytes > limit, tier < 40 {
        tier += 1
        let (next, overflows) = limit.multipliedReportingOverflow(by: fanIn)
        limit = overflows ? .max : next
      }
      if runs[place].isDamaged {
        if place - start >= fanIn { return start..<place }
        start = place + 1
      } else if tier > highest {
        if place - start >= fanIn { return start..<place }
        start = place
      }
      highest = max(highest, tier)
    }
    return runs.count - start >= fanIn ? start..<runs.count : nil
  }

  private static func cheapest(_ runs: [Candidate], _ fanIn: Int) -> Range<Int>? {
    var best: (bytes: Int, start: Int)?
    for start in 0...(runs.count - fanIn) {
      let window = runs[start..<start + fanIn]
      if window.contains(where: \.isDamaged) { continue }
      let bytes = window.reduce(0) { $0 + $1.bytes }
      if bytes < best?.bytes ?? .max { best = (bytes, start) }
    }
    return best.map { $0.start..<$0.start + fanIn }
  }
}
