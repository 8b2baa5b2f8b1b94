// BOOL_AND, BOOL_OR and EVERY, BIT_AND, BIT_OR and BIT_XOR: NULLs do not count, and NULL is the
// result without a value.

import HeadraceColumns
import HeadraceFoundations

/// AND or OR over BOOLEAN, which are also its MIN and MAX.
final class BooleanAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    var trueCount: Int64 = 0
    var falseCount: Int64 = 0
  }

  static let empty = State()
  var states = GrowingArray<State>()
  var mergesInAnyOrder: Bool { true }
  private let isConjunction: Bool

  init(isConjunction: Bool) { self.isConjunction = isConjunction }

  @inline(__always)
  private func fold<Result: BitwiseCopyable>(
    _ rows: AggregateRows, _ result: (State) -> Result
  ) -> [Result] {
    guard case .boolean(let column)? = rows.arguments.first else {
      unexpected(rows.arguments.first, in: isConjunction ? "BOOL_AND" : "BOOL_OR")
    }
    return foldRows(
      rows, column.values, column.validity, &states,
      step: { (state, value, isAdded) in
        if value {
          state.trueCount &+= isAdded ? 1 : -1
        } else {
          state.falseCount &+= isAdded ? 1 : -1
        }
      }, result: result)
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    for state in fold(rows, { $0 }) { append(state, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { _ = fold(rows) { _ in () } }

  private func append(_ state: State, to results: ColumnBuilder) {
    if state.trueCount == 0, state.falseCount == 0 { return results.appendNull() }
    results.append(boolean: isConjunction ? state.falseCount == 0 : state.trueCount > 0)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)], to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    states[target].trueCount &+= states[source].trueCount
    states[target].falseCount &+= states[source].falseCount
  }
}

enum BitOperation: Sendable { case and, or, xor }

/// Over INT and BIGINT of a stream: the bits themselves. XOR takes rows back as it adds them.
final class BitAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    var bits: Int64 = 0
    var count: Int64 = 0
  }

  static let empty = State()
  var states = GrowingArray<State>()
  var mergesInAnyOrder: Bool { true }
  private let operation: BitOperation

  init(_ operation: BitOperation) { self.operation = operation }

  @inline(__always)
  private static func add(
    _ bits: Int64, _ isAdded: Bool, _ state: inout State, _ operation: BitOperation
  ) {
    switch operation {
    case .and: state.bits = state.count == 0 ? bits : state.bits & bits
    case .or: state.bits |= bits
    case .xor: state.bits ^= bits
    }
    state.count &+= isAdded ? 1 : -1
  }

  @inline(__always)
  private func fold<Result: BitwiseCopyable>(
    _ rows: AggregateRows, _ result: (State) -> Result
  ) -> [Result] {
    let operation = self.operation
    switch rows.arguments.first {
    case .int(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { Self.add(Int64($1), $2, &$0, operation) }, result: result)
    case .bigint(let column):
      return foldRows(
        rows, column.values, column.validity, &states,
        step: { Self.add($1, $2, &$0, operation) }, result: result)
    case let other: unexpected(other, in: "BIT_AND")
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    for state in fold(rows, { $0 }) { append(state, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { _ = fold(rows) { _ in () } }

  private func append(_ state: State, to results: ColumnBuilder) {
    results.append(bits: state.count == 0 ? nil : state.bits)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(states[Int(group)], to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    let other = states[source]
    guard other.count != 0 else { return }
    let count = states[target].count
    Self.add(other.bits, true, &states[target], operation)
    states[target].count = count &+ other.count
  }
}

/// AND and OR over rows that may be taken back: how many rows have each bit.
final class CountedBitAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    var count: Int32 = 0
    var ofBit = InlineArray<64, Int32>(repeating: 0)

    @inline(__always)
    mutating func add(_ bits: Int64, _ isAdded: Bool) {
      count &+= isAdded ? 1 : -1
      var rest = UInt64(bitPattern: bits)
      while rest != 0 {
        ofBit[rest.trailingZeroBitCount] &+= isAdded ? 1 : -1
        rest &= rest - 1
      }
    }
  }

  static let empty = State()
  var states = GrowingArray<State>()
  var mergesInAnyOrder: Bool { true }
  private let isConjunction: Bool

  init(isConjunction: Bool) { self.isConjunction = isConjunction }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    let bits: [Int64]
    switch rows.arguments.first {
    case .int(let column): bits = column.values.map { Int64($0) }
    case .bigint(let column): bits = column.values
    case let other: unexpected(other, in: "BIT_AND")
    }
    let validity = rows.arguments.first?.validity
    for (row, group) in rows.groups.enumerated() {
      if validity.map({ $0[row] }) ?? true {
        states[Int(group)].add(bits[row], !(rows.retracts.map { $0[row] } ?? false))
      }
      each(Int(group))
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { append($0, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  private func append(_ group: Int, to results: ColumnBuilder) {
    let count = states[group].count
    guard count != 0 else { return results.append(bits: nil) }
    var bits: UInt64 = 0
    for bit in 0..<64 {
      let having = states[group].ofBit[bit]
      if isConjunction ? having == count : having > 0 { bits |= 1 << UInt64(bit) }
    }
    results.append(bits: Int64(bitPattern: bits))
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    states[target].count &+= states[source].count
    for bit in 0..<64 { states[target].ofBit[bit] &+= states[source].ofBit[bit] }
  }
}

extension ColumnBuilder {
  /// Into INT or BIGINT; an INT's sign fills the higher bits.
  fileprivate func append(bits: Int64?) {
    guard let bits else { return appendNull() }
    if type == .int {
      append(int: Int32(truncatingIfNeeded: bits))
    } else {
      append(bigint: bits)
    }
  }
}

enum LogicAggregates {
  static let all: [AggregateFunction] = [
    logic(
      "BOOL_AND", isConjunction: true,
      "Whether all values that are not NULL are true; NULL without any."),
    logic("BOOL_OR", isConjunction: false, "Whether a value is true; NULL where all are NULL."),
    logic("EVERY", isConjunction: true, "The same as BOOL_AND."),
    bits(
      "BIT_AND", .and, "The bits that all values have; NULLs do not count, NULL without a value."),
    bits("BIT_OR", .or, "The bits that some value has; NULLs do not count, NULL without a value."),
    bits(
      "BIT_XOR", .xor,
      "The bits that an odd number of values has; NULLs do not count, NULL without a value."),
  ]

  static func overload(isConjunction: Bool) -> AggregateOverload {
    AggregateOverload(Signature([.boolean], .boolean), canUndo: true) {
      (_) throws(FunctionError) in BooleanAccumulator(isConjunction: isConjunction)
    }.distinct(.makesNoDifference)
  }

  private static func logic(
    _ name: String, isConjunction: Bool, _ doc: String
  ) -> AggregateFunction {
    AggregateFunction(name, doc: doc, overloads: [overload(isConjunction: isConjunction)])
  }

  private static func bits(
    _ name: String, _ operation: BitOperation, _ doc: String
  ) -> AggregateFunction {
    AggregateFunction(
      name, doc: doc,
      overloads: [.int, .bigint].map { (type: ParameterType) in
        AggregateOverload(Signature([type], type), canUndo: true) {
          (call) throws(FunctionError) -> any Accumulator in
          call.takesBack && operation != .xor
            ? CountedBitAccumulator(isConjunction: operation == .and)
            : BitAccumulator(operation)
        }.distinct(operation == .xor ? .leavesOutRepetitions : .makesNoDifference)
      })
  }
}
