// COLLECT_LIST, COLLECT_SET, HISTOGRAM, ATTR, TOPK and TOPKDISTINCT: aggregates whose state is a
// list.

import HeadraceColumns
import HeadraceFoundations

enum ListAggregates {
  static let all: [AggregateFunction] = [
    collectList, collectSet, histogram, attribute, topK, topKDistinct,
  ]

  /// A limit given by a property; 1000 where it is not set, and no limit where it is negative.
  private static func limit(_ name: String, _ call: AggregateCall) -> Int {
    let value = call.properties["ksql.functions.\(name).limit"].flatMap { Int($0) } ?? 1000
    return value < 0 ? Int.max : value
  }

  static let collectList = AggregateFunction(
    "COLLECT_LIST",
    doc: "All values of a group as an array, NULLs included, up to a limit of 1000 that "
      + "`ksql.functions.collect_list.limit` changes.",
    overloads: [
      AggregateOverload(Signature([.T], .array(.T)), canUndo: true) {
        (call) throws(FunctionError) -> any Accumulator in
        let limit = limit("collect_list", call)
        return call.order.isEmpty
          ? ValueAccumulator(collecting(limit), call)
          : RowListAccumulator(call, .array(limit: limit))
      }.ordered(.sortsRows)
    ])

  private static func collecting(_ limit: Int) -> Aggregation<[Value]> {
    Aggregation<[Value]>(
      initial: [],
      add: { (state, values, _) throws(FunctionError) in
        if state.count < limit { state.append(values[0]) }
      },
      undo: { (state, values, _) throws(FunctionError) in
        if let index = state.lastIndex(of: values[0]) { state.remove(at: index) }
      },
      merge: { (state, other) throws(FunctionError) in
        state.append(contentsOf: other.prefix(limit - state.count))
      },
      result: { (state) throws(FunctionError) in .array(state) },
      save: { .array($0) }, load: { $0.arrayValue })
  }

  struct DistinctList: Sendable {
    var values: [Value] = []
    var known: Set<Value> = []

    mutating func add(_ value: Value, limit: Int) {
      if values.count < limit, known.insert(value).inserted { values.append(value) }
    }
  }

  static let collectSet = AggregateFunction(
    "COLLECT_SET",
    doc: "The distinct values of a group in the order in which they came, NULL included, up to a "
      + "limit of 1000 that `ksql.functions.collect_set.limit` changes.",
    overloads: [
      AggregateOverload(Signature([.T], .array(.T)), canUndo: false) {
        (call) throws(FunctionError) in
        let limit = limit("collect_set", call)
        return Aggregation<DistinctList>(
          initial: DistinctList(),
          add: { (state, values, _) throws(FunctionError) in state.add(values[0], limit: limit) },
          merge: { (state, other) throws(FunctionError) in
            for value in other.values { state.add(value, limit: limit) }
          },
          result: { (state) throws(FunctionError) in .array(state.values) },
          save: { .array($0.values) },
          load: { value in
            value.arrayValue.map { DistinctList(values: $0, known: Set($0)) }
          })
      }.decided { .firstDistinct(count: limit("collect_set", $0)) }
        .distinct(.makesNoDifference)
    ])

  /// Counts by value, in the order in which the values came. An entry that is counted down to 0
  /// keeps its place until there are more of those than others, so that taking a value back costs
  /// no more than adding one.
  struct Counts: Sendable {
    private var places: [MapEntry] = []
    private var index: [Value: Int] = [:]

    /// Those that are there.
    var entries: [MapEntry] { places.filter { $0.value != .bigint(0) } }
    var count: Int { index.count }

    init() {}

    init?(_ value: Value) {
      guard let entries = value.mapValue else { return nil }
      places = entries
      reindex()
    }

    private mutating func reindex() {
      places = entries
      index = [:]
      for (place, entry) in places.enumerated() { index[entry.key] = place }
    }

    mutating func add(_ value: Value, _ count: Int64, limit: Int) {
      if let place = index[value] {
        let total = max(0, (places[place].value.integerValue ?? 0) + count)
        places[place].value = .bigint(total)
        guard total == 0 else { return }
        index[value] = nil
        if places.count > 2 * index.count + 16 { reindex() }
      } else if count > 0, index.count < limit {
        index[value] = places.count
        places.append(MapEntry(value, .bigint(count)))
      }
    }

    mutating func merge(_ other: Counts, limit: Int) {
      for entry in other.entries {
        add(entry.key, entry.value.integerValue ?? 0, limit: limit)
      }
    }
  }

  static let histogram = AggregateFunction(
    "HISTOGRAM",
    doc:
      "How often each string occurs, as a map. Only the first 1000 different strings are counted.",
    overloads: [
      AggregateOverload(
        Signature([.string], .map(.string, .bigint)), canUndo: true
      ) { (_) throws(FunctionError) in
        Aggregation<Counts>(
          initial: Counts(),
          add: { (state, values, _) throws(FunctionError) in
            if !values[0].isNull { state.add(values[0], 1, limit: 1000) }
          },
          undo: { (state, values, _) throws(FunctionError) in
            if !values[0].isNull { state.add(values[0], -1, limit: 1000) }
          },
          merge: { (state, other) throws(FunctionError) in state.merge(other, limit: 1000) },
          result: { (state) throws(FunctionError) in .map(state.entries) },
          save: { .map($0.entries) }, load: { Counts($0) })
      }
    ])

