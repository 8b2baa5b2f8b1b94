// Percentiles and medians: the values of a group, sorted and counted. Exact ones keep the values
// themselves, the approximate ones the numbers of logarithmic bins, of which even a group of any
// size has few. A row costs a binary search; its result a walk over the pieces of the list.
// Source: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
// relative-error guarantees" (VLDB 2019); the bins are not collapsed, so rows can be taken back.

import HeadraceColumns
import HeadraceFoundations
import Glibc

/// A share of the rows, 0 to 1, as a fraction, so that places in the list are exact.
struct Share: Sendable {
  private var numerator: Int128
  private var denominator: Int128 = 1

  /// Throws: what is not a number from 0 to 1.
  init(_ literal: Value) throws(FunctionError) {
    numerator = 0
    if let whole = literal.integerValue {
      numerator = Int128(whole)
    } else if let decimal = literal.decimalValue, (0...18).contains(decimal.scale),
      let unscaled = Int128(decimal.unscaled.description)
    {
      numerator = unscaled
      denominator = (0..<decimal.scale).reduce(1) { power, _ in power * 10 }
    } else if let number = literal.doubleValue, number >= 0, number <= 1 {
      denominator = 1_000_000_000_000_000
      numerator = Int128((number * 1e15).rounded())
    } else {
      numerator = -1
    }
    guard numerator >= 0, numerator <= denominator else {
      throw FunctionError("needs a share of rows from 0 to 1")
    }
  }

  /// The place among `count` sorted values, whole and the part towards the next one.
  func place(in count: Int64) -> (whole: Int64, part: Double) {
    let product = numerator * Int128(count - 1)
    return (
      Int64(product / denominator), Double(product % denominator) / Double(denominator)
    )
  }

  /// The first place at which that share of the values is reached.
  func firstPlace(in count: Int64) -> Int64 {
    let reached = (numerator * Int128(count) + denominator - 1) / denominator
    return max(Int64(reached) - 1, 0)
  }
}

/// How the values of a column become keys, and keys results.
protocol QuantileScale: Sendable {
  associatedtype Key: Comparable & Sendable
  func keys(_ column: Column) -> [Key]
  func append(_ key: Key, to results: ColumnBuilder)
  func number(_ key: Key) -> Double
  func save(_ key: Key, to bytes: inout [UInt8])
  func load(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> Key?
}

final class QuantileAccumulator<Scale: QuantileScale>: Accumulator {
  private let scale: Scale
  private let share: Share
  private let isContinuous: Bool
  private let isDescending: Bool
  private var states: [CountedKeys<Scale.Key>] = []

  init(_ scale: Scale, _ share: Share, isContinuous: Bool, isDescending: Bool) {
    self.scale = scale
    self.share = share
    self.isContinuous = isContinuous
    self.isDescending = isDescending
  }

  var needsOrdinals: Bool { false }
  var mergesInAnyOrder: Bool { true }

