// MEDIAN, PERCENTILE_CONT, PERCENTILE_DISC and their approximation, and MODE.

import BigInt
import HeadraceColumns
import HeadraceFoundations

enum QuantileAggregates {
  static let all: [AggregateFunction] =
    [median, mode]
    + ["PERCENTILE_CONT", "PERCENTILE", "QUANTILE_CONT"].map { continuous($0) }
    + ["PERCENTILE_DISC", "QUANTILE_DISC"].map { discrete($0) }
    + ["APPROX_PERCENTILE", "APPROX_QUANTILE"].map { approximate($0) }

  /// Types with an order, but for DECIMAL.
  static let ordered: [ParameterType] = [
    .int, .bigint, .double, .string, .date, .time, .timestamp, .bytes, .boolean,
  ]

  private static func isDescending(_ call: AggregateCall) -> Bool {
    call.order.first?.isDescending ?? false
  }

  private static func make<Scale: QuantileScale>(
    _ scale: Scale, _ call: AggregateCall, isContinuous: Bool
  ) throws(FunctionError) -> any Accumulator {
    QuantileAccumulator(
      scale, try Share(call.literals.first ?? .null), isContinuous: isContinuous,
      isDescending: isDescending(call))
  }

  static let median = AggregateFunction(
    "MEDIAN",
    doc: "The value in the middle of those that are not NULL, or the mean of the two there; NULL "
      + "without any. All values are kept, each once.",
    overloads: [
      AggregateOverload(Signature([.double], .double), canUndo: true) {
        (call) throws(FunctionError) in
        QuantileAccumulator(
          NumberScale(), try Share(.decimal(Decimal(unscaled: 5, scale: 1))), isContinuous: true,
          isDescending: false)
      }
    ])

  private static func continuous(_ name: String) -> AggregateFunction {
    AggregateFunction(
      name,
      doc: (name == "PERCENTILE_CONT" ? "" : "The same as PERCENTILE_CONT. ")
        + "The value below which that share of the values lies, 0 to 1, between two values where "
        + "it falls between them; NULL without any. Also written `\(name)(p) WITHIN GROUP (ORDER BY x)`.",
      overloads: [
        AggregateOverload(
          Signature([.double, .double], .double), literalCount: 1, canUndo: true
        ) { (call) throws(FunctionError) in try make(NumberScale(), call, isContinuous: true) }
        .ordered(.namesArgument).checked(checkShare)
      ])
  }

  @Sendable private static func checkShare(_ literals: [Value]) throws(FunctionError) {
    _ = try Share(literals.first ?? .null)
  }

  private static func discrete(_ name: String) -> AggregateFunction {
    let plain = ordered.map { type in
      AggregateOverload(Signature([type, .double], type), literalCount: 1, canUndo: true) {
        (call) throws(FunctionError) in
        switch call.argumentTypes.first {
        case .int, .bigint, .double, .date, .time, .timestamp:
          return try make(NumberScale(), call, isContinuous: false)
        case let type:
          return try make(ValueScale(type: type ?? .string), call, isContinuous: false)
        }
      }
    }
    let decimal = AggregateOverload(
      Signature([.anyDecimal, .double], returns: .sameAsFirst), literalCount: 1, canUndo: true
    ) { (call) throws(FunctionError) in
      try make(ValueScale(type: call.resultType), call, isContinuous: false)
    }
    return AggregateFunction(
      name,
      doc: (name == "PERCENTILE_DISC" ? "" : "The same as PERCENTILE_DISC. ")
        + "The first value, in their order, up to which that share of the values lies, 0 to 1; NULL "
        + "without any. Also written `\(name)(p) WITHIN GROUP (ORDER BY x)`.",
      overloads: (plain + [decimal]).map { $0.ordered(.namesArgument).checked(checkShare) })
  }

  /// The accuracy where none is given.
  private static let accuracy = 0.01

  private static func accuracy(_ literals: [Value]) throws(FunctionError) -> Double {
    guard literals.count > 1 else { return accuracy }
    guard let given = literals[1].doubleValue, given >= 0.0001, given <= 0.5 else {
      throw FunctionError("needs an accuracy from 0.0001 to 0.5")
    }
    return given
  }