  static let attribute = AggregateFunction(
    "ATTR",
    doc: "The one value that all rows of a group share, NULL counting as a value; NULL where they "
      + "differ.",
    overloads: [
      AggregateOverload(Signature([.T], .T), canUndo: true) { (_) throws(FunctionError) in
        Aggregation<Counts>(
          initial: Counts(),
          add: { (state, values, _) throws(FunctionError) in
            state.add(values[0], 1, limit: Int.max)
          },
          undo: { (state, values, _) throws(FunctionError) in
            state.add(values[0], -1, limit: Int.max)
          },
          merge: { (state, other) throws(FunctionError) in state.merge(other, limit: Int.max) },
          result: { (state) throws(FunctionError) in
            state.count == 1 ? state.entries.first?.key ?? .null : .null
          },
          save: { .map($0.entries) }, load: { Counts($0) })
      }.distinct(.makesNoDifference)
    ])

  /// The k of TOPK; asking for none is an error.
  private static func size(_ call: AggregateCall) throws(FunctionError) -> Int {
    guard let size = call.literals.last?.integerValue, size > 0 else {
      throw FunctionError("needs a positive number of values to keep")
    }
    return Int(size)
  }

  /// Puts a value behind those that are not smaller, and drops what is beyond `size`.
  private static func insert(
    _ value: Value, _ state: inout [Value], size: Int, by key: (Value) -> Value
  ) {
    var low = 0
    var high = state.count
    while low < high {
      let middle = (low + high) / 2
      if orderValues(key(state[middle]), key(value)) >= 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    if low >= size { return }
    state.insert(value, at: low)
    if state.count > size { state.removeLast() }
  }

  static let topK = AggregateFunction(
    "TOPK",
    doc:
      "The k largest values, largest first, repetitions included. With further columns, structs of "
      + "the value (`sort_col`) and of those columns (`col0`, `col1`, ...).",
    overloads: [.int, .bigint, .double, .string].flatMap { (type: ParameterType) in
      [
        AggregateOverload(
          Signature([type, .int], .array(type)), literalCount: 1, canUndo: false
        ) { (call) throws(FunctionError) in top(try size(call)) { $0 } }
        .decided { .highest(count: (try? size($0)) ?? 1, distinct: false) },
        AggregateOverload(
          Signature(
            [type, .any, .any, .int], variadic: 2, returns: .computed(topKType)),
          literalCount: 1, canUndo: false
        ) { (call) throws(FunctionError) in
          top(try size(call)) { if case .structure(let fields) = $0 { fields[0] } else { .null } }
        }.decided { .highest(count: (try? size($0)) ?? 1, distinct: false) },
      ]
    })

  @Sendable private static func topKType(
    _ types: [DataType?], _ literals: [Value?]
  ) throws(FunctionError) -> DataType {
    let fields = types.enumerated().map { index, type in
      StructField(index == 0 ? "sort_col" : "col\(index - 1)", type ?? .string)
    }
    return .array(.structure(fields))
  }

  private static func top(
    _ size: Int, by key: @escaping @Sendable (Value) -> Value
  ) -> Aggregation<[Value]> {
    Aggregation<[Value]>(
      initial: [],
      add: { (state, values, _) throws(FunctionError) in
        if values[0].isNull { return }
        let value = values.count == 1 ? values[0] : .structure(values)
        insert(value, &state, size: size, by: key)
      },
      merge: { (state, other) throws(FunctionError) in
        for value in other { insert(value, &state, size: size, by: key) }
      },
      result: { (state) throws(FunctionError) in .array(state) },
      save: { .array($0) }, load: { $0.arrayValue })
  }

  static let topKDistinct = AggregateFunction(
    "TOPKDISTINCT", doc: "The k largest different values, largest first.",
    overloads: ([
      .int, .bigint, .double, .string, .date, .time, .timestamp, .bytes,
    ] as [ParameterType]).map { distinct(Signature([$0, .int], .array($0))) } + [
      distinct(
        Signature(
          [.anyDecimal, .int],
          returns: .computed { (types, _) throws(FunctionError) in
            .array((types.first ?? nil) ?? .string)
          }))
    ])

  private static func distinct(_ signature: Signature) -> AggregateOverload {
    AggregateOverload(signature, literalCount: 1, canUndo: false) {
      (call) throws(FunctionError) in
      let size = try size(call)
      @Sendable func add(_ value: Value, _ state: inout [Value]) {
        if value.isNull || state.contains(where: { orderValues($0, value) == 0 }) { return }
        insert(value, &state, size: size) { $0 }
      }
      return Aggregation<[Value]>(
        initial: [],
        add: { (state, values, _) throws(FunctionError) in add(values[0], &state) },
        merge: { (state, other) throws(FunctionError) in
          for value in other { add(value, &state) }
        },
        result: { (state) throws(FunctionError) in .array(state) },
        save: { .array($0) }, load: { $0.arrayValue })
    }.decided { .highest(count: (try? size($0)) ?? 1, distinct: true) }
      .distinct(.makesNoDifference)
  }
}
