// A result for every row where the accumulator sees only some of the rows: the others have the
// result of their group as the last row that was seen left it.

public import HeadraceColumns
import HeadraceFoundations

public struct SparseResults {
  /// While a batch is applied: the last row of each group that the accumulator saw; else -1.
  private var latest: [Int32] = []

  public init() {}

  public mutating func reserve(groups count: Int) {
    if latest.count < count {
      latest.append(contentsOf: repeatElement(-1, count: count - latest.count))
    }
  }

  /// `reduced`: what the accumulator sees of the rows `chosen`; nil for none. `groups`: of all
  /// rows.
  public mutating func apply(
    _ inner: any Accumulator, _ reduced: AggregateRows?, _ chosen: [Int32], of groups: [Int32],
    _ type: DataType, into results: ColumnBuilder
  ) {
    if let reduced, chosen.count == groups.count { return inner.apply(reduced, into: results) }
    // Where each row's result is: among those of the chosen rows, or, from `chosen.count` on, among
    // those of groups as they were before.
    var places: [Int32] = []
    places.reserveCapacity(groups.count)
    var unchanged: [Int32] = []
    var next = 0
    for (row, group) in groups.enumerated() {
      if next < chosen.count, Int(chosen[next]) == row {
        latest[Int(group)] = Int32(next)
        next += 1
      }
      if latest[Int(group)] < 0 {
        places.append(Int32(chosen.count + unchanged.count))
        unchanged.append(group)
      } else {
        places.append(latest[Int(group)])
      }
    }
    for row in chosen { latest[Int(groups[Int(row)])] = -1 }
    let found = ColumnBuilder(type, capacity: chosen.count)
    let before = ColumnBuilder(type, capacity: unchanged.count)
    inner.results(of: unchanged, into: before)
    if let reduced { inner.apply(reduced, into: found) }
    let column = Column.concatenate([found.finish(), before.finish()], type)
    for place in places { results.append(rows: Int(place)..<Int(place) + 1, of: column) }
  }
}
