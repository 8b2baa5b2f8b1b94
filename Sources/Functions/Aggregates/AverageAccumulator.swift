// AVG over arrays of machine numbers: 0.0 where nothing was added.

import HeadraceColumns
import HeadraceFoundations

final class AverageAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    /// Whole numbers add up here: exactly, and taking one back leaves no rounding error.
    var whole: Int128 = 0
    var sum = 0.0
    var count: Int64 = 0

    @inline(__always)
    var average: Double {
      if count == 0 { return 0 }
      let whole = Int64(exactly: whole).map { Double($0) } ?? Double(whole)
      return (whole + sum) / Double(count)
    }

    @inline(__always)
    mutating func add(_ value: Int64, _ isAdded: Bool) {
      whole = isAdded ? whole &+ Int128(value) : whole &- Int128(value)
      count &+= isAdded ? 1 : -1
    }
  }

  static let empty = State()
  var states = GrowingArray<State>()

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let averages: [Double]
    switch rows.arguments.first {
    case .int(let column):
      averages = foldRows(
        rows, column.values, column.validity, &states,
        step: { $0.add(Int64($1), $2) }, result: { $0.average })
    case .bigint(let column):
      averages = foldRows(
        rows, column.values, column.validity, &states,
        step: { $0.add($1, $2) }, result: { $0.average })
    case .double(let column):
      averages = foldRows(
        rows, column.values, column.validity, &states,
        step: {
          $0.sum += $2 ? $1 : -$1
          $0.count &+= $2 ? 1 : -1
        }, result: { $0.average })
    case let other: unexpected(other, in: "AVG")
    }
    results.append(contentsOf: averages)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(double: states[Int(group)].average) }
  }

  func merge(_ source: Int, into target: Int) {
    states[target].whole &+= states[source].whole
    states[target].sum += states[source].sum
    states[target].count += states[source].count
  }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    WideState.append(states[group].whole, to: &bytes)
    withUnsafeBytes(of: states[group].sum) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: states[group].count) { bytes.append(contentsOf: $0) }
  }

  var usualBytes: Int? { WideState.usualBytes + 16 }

  func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    var place = target
    for group in groups {
      let state = states[Int(group)]
      guard WideState.store(state.whole, at: place) else { return false }
      (place + WideState.usualBytes).storeBytes(of: state.sum, as: Double.self)
      (place + WideState.usualBytes + 8).storeBytes(of: state.count, as: Int64.self)
      place += stride
    }
    return true
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    guard let whole = WideState.read(bytes, at: &position),
      let sum = WideState.load(Double.self, bytes, at: &position),
      let count = WideState.load(Int64.self, bytes, at: &position)
    else { return false }
    states[group] = State(whole: whole, sum: sum, count: count)
    return true
  }
}