  func reserve(groups count: Int) {
    while states.count < count { states.append(CountedKeys()) }
  }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    let column = rows.arguments[0]
    let keys = scale.keys(column)
    let validity = column.validity
    for (row, group) in rows.groups.enumerated() {
      if validity.map({ $0[row] }) ?? true {
        if rows.retracts.map({ $0[row] }) ?? false {
          states[Int(group)].remove(keys[row])
        } else {
          states[Int(group)].add(keys[row])
        }
      }
      each(Int(group))
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { append($0, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  private func append(_ group: Int, to results: ColumnBuilder) {
    let count = states[group].total
    guard count > 0 else { return results.appendNull() }
    func key(_ place: Int64) -> Scale.Key {
      states[group].key(at: isDescending ? count - 1 - place : place)
    }
    guard isContinuous else { return scale.append(key(share.firstPlace(in: count)), to: results) }
    let (place, part) = share.place(in: count)
    let low = scale.number(key(place))
    guard part > 0 else { return results.append(double: low) }
    let high = scale.number(key(place + 1))
    results.append(double: low == high ? low : low + (high - low) * part)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    let other = states[source]
    other.forEach { states[target].add($0, $1) }
  }

  func absorb(_ source: Int, into target: Int) {
    if states[target].total < states[source].total { states.swapAt(source, target) }
    merge(source, into: target)
  }

  func reset(_ group: Int) { states[group] = CountedKeys() }

  /// How many keys, then each with its count.
  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    withUnsafeBytes(of: UInt32(states[group].distinctCount)) { bytes += $0 }
    states[group].forEach { key, count in
      scale.save(key, to: &bytes)
      withUnsafeBytes(of: count) { bytes += $0 }
    }
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    guard let count = WideState.load(UInt32.self, bytes, at: &position) else { return false }
    var state = CountedKeys<Scale.Key>()
    for _ in 0..<count {
      guard let key = scale.load(bytes, at: &position),
        let times = WideState.load(Int64.self, bytes, at: &position), times > 0
      else { return false }
      state.add(key, times)
    }
    states[group] = state
    return true
  }
}

/// INT, BIGINT, DATE, TIME, TIMESTAMP and DOUBLE as integers of the same order.
struct NumberScale: QuantileScale {
  func keys(_ column: Column) -> [Int64] {
    switch column {
    case .int(let column): return column.values.map { Int64($0) }
    case .bigint(let column): return column.values
    case .double(let column): return column.values.map { Self.key($0) }
    case let other: unexpected(other, in: "a percentile")
    }
  }

  /// NaN is above all other numbers, and 0.0 and -0.0 are one.
  static func key(_ value: Double) -> Int64 {
    let bits = Int64(bitPattern: value.canonical.bitPattern)
    return bits >= 0 ? bits : bits ^ Int64.max
  }

  static func double(_ key: Int64) -> Double {
    Double(bitPattern: UInt64(bitPattern: key >= 0 ? key : key ^ Int64.max))
  }

  func append(_ key: Int64, to results: ColumnBuilder) {
    switch results.type {
    case .int, .date, .time: results.append(int: Int32(truncatingIfNeeded: key))
    case .double: results.append(double: Self.double(key))
    default: results.append(bigint: key)
    }
  }

  func number(_ key: Int64) -> Double { Self.double(key) }

  func save(_ key: Int64, to bytes: inout [UInt8]) { withUnsafeBytes(of: key) { bytes += $0 } }

  func load(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> Int64? {
    WideState.load(Int64.self, bytes, at: &position)
  }
}

/// A value in the order of its type.
struct OrderedValue: Comparable, Sendable {
  var value: Value

  static func < (left: OrderedValue, right: OrderedValue) -> Bool {
    orderValues(left.value, right.value) < 0
  }

  static func == (left: OrderedValue, right: OrderedValue) -> Bool {
    orderValues(left.value, right.value) == 0
  }
}

/// All other types that have an order.
struct ValueScale: QuantileScale {
  var type: DataType

  func keys(_ column: Column) -> [OrderedValue] {
    (0..<column.count).map { OrderedValue(value: column.value($0, type)) }
  }

  func append(_ key: OrderedValue, to results: ColumnBuilder) { results.append(key.value) }
  func number(_ key: OrderedValue) -> Double { key.value.doubleValue ?? .nan }

  func save(_ key: OrderedValue, to bytes: inout [UInt8]) {
    ValueCodec.append(key.value, to: &bytes)
  }

  func load(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> OrderedValue? {
    ValueCodec.read(bytes, at: &position).map { OrderedValue(value: $0) }
  }
}

/// Bins of DOUBLEs whose bounds are powers of one number, so that any value of a bin is known with
/// the same relative accuracy. Keys: 0 for zero and what is next to it, a number for each bin above
/// it, the opposite one below.
struct SketchScale: QuantileScale {
  private static let infinite = Int64(1) << 40
  private let base: Double
  private let logOfBase: Double
  /// Makes the numbers of all bins positive.
  private let offset: Int64

  /// `accuracy`: how far a result may be from the value, as a share of it.
  init(accuracy: Double) {
    base = (1 + accuracy) / (1 - accuracy)
    logOfBase = log(base)
    offset = Int64((log(Double.leastNormalMagnitude) / logOfBase).rounded(.down)) - 1
  }

  func keys(_ column: Column) -> [Int64] {
    guard case .double(let column) = column else { unexpected(column, in: "a percentile") }
    return column.values.map { key($0) }
  }

  private func key(_ value: Double) -> Int64 {
    if value.isNaN { return Self.infinite + 1 }
    let magnitude = abs(value)
    guard magnitude >= Double.leastNormalMagnitude else { return 0 }
    let bin =
      magnitude.isFinite
      ? Int64((log(magnitude) / logOfBase).rounded(.up)) - offset : Self.infinite
    return value < 0 ? -bin : bin
  }

  /// The middle of a bin: as far from its lower bound as from its upper, relatively.
  func number(_ key: Int64) -> Double {
    guard key != 0 else { return 0 }
    let bin = abs(key)
    if bin > Self.infinite { return .nan }
    let upper = bin == Self.infinite ? .infinity : exp(Double(bin + offset) * logOfBase)
    let middle = upper.isFinite ? 2 * upper / (base + 1) : upper
    return key < 0 ? -middle : middle
  }

  func append(_ key: Int64, to results: ColumnBuilder) { results.append(double: number(key)) }

  func save(_ key: Int64, to bytes: inout [UInt8]) { withUnsafeBytes(of: key) { bytes += $0 } }

  func load(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> Int64? {
    WideState.load(Int64.self, bytes, at: &position)
  }
}
