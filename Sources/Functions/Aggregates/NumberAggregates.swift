// COUNT, SUM, AVG, MIN, MAX, SUM_LIST.

import BigInt
import Columns

enum NumberAggregates {
  static let all: [AggregateFunction] = [
    count, sum, average, minimum, maximum, sumList,
  ]

  private static func fixed(
    _ type: ParameterType, _ result: ParameterType, canUndo: Bool = true,
    _ make: @escaping @Sendable () -> any Accumulator
  ) -> AggregateOverload {
    AggregateOverload(Signature([type], result), canUndo: canUndo) {
      (_) throws(FunctionError) in make()
    }
  }

  /// Results over parts are added up by `merging`.
  private static func inParts(
    _ overload: AggregateOverload, _ merging: @escaping @Sendable () -> any Accumulator
  ) -> AggregateOverload {
    var overload = overload
    overload.makeMerging = merging
    return overload
  }

  /// As `fixed`, for what adds up its own results over parts.
  private static func additive(
    _ type: ParameterType, _ result: ParameterType, canUndo: Bool = true,
    _ make: @escaping @Sendable () -> any Accumulator
  ) -> AggregateOverload {
    inParts(fixed(type, result, canUndo: canUndo, make), make)
  }

  static let count = AggregateFunction(
    "COUNT",
    doc: "Number of rows; with an argument, of the rows in which it is not NULL.",
    overloads: [
      inParts(
        AggregateOverload(Signature([], .bigint), canUndo: true) { (_) throws(FunctionError) in
          CountAccumulator()
        }
      ) { IntegerSumAccumulator() },
      inParts(fixed(.T, .bigint) { CountAccumulator() }) { IntegerSumAccumulator() },
    ])

  static let sum = AggregateFunction(
    "SUM",
    doc: "Sum of the values that are not NULL; 0 without any. The type stays, so an INTEGER wraps "
      + "around and a DECIMAL that would overflow keeps its last sum.",
    overloads: [
      additive(.int, .int) { IntegerSumAccumulator() },
      additive(.bigint, .bigint) { IntegerSumAccumulator() },
      fixed(.double, .double) { DoubleSumAccumulator() },
      AggregateOverload(Signature([.anyDecimal], returns: .sameAsFirst), canUndo: true) {
        (call) throws(FunctionError) in
        guard case .decimal(let precision, let scale) = call.resultType else {
          throw FunctionError("needs a DECIMAL")
        }
        return precision <= 38
          ? DecimalSumAccumulator(precision: precision)
          : ValueAccumulator(wideSum(precision, scale), call)
      },
    ])

  private static func wideSum(_ precision: Int, _ scale: Int) -> Aggregation<Value> {
    @Sendable func plus(
      _ state: inout Value, _ value: Value, _ factor: BigInt
    ) throws(FunctionError) {
      guard let sum = state.decimalValue, let number = value.decimalValue else { return }
      let next = Decimal(unscaled: sum.unscaled + number.unscaled * factor, scale: scale)
      guard next.precision <= precision else { throw FunctionError("Numeric field overflow") }
      state = .decimal(next)
    }
    return Aggregation<Value>(
      initial: .decimal(Decimal(unscaled: 0, scale: scale)),
      add: { (state, values, _) throws(FunctionError) in try plus(&state, values[0], 1) },
      undo: { (state, values, _) throws(FunctionError) in try plus(&state, values[0], -1) },
      merge: { (state, other) throws(FunctionError) in try plus(&state, other, 1) })
  }

  static let average = AggregateFunction(
    "AVG", doc: "Mean of the values that are not NULL; 0.0 without any.",
    overloads: [
      fixed(.int, .double) { AverageAccumulator() },
      fixed(.bigint, .double) { AverageAccumulator() },
      fixed(.double, .double) { AverageAccumulator() },
    ])

  static let minimum = AggregateFunction(
    "MIN", doc: "Smallest value that is not NULL; NULL without any.",
    overloads: extremes(isMaximum: false))

  static let maximum = AggregateFunction(
    "MAX", doc: "Largest value that is not NULL; NULL without any.",
    overloads: extremes(isMaximum: true))

  private static func extremes(isMaximum: Bool) -> [AggregateOverload] {
    let integers: [ParameterType] = [.int, .bigint, .date, .time, .timestamp]
    let overloads = integers.map { type in
      additive(type, type, canUndo: false) { IntegerExtremeAccumulator(isMaximum: isMaximum) }
    } + [
      fixed(.double, .double, canUndo: false) { DoubleExtremeAccumulator(isMaximum: isMaximum) },
      fixed(.string, .string, canUndo: false) {
        BytesExtremeAccumulator(isMaximum: isMaximum, isText: true)
      },
      fixed(.bytes, .bytes, canUndo: false) {
        BytesExtremeAccumulator(isMaximum: isMaximum, isText: false)
      },
      AggregateOverload(Signature([.anyDecimal], returns: .sameAsFirst), canUndo: false) {
        (call) throws(FunctionError) in
        if case .decimal(let precision, _) = call.resultType, precision <= 38 {
          return IntegerExtremeAccumulator(isMaximum: isMaximum)
        }
        return ValueAccumulator(extremeValue(isMaximum), call)
      },
    ]
    return overloads.map { $0.distinct(.makesNoDifference) }
  }

  private static func extremeValue(_ isMaximum: Bool) -> Aggregation<Value> {
    @Sendable func choose(_ state: inout Value, _ value: Value) {
      if value.isNull { return }
      let order = orderValues(value, state)
      if state.isNull || (isMaximum ? order > 0 : order < 0) { state = value }
    }
    return Aggregation<Value>(
      initial: .null,
      add: { (state, values, _) throws(FunctionError) in choose(&state, values[0]) },
      merge: { (state, other) throws(FunctionError) in choose(&state, other) })
  }

  static let sumList = AggregateFunction(
    "SUM_LIST",
    doc: "Sum of the elements of all arrays; NULL arrays and elements count as nothing.",
    overloads: [
      listSum(.int, .int(0)), listSum(.bigint, .bigint(0)), listSum(.double, .double(0)),
    ])

  private static func listSum(_ element: ParameterType, _ zero: Value) -> AggregateOverload {
    AggregateOverload(Signature([.array(element)], element), canUndo: true) {
      (_) throws(FunctionError) in
      Aggregation<Value>(
        initial: zero,
        add: { (state, values, _) throws(FunctionError) in
          for value in values[0].arrayValue ?? [] { plus(&state, value, isAdded: true) }
        },
        undo: { (state, values, _) throws(FunctionError) in
          for value in values[0].arrayValue ?? [] { plus(&state, value, isAdded: false) }
        },
        merge: { (state, other) throws(FunctionError) in plus(&state, other, isAdded: true) })
    }
  }

  /// Java's sums: integers wrap.
  private static func plus(_ state: inout Value, _ value: Value, isAdded: Bool) {
    switch (state, value) {
    case (.int(let sum), .int(let number)):
      state = .int(isAdded ? sum &+ number : sum &- number)
    case (.bigint(let sum), .bigint(let number)):
      state = .bigint(isAdded ? sum &+ number : sum &- number)
    case (.double(let sum), .double(let number)):
      state = .double(isAdded ? sum + number : sum - number)
    default: break
    }
  }
}

extension ReturnType {
  /// The type of the first argument, precision and scale included.
  static let sameAsFirst = ReturnType.computed { (types, _) throws(FunctionError) in
    guard let type = types.first ?? nil else { throw FunctionError("needs a typed argument") }
    return type
  }
}
