// MIN and MAX. A group that has seen no value gives NULL.

import HeadraceColumns
import HeadraceFoundations

/// Over INT, BIGINT, DATE, TIME, TIMESTAMP and DECIMAL: all of them integers in their columns.
final class IntegerExtremeAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    var value: Int128 = 0
    var isSet = false
  }

  static let empty = State()
  var states = GrowingArray<State>()
  var mergesInAnyOrder: Bool { true }
  private let isMaximum: Bool

  init(isMaximum: Bool) { self.isMaximum = isMaximum }

  @inline(__always)
  private static func add(_ value: Int128, _ state: inout State, _ isMaximum: Bool) {
    if !state.isSet || (isMaximum ? value > state.value : value < state.value) {
      state.value = value
      state.isSet = true
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    for state in fold(rows, { $0 }) { append(state, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { _ = fold(rows) { _ in () } }

  /// What `result` makes of the group's state after each row.
  @inline(__always)
  private func fold<Result: BitwiseCopyable>(
    _ rows: AggregateRows, _ result: (State) -> Result
  ) -> [Result] {
    let isMaximum = self.isMaximum
    switch rows.arguments.first {
    case .int(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { (state, value, _) in Self.add(Int128(value), &state, isMaximum) }, result: result)
    case .bigint(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { (state, value, _) in Self.add(Int128(value), &state, isMaximum) }, result: result)
    case .decimal(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { (state, value, _) in Self.add(value, &state, isMaximum) }, result: result)
    case let other: unexpected(other, in: isMaximum ? "MAX" : "MIN")
    }
  }

  private func append(_ state: State, to results: ColumnBuilder) {
    guard state.isSet else { return results.appendNull() }
    switch results.type {
    case .int, .date, .time: results.append(int: Int32(truncatingIfNeeded: state.value))
    case .bigint, .timestamp: results.append(bigint: Int64(truncatingIfNeeded: state.value))
    default: results.append(unscaled: state.value)
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)], to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    if states[source].isSet { Self.add(states[source].value, &states[target], isMaximum) }
  }
}

final class DoubleExtremeAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    var value = 0.0
    var isSet = false
  }

  static let empty = State()
  var states = GrowingArray<State>()
  private let isMaximum: Bool

  init(isMaximum: Bool) { self.isMaximum = isMaximum }

  /// NaN is above all other numbers.
  @inline(__always)
  private static func add(_ value: Double, _ state: inout State, _ isMaximum: Bool) {
    let isBelow = value < state.value || (state.value.isNaN && !value.isNaN)
    let isAbove = value > state.value || (value.isNaN && !state.value.isNaN)
    if !state.isSet || (isMaximum ? isAbove : isBelow) {
      state.value = value
      state.isSet = true
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard case .double(let column) = rows.arguments.first else {
      unexpected(rows.arguments.first, in: isMaximum ? "MAX" : "MIN")
    }
    let isMaximum = self.isMaximum
    let after = foldRows(
      rows, column.values, column.validity, &states,
      step: { (state, value, _) in Self.add(value, &state, isMaximum) }, result: { $0 })
    for state in after { append(state, to: results) }
  }

  private func append(_ state: State, to results: ColumnBuilder) {
    if state.isSet { results.append(double: state.value) } else { results.appendNull() }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)], to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    if states[source].isSet { Self.add(states[source].value, &states[target], isMaximum) }
  }
}

/// Over STRING (by UTF-16 units) and BYTES.
final class BytesExtremeAccumulator: Accumulator {
  private var states: [[UInt8]?] = []
  private let isMaximum: Bool
  private let isText: Bool

  init(isMaximum: Bool, isText: Bool) {
    self.isMaximum = isMaximum
    self.isText = isText
  }

  private func isBetter(
    _ value: UnsafeBufferPointer<UInt8>, than known: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    if isText {
      let order = compareUTF16(value, known)
      return isMaximum ? order > 0 : order < 0
    }
    return isMaximum
      ? known.lexicographicallyPrecedes(value) : value.lexicographicallyPrecedes(known)
  }

  private func add(_ value: UnsafeBufferPointer<UInt8>, to group: Int) {
    let isWanted = states[group]?.withUnsafeBufferPointer { isBetter(value, than: $0) } ?? true
    if isWanted { states[group] = Array(value) }
  }

  private func append(_ group: Int, to results: ColumnBuilder) {
    guard let state = states[group] else { return results.appendNull() }
    state.withUnsafeBytes { results.append(bytes: $0) }
  }

  func reserve(groups count: Int) {
    while states.count < count { states.append(nil) }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard case .bytes(let column) = rows.arguments.first else {
      unexpected(rows.arguments.first, in: isMaximum ? "MAX" : "MIN")
    }
    for (row, group) in rows.groups.enumerated() {
      if column.validity.map({ $0[row] }) ?? true { add(column.view(row), to: Int(group)) }
      append(Int(group), to: results)
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    guard let state = states[source] else { return }
    state.withUnsafeBufferPointer { add($0, to: target) }
  }

  func reset(_ group: Int) { states[group] = nil }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    let value = states[group].map { Value.bytes($0) } ?? .null
    ValueCodec.append(value, to: &bytes)
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    switch ValueCodec.read(bytes, at: &position) {
    case .bytes(let value): states[group] = value
    case .null: states[group] = nil
    default: return false
    }
    return true
  }
}
