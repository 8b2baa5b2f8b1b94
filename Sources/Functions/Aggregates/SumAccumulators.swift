// COUNT and SUM over arrays of machine numbers. Sums are kept wider than their type, so that a
// result that does not fit is NULL and counted as failed, and is right again as soon as it fits.

import HeadraceColumns
import HeadraceFoundations

/// COUNT(*) has no argument, COUNT(x) counts the rows in which x is not NULL.
final class CountAccumulator: FixedAccumulator {
  static let empty: Int64 = 0
  var mergesInAnyOrder: Bool { true }
  var states = GrowingArray<Int64>()

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let counts = foldRows(
      rows, rows.groups, rows.arguments.first?.validity, &states,
      step: { $0 &+= $2 ? 1 : -1 }, result: { $0 })
    results.append(contentsOf: counts)
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) {
    _ = foldRows(
      rows, rows.groups, rows.arguments.first?.validity, &states,
      step: { $0 &+= $2 ? 1 : -1 }, result: { _ in () })
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(bigint: states[Int(group)]) }
  }

  func merge(_ source: Int, into target: Int) { states[target] &+= states[source] }
}

/// SUM of INT, and of the counts and INT sums of parts. 64 bits hold the sum of 2^32 rows; while it
/// does not fit into the type of the result, the result is NULL.
final class IntegerSumAccumulator: FixedAccumulator {
  static let empty: Int64 = 0
  var mergesInAnyOrder: Bool { true }
  var states = GrowingArray<Int64>()
  private(set) var failures = 0

  /// What `result` makes of the group's sum after each row.
  @inline(__always)
  private func fold<Result: BitwiseCopyable>(
    _ rows: AggregateRows, _ result: (Int64) -> Result
  ) -> [Result] {
    switch rows.arguments.first {
    case .int(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { $0 = $2 ? $0 &+ Int64($1) : $0 &- Int64($1) }, result: result)
    case .bigint(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { $0 = $2 ? $0 &+ $1 : $0 &- $1 }, result: result)
    case let other: unexpected(other, in: "SUM")
    }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { _ = fold(rows) { _ in () } }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let sums = fold(rows) { $0 }
    guard results.type == .int else { return results.append(contentsOf: sums) }
    var lost: Int64 = 0
    let short = sums.map { sum -> Int32 in
      let short = Int32(truncatingIfNeeded: sum)
      lost |= sum ^ Int64(short)
      return short
    }
    if lost == 0 { return results.append(contentsOf: short) }
    for sum in sums { append(sum, to: results) }
  }

  private func append(_ sum: Int64, to results: ColumnBuilder) {
    if results.type == .bigint {
      results.append(bigint: sum)
    } else if let short = Int32(exactly: sum) {
      results.append(int: short)
    } else {
      failures += 1
      results.appendNull()
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)], to: results) }
  }

  func merge(_ source: Int, into target: Int) { states[target] &+= states[source] }
}

/// SUM of BIGINT, kept in 128 bits. While it does not fit into a BIGINT, the result is NULL. A part
/// of the rows gives its sum as DECIMAL(38, 0), which holds that of any rows that a slice can have.
final class BigintSumAccumulator: FixedAccumulator {
  static let empty: Int128 = 0
  var mergesInAnyOrder: Bool { true }
  var states = GrowingArray<Int128>()
  private(set) var failures = 0

  /// What `result` makes of the group's sum after each row.
  @inline(__always)
  private func fold<Result: BitwiseCopyable>(
    _ rows: AggregateRows, _ result: (Int128) -> Result
  ) -> [Result] {
    switch rows.arguments.first {
    case .bigint(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { $0 = $2 ? $0 &+ Int128($1) : $0 &- Int128($1) }, result: result)
    case .decimal(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { $0 = $2 ? $0 &+ $1 : $0 &- $1 }, result: result)
    case let other: unexpected(other, in: "SUM")
    }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { _ = fold(rows) { _ in () } }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let sums = fold(rows) { $0 }
    guard results.type == .bigint else { return results.append(contentsOf: sums) }
    var lost: Int128 = 0
    let short = sums.map { sum -> Int64 in
      let short = Int64(truncatingIfNeeded: sum)
      lost |= sum ^ Int128(short)
      return short
    }
    if lost == 0 { return results.append(contentsOf: short) }
    for sum in sums { append(sum, to: results) }
  }

  private func append(_ sum: Int128, to results: ColumnBuilder) {
    if results.type != .bigint {
      results.append(unscaled: sum)
    } else if let short = Int64(exactly: sum) {
      results.append(bigint: short)
    } else {
      failures += 1
      results.appendNull()
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)], to: results) }
  }

  func merge(_ source: Int, into target: Int) { states[target] &+= states[source] }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    WideState.append(states[group], to: &bytes)
  }

  var usualBytes: Int? { WideState.usualBytes }

  func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    for (row, group) in groups.enumerated() {
      guard WideState.store(states[Int(group)], at: target + row * stride) else { return false }
    }
    return true
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    guard let sum = WideState.read(bytes, at: &position) else { return false }
    states[group] = sum
    return true
  }
}

