// COUNT, SUM, AVG, MIN, MAX, SUM_LIST.

import BigInt
import HeadraceColumns
import HeadraceFoundations

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

  /// Results over parts, which have `type` where given, are added up by `merging`.
  private static func inParts(
    _ overload: AggregateOverload, as type: DataType? = nil,
    _ merging: @escaping @Sendable () -> any Accumulator
  ) -> AggregateOverload {
    var overload = overload
    overload.makeMerging = merging
    overload.partType = type
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
    doc:
      "Sum of the values that are not NULL; 0 without any. The type stays; while the sum "
      + "does not fit "
      + "into it, the result is NULL and counts as a failed expression.",
    overloads: [
      inParts(fixed(.int, .int) { IntegerSumAccumulator() }, as: .bigint) {
        IntegerSumAccumulator()
      },
      inParts(
        fixed(.bigint, .bigint) { BigintSumAccumulator() }, as: .decimal(precision: 38, scale: 0)
      ) { BigintSumAccumulator() },
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
      state = .decimal(next)
    }
    return Aggregation<Value>(
      initial: .decimal(Decimal(unscaled: 0, scale: scale)),
      add: { (state, values, _) throws(FunctionError) in try plus(&state, values[0], 1) },
      undo: { (state, values, _) throws(FunctionError) in try plus(&state, values[0], -1) },
      merge: { (state, other) throws(FunctionError) in try plus(&state, other, 1) },
      result: { (state) throws(FunctionError) in
        guard (state.decimalValue?.precision ?? 0) <= precision else {
          throw FunctionError("the sum does not fit into DECIMAL(\(precision), \(scale))")
        }
        return state
      })
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
    let overloads =
      integers.map { type in
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
    return overloads.map {
      $0.decided { _ in isMaximum ? .highest(count: 1, distinct: false) : .lowest }
        .distinct(.makesNoDifference)
    } + [LogicAggregates.overload(isConjunction: !isMaximum)]
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
    doc:
      "Sum of the elements of all arrays; NULL arrays and elements count as nothing. While it "
      + "does not fit "
      + "into the type, the result is NULL and counts as a failed expression.",
    overloads: [listSum(.int), listSum(.bigint), listSum(.double)])

  /// Whole numbers and others add up apart; a list has one kind.
  private struct ListSum: Sendable {
    var whole: Int128 = 0
    var real = 0.0

    mutating func add(_ list: Value, isAdded: Bool) {
      for value in list.arrayValue ?? [] {
        if let number = value.integerValue {
          whole = isAdded ? whole &+ Int128(number) : whole &- Int128(number)
        } else if let number = value.doubleValue {
          real = isAdded ? real + number : real - number
        }
      }
    }
  }

  private static func listSum(_ element: DataType) -> AggregateOverload {
    AggregateOverload(Signature([.array(.exact(element))], .exact(element)), canUndo: true) {
      (_) throws(FunctionError) in
      Aggregation<ListSum>(
        initial: ListSum(),
        add: { (state, values, _) throws(FunctionError) in state.add(values[0], isAdded: true) },
        undo: { (state, values, _) throws(FunctionError) in state.add(values[0], isAdded: false) },
        merge: { (state, other) throws(FunctionError) in
          state.whole &+= other.whole
          state.real += other.real
        },
        result: { (state) throws(FunctionError) in
          if element == .double { return .double(state.real) }
          if element == .int, let sum = Int32(exactly: state.whole) { return .int(sum) }
          if element == .bigint, let sum = Int64(exactly: state.whole) { return .bigint(sum) }
          throw FunctionError("the sum does not fit into \(element)")
        },
        save: { state in
          if element == .double { return .double(state.real) }
          return Int64(exactly: state.whole).map { .bigint($0) }
            ?? .decimal(Decimal(unscaled: BigInt(state.whole), scale: 0))
        },
        load: { value in
          if case .double(let sum) = value { return ListSum(real: sum) }
          if let sum = value.integerValue { return ListSum(whole: Int128(sum)) }
          guard let sum = value.decimalValue else { return nil }
          return Int128(sum.description).map { ListSum(whole: $0) }
        })
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
