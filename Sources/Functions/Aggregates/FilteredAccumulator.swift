// FILTER (WHERE ...) behind an aggregate: the wrapped accumulator gets only rows for which the
// condition, the last argument, is true. The other rows still have a result, that of their group as
// it stands.
//
// Aggregates over machine values pass over a NULL, so there the condition only hides values;
// nothing is moved.
// Invariant: the state is that of the wrapped accumulator. A row of a table that is taken back
// gives the condition the same answer as when it was added.

public import HeadraceColumns
import HeadraceFoundations

public final class FilteredAccumulator: Accumulator {
  private let inner: any Accumulator
  private let resultType: DataType
  private let ignoresNulls: Bool
  private var sparse = SparseResults()

  public init(_ inner: any Accumulator, resultType: DataType) {
    self.inner = inner
    self.resultType = resultType
    ignoresNulls = inner is any FixedAccumulator
  }

  public var failures: Int { inner.failures }
  public var needsOrdinals: Bool { inner.needsOrdinals }
  public var holdsValues: Bool { inner.holdsValues }
  public var mergesInAnyOrder: Bool { inner.mergesInAnyOrder }
  public var entrySets: (any EntrySets)? { inner.entrySets }

  public func reserve(groups count: Int) {
    inner.reserve(groups: count)
    if !ignoresNulls { sparse.reserve(groups: count) }
  }

  /// The rows for which the condition is true.
  private func passing(_ rows: AggregateRows) -> Bitmap {
    guard case .boolean(let column)? = rows.arguments.last else {
      unexpected(rows.arguments.last, in: "FILTER")
    }
    var mask = Bitmap(repeating: false, count: column.values.count)
    for row in column.values.indices where column.values[row] { mask.set(row, true) }
    return intersect(mask, column.validity) ?? mask
  }

  /// The rows with NULL for values that do not count.
  private func masked(_ rows: AggregateRows, _ passing: Bitmap) -> AggregateRows {
    var rows = rows
    let condition = rows.arguments.removeLast()
    if let first = rows.arguments.first {
      rows.arguments[0] = first.with(validity: intersect(first.validity, passing))
    } else {
      rows.arguments = [condition.with(validity: passing)]
    }
    return rows
  }

  public func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let passing = passing(rows)
    if ignoresNulls { return inner.apply(masked(rows, passing), into: results) }
    let chosen = passing.trueIndices()
    sparse.apply(
      inner, rows.dropLastArgument().gather(chosen), chosen, of: rows.groups, resultType,
      into: results)
  }

  public func accumulate(_ rows: AggregateRows, _ resultType: DataType) {
    let passing = passing(rows)
    if ignoresNulls { return inner.accumulate(masked(rows, passing), resultType) }
    let chosen = passing.trueIndices()
    if let reduced = rows.dropLastArgument().gather(chosen) {
      inner.accumulate(reduced, resultType)
    }
  }

  public func results(of groups: [Int32], into results: ColumnBuilder) {
    inner.results(of: groups, into: results)
  }

  public func merge(_ source: Int, into target: Int) { inner.merge(source, into: target) }
  public func absorb(_ source: Int, into target: Int) { inner.absorb(source, into: target) }
  public func reset(_ group: Int) { inner.reset(group) }

  public func serialize(_ group: Int, into bytes: inout [UInt8]) {
    inner.serialize(group, into: &bytes)
  }

  public var usualBytes: Int? { inner.usualBytes }

  public func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    inner.serialize(groups, to: target, stride: stride)
  }

  public func restore(
    _ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int
  ) -> Bool {
    inner.restore(group, from: bytes, at: &position)
  }
}

extension AggregateRows {
  fileprivate func dropLastArgument() -> AggregateRows {
    var rows = self
    rows.arguments.removeLast()
    return rows
  }

  /// nil: none is chosen.
  fileprivate func gather(_ chosen: [Int32]) -> AggregateRows? {
    guard !chosen.isEmpty else { return nil }
    guard chosen.count < groups.count else { return self }
    return AggregateRows(
      groups: chosen.map { groups[Int($0)] }, arguments: arguments.map { $0.gather(chosen) },
      retracts: retracts.map { $0.gather(chosen) },
      ordinals: ordinals.isEmpty ? [] : chosen.map { ordinals[Int($0)] })
  }
}