/// Saved sums that rarely need more than 64 bits: 8 bytes where they suffice, else a mark and 16
/// bytes. Earlier versions wrote the 8 bytes alone.
enum WideState {
  private static let mark = Int64.min
  static let usualBytes = 8

  /// False: the sum takes more than the usual bytes.
  @inline(__always)
  static func store(_ sum: Int128, at target: UnsafeMutableRawPointer) -> Bool {
    let short = Int64(truncatingIfNeeded: sum)
    guard Int128(short) == sum, short != mark else { return false }
    target.storeBytes(of: short, as: Int64.self)
    return true
  }

  static func append(_ sum: Int128, to bytes: inout [UInt8]) {
    if let short = Int64(exactly: sum), short != mark {
      withUnsafeBytes(of: short) { bytes.append(contentsOf: $0) }
    } else {
      withUnsafeBytes(of: mark) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: sum) { bytes.append(contentsOf: $0) }
    }
  }

  static func read(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> Int128? {
    guard let short = load(Int64.self, bytes, at: &position) else { return nil }
    return short == mark ? load(Int128.self, bytes, at: &position) : Int128(short)
  }

  static func load<T: BitwiseCopyable>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, at position: inout Int
  ) -> T? {
    guard position + MemoryLayout<T>.size <= bytes.count else { return nil }
    defer { position += MemoryLayout<T>.size }
    return bytes.loadUnaligned(fromByteOffset: position, as: type)
  }
}

final class DoubleSumAccumulator: FixedAccumulator {
  static let empty = 0.0
  var states = GrowingArray<Double>()

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard case .double(let column) = rows.arguments.first else {
      unexpected(rows.arguments.first, in: "SUM")
    }
    let sums = foldRows(
      rows, column.values, column.validity, &states,
      step: { $0 += $2 ? $1 : -$1 }, result: { $0 })
    results.append(contentsOf: sums)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(double: states[Int(group)]) }
  }

  func merge(_ source: Int, into target: Int) { states[target] += states[source] }
}

/// SUM of a DECIMAL of at most 38 digits, kept in 192 bits. While it has more digits than the type,
/// the result is NULL.
final class DecimalSumAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    var low: UInt128 = 0
    var high: Int64 = 0

    @inline(__always)
    mutating func add(_ value: Int128) {
      add(UInt128(truncatingIfNeeded: value), value < 0 ? -1 : 0)
    }

    @inline(__always)
    mutating func add(_ otherLow: UInt128, _ otherHigh: Int64) {
      let (sum, carries) = low.addingReportingOverflow(otherLow)
      low = sum
      high = high &+ otherHigh &+ (carries ? 1 : 0)
    }

    /// nil beyond 128 bits.
    var short: Int128? {
      let value = Int128(truncatingIfNeeded: low)
      return high == (value < 0 ? -1 : 0) ? value : nil
    }
  }

  static let empty = State()
  /// Stands before a saved state of more than 128 bits; no sum that fits the type is that low.
  private static let mark = Int128.min

  var states = GrowingArray<State>()
  private(set) var failures = 0
  /// The first magnitude that has too many digits.
  private let limit: UInt128

  init(precision: Int) { limit = (0..<precision).reduce(1) { power, _ in power * 10 } }

  @inline(__always)
  private func fold<Result: BitwiseCopyable>(
    _ rows: AggregateRows, _ result: (State) -> Result
  ) -> [Result] {
    guard case .decimal(let column) = rows.arguments.first else {
      unexpected(rows.arguments.first, in: "SUM")
    }
    return foldRows(
      rows, column.values, column.validity, &states,
      step: { $0.add($2 ? $1 : 0 - $1) }, result: result)
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { _ = fold(rows) { _ in () } }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let limit = self.limit
    var isLost = false
    let sums = fold(rows) { state -> Int128 in
      if let sum = state.short, sum.magnitude < limit { return sum }
      isLost = true
      return Self.mark
    }
    if !isLost { return results.append(contentsOf: sums) }
    for sum in sums { append(sum == Self.mark ? nil : sum, to: results) }
  }

  private func append(_ sum: Int128?, to results: ColumnBuilder) {
    if let sum, sum.magnitude < limit {
      results.append(unscaled: sum)
    } else {
      failures += 1
      results.appendNull()
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)].short, to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    states[target].add(states[source].low, states[source].high)
  }

  var usualBytes: Int? { MemoryLayout<Int128>.size }

  func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    for (row, group) in groups.enumerated() {
      guard let short = states[Int(group)].short, short != Self.mark else { return false }
      (target + row * stride).storeBytes(of: short, as: Int128.self)
    }
    return true
  }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    let state = states[group]
    if let short = state.short, short != Self.mark {
      withUnsafeBytes(of: short) { bytes.append(contentsOf: $0) }
    } else {
      withUnsafeBytes(of: Self.mark) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: state.low) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: state.high) { bytes.append(contentsOf: $0) }
    }
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    guard let short = WideState.load(Int128.self, bytes, at: &position) else { return false }
    var state = State()
    if short == Self.mark {
      guard let low = WideState.load(UInt128.self, bytes, at: &position),
        let high = WideState.load(Int64.self, bytes, at: &position)
      else { return false }
      (state.low, state.high) = (low, high)
    } else {
      state.add(short)
    }
    states[group] = state
    return true
  }
}