  private static func approximate(_ name: String) -> AggregateFunction {
    AggregateFunction(
      name,
      doc: (name == "APPROX_PERCENTILE" ? "" : "The same as APPROX_PERCENTILE. ")
        + "PERCENTILE_DISC within 1 %, or within the share of the value that a third argument "
        + "gives: it keeps how many values fall into each of some hundred bins.",
      overloads: [[], [.double]].map { (more: [ParameterType]) in
        AggregateOverload(
          Signature([.double, .double] + more, .double), literalCount: 1 + more.count,
          canUndo: true
        ) { (call) throws(FunctionError) in
          try make(
            SketchScale(accuracy: try accuracy(call.literals)), call, isContinuous: false)
        }
        .ordered(.namesArgument)
        .checked { (literals) throws(FunctionError) in
          try checkShare(literals)
          _ = try accuracy(literals)
        }
      })
  }

  /// How often each value is there, and the values by that.
  struct Frequencies {
    private(set) var counts: [Value: Int64] = [:]
    private var order: SortedEntries<(count: Int64, value: Value)>

    init(isDescending: Bool) {
      order = SortedEntries { a, b in
        if a.count != b.count { return a.count > b.count }
        let order = orderValues(a.value, b.value)
        return isDescending ? order > 0 : order < 0
      }
    }

    mutating func add(_ value: Value, _ count: Int64) {
      let known = counts[value] ?? 0
      // A row that was never added, because its group was NULL then, has nothing to take back.
      guard known + count >= 0 else { return }
      if known > 0 { order.remove((known, value)) }
      counts[value] = known + count > 0 ? known + count : nil
      if known + count > 0 { order.insert((known + count, value)) }
    }

    var mode: Value { order.prefix(1).first?.value ?? .null }
  }

  static let mode = AggregateFunction(
    "MODE",
    doc: "The most frequent value that is not NULL, of several the lowest; NULL without any. Also "
      + "written `MODE() WITHIN GROUP (ORDER BY x)`, where DESC takes the highest.",
    overloads: ordered.map { mode(Signature([$0], $0)) } + [
      mode(Signature([.anyDecimal], returns: .sameAsFirst))
    ])

  private static func mode(_ signature: Signature) -> AggregateOverload {
    AggregateOverload(signature, canUndo: true) { (call) throws(FunctionError) in
      ModeAccumulator(
        type: call.argumentTypes.first ?? .string, isDescending: isDescending(call))
    }.ordered(.namesArgument)
  }
}

final class ModeAccumulator: Accumulator {
  private let type: DataType
  private let isDescending: Bool
  private var states: [QuantileAggregates.Frequencies] = []

  init(type: DataType, isDescending: Bool) {
    self.type = type
    self.isDescending = isDescending
  }

  var needsOrdinals: Bool { false }
  var mergesInAnyOrder: Bool { true }

  func reserve(groups count: Int) {
    while states.count < count { states.append(.init(isDescending: isDescending)) }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { results.append(states[$0].mode) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    let column = rows.arguments[0]
    for (row, group) in rows.groups.enumerated() {
      if !column.isNull(row) {
        let isRetracted = rows.retracts.map { $0[row] } ?? false
        states[Int(group)].add(column.value(row, type), isRetracted ? -1 : 1)
      }
      each(Int(group))
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(states[Int(group)].mode) }
  }

  func merge(_ source: Int, into target: Int) {
    let other = states[source]
    for (value, count) in other.counts { states[target].add(value, count) }
  }

  func reset(_ group: Int) { states[group] = .init(isDescending: isDescending) }

  /// The values in their order, each with its count.
  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    let counts = states[group].counts.sorted { orderValues($0.key, $1.key) < 0 }
    ValueCodec.append(.map(counts.map { MapEntry($0.key, .bigint($0.value)) }), to: &bytes)
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    guard let entries = ValueCodec.read(bytes, at: &position)?.mapValue else { return false }
    reset(group)
    for entry in entries {
      guard let count = entry.value.integerValue, count > 0 else { return false }
      states[group].add(entry.key, count)
    }
    return true
  }
}
