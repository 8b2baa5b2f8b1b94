// EARLIEST_BY_OFFSET and LATEST_BY_OFFSET: the first and last values by append order. Each kept
// value carries its number, so that session windows that merge keep the order.

import HeadraceColumns
import HeadraceFoundations

enum OffsetAggregates {
  static let all: [AggregateFunction] = [
    function(
      "EARLIEST_BY_OFFSET", isLatest: false,
      doc: "The first value of a group, or the first n as an array. NULLs are passed over unless a "
        + "last argument `false` asks for them."),
    function(
      "LATEST_BY_OFFSET", isLatest: true,
      doc:
        "The last value of a group, or the last n as an array, oldest first. NULLs are passed over "
        + "unless a last argument `false` asks for them."),
  ]

  struct Entry: Sendable {
    var ordinal: Int64
    var value: Value
  }

  private static func function(_ name: String, isLatest: Bool, doc: String) -> AggregateFunction {
    let shapes: [(literals: [ParameterType], isList: Bool)] = [
      ([], false), ([.boolean], false), ([.int], true), ([.int, .boolean], true),
    ]
    return AggregateFunction(
      name, doc: doc,
      overloads: shapes.map { literals, isList in
        AggregateOverload(
          Signature([.T] + literals, isList ? .array(.T) : .T), literalCount: literals.count,
          canUndo: false
        ) { (call) throws(FunctionError) in
          let size = isList ? call.literals.first?.integerValue ?? 0 : 1
          guard size > 0 else {
            throw FunctionError("\(isLatest ? "latestN" : "earliestN") must be 1 or greater")
          }
          let ignoresNulls = call.literals.last?.booleanValue ?? true
          if !isList, let type = call.argumentTypes.first,
            let plain = OffsetAccumulator(
              isLatest: isLatest, ignoresNulls: ignoresNulls, type: type)
          {
            return plain
          }
          return ValueAccumulator(
            aggregation(
              isLatest: isLatest, size: Int(size), isList: isList, ignoresNulls: ignoresNulls),
            call)
        }.decided { call in
          let count = isList ? Int(call.literals.first?.integerValue ?? 1) : 1
          let ignoresNulls = call.literals.last?.booleanValue ?? true
          return isLatest
            ? .last(count: count, ignoresNulls: ignoresNulls)
            : .first(count: count, ignoresNulls: ignoresNulls)
        }
        .distinct(isList ? .isRefused : .makesNoDifference)
      })
  }

  private static func aggregation(
    isLatest: Bool, size: Int, isList: Bool, ignoresNulls: Bool
  ) -> Aggregation<[Entry]> {
    Aggregation<[Entry]>(
      initial: [],
      add: { (state, values, ordinal) throws(FunctionError) in
        if values[0].isNull && ignoresNulls { return }
        if state.count == size {
          guard isLatest else { return }
          state.removeFirst()
        }
        state.append(Entry(ordinal: ordinal, value: values[0]))
      },
      merge: { (state, other) throws(FunctionError) in
        // Equal numbers keep their order, since the sort is stable.
        let all = (state + other).sorted { $0.ordinal < $1.ordinal }
        state = Array(isLatest ? all.suffix(size) : all.prefix(size))
      },
      result: { (state) throws(FunctionError) in
        isList ? .array(state.map(\.value)) : state.first?.value ?? .null
      },
      save: { .array($0.map { .structure([.bigint($0.ordinal), $0.value]) }) },
      load: { value in
        value.arrayValue?.compactMap { entry -> Entry? in
          guard case .structure(let fields) = entry, fields.count == 2,
            let ordinal = fields[0].integerValue
          else { return nil }
          return Entry(ordinal: ordinal, value: fields[1])
        }
      })
  }
}
