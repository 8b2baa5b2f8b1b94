// Functions that only the suite's own tests know, made through the public function API.

import HeadraceColumns
import HeadraceFunctions
import Glibc

func addSuiteFunctions(_ registry: inout FunctionRegistry) {
  for function in SuiteScalars.all() { registry.add(function) }
  for function in SuiteTables.all { registry.add(function) }
  for function in SuiteAggregates.all { registry.add(function) }
}

/// Counts calls; shared by all tasks of a case.
private final class CallCounter: @unchecked Sendable {
  // Unchecked: `calls` is touched only under the mutex, which lives as long as the process.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var calls = 0

  init() {
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  func next() -> Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    calls += 1
    return calls
  }
}

private let textStruct = DataType.structure([StructField("A", .string)])
private let pairStruct = DataType.structure([StructField("A", .int), StructField("B", .int)])

private enum SuiteScalars {
  static func all() -> [ScalarFunction] {
    let calls = CallCounter()
    return [
      function(
        "BAD_UDF",
        [
          ScalarOverload([.int], .string) { (_) throws(FunctionError) in
            throw FunctionError("boom!")
          },
          ScalarOverload([.boolean], .int) { (row) throws(FunctionError) in
            if row[0] == .boolean(true) { throw FunctionError("You asked me to throw...") }
            return .int(0)
          },
          // NULL on every other call.
          ScalarOverload([.string], .string) { row in calls.next() % 2 == 1 ? .null : row[0] },
        ]),
      function("WHENCONDITION", [guarded(.boolean)]),
      function("WHENRESULT", [guarded(.int)]),
      function(
        "TOSTRUCT",
        [ScalarOverload([.string], .exact(textStruct)) { row in .structure([row[0]]) }]),
      function(
        "TEST_UDF",
        [
          constant([.int, .string], "doStuffIntString"),
          constant([.bigint, .string], "doStuffLongString"),
          constant([.bigint, .bigint, .string], "doStuffLongLongString"),
          constant([.bigint], variadic: 0, "doStuffLongVarargs"),
          ScalarOverload([.exact(textStruct)], .string) { row in
            if case .structure(let fields) = row[0] { return fields[0] }
            return .null
          },
        ]),
    ]
  }

  private static func function(_ name: String, _ overloads: [ScalarOverload]) -> ScalarFunction {
    ScalarFunction(name, family: "Test", doc: "Of the suite.", overloads: overloads)
  }

  private static func constant(
    _ parameters: [ParameterType], variadic: Int? = nil, _ text: String
  ) -> ScalarOverload {
    ScalarOverload(parameters, variadic: variadic, .string, isStrict: false) { _ in .string(text) }
  }

  /// Gives its first argument; fails where the second says that it must not be called.
  private static func guarded(_ type: ParameterType) -> ScalarOverload {
    ScalarOverload([type, .boolean], type) { (row) throws(FunctionError) in
      if row[1] != .boolean(true) { throw FunctionError("this must not be evaluated") }
      return row[0]
    }
  }
}

private enum SuiteTables {
  private static let elements: [(type: ParameterType, shown: DataType)] = [
    (.int, .int), (.bigint, .bigint), (.double, .double), (.boolean, .boolean),
    (.string, .string), (.anyDecimal, .decimal(precision: 30, scale: 10)),
    (.exact(textStruct), textStruct),
  ]

  static let all: [TableFunction] = [
    TableFunction(
      "THROWING_UDTF", doc: "Of the suite.",
      overloads: [
        TableOverload(Signature([.boolean], .boolean)) { (row) throws(FunctionError) in
          if row[0] == .boolean(true) { throw FunctionError("You asked me to throw...") }
          return [row[0]]
        }
      ]),
    TableFunction(
      "TEST_UDTF", doc: "Of the suite.",
      overloads: [
        texts(elements.map(\.type)) { $0 },
        texts(elements.map { .array($0.type) }) { $0.arrayValue?.first ?? .null },
        texts(elements.map { .map(.string, $0.type) }) { $0.mapValue?.first?.value ?? .null },
      ]
        + elements.map { element in
          TableOverload(Signature([element.type], .exact(element.shown))) { row in row }
        }),
  ]

  private static func texts(
    _ parameters: [ParameterType], _ part: @escaping @Sendable (Value) -> Value
  ) -> TableOverload {
    TableOverload(Signature(parameters, .string)) { row in
      zip(row, elements).map { value, element in
        let value = part(value)
        if case .decimal(let number) = value { return .string(number.description) }
        return .string(text(of: value, element.shown))
      }
    }
  }
}

private enum SuiteAggregates {
  static let all: [AggregateFunction] = [
    function(
      "TEST_UDAF",
      [
        sum([.int], literals: []), sum([.bigint], literals: []), sum([.string], literals: []),
        structSum,
      ]),
    function("VAR_ARG", [sum([.bigint, .string], variadic: 1, literals: [])]),
    function("MID_VAR_ARG", [sum([.bigint, .string], variadic: 1, literals: [.int, .int])]),
    function("MULTI_ARG", initialised([.bigint, .string])),
    function("FOUR_ARG", initialised([.bigint, .string, .string, .string])),
    function("FIVE_ARG", initialised([.bigint, .string, .string, .string, .int])),
    function(
      "GENERIC_VAR_ARG",
      [firsts([.variable("A"), .variable("B"), .variable("C")], result: .variable("A"))]),
    function("OBJ_COL_ARG", [firsts([.int, .any], result: .int)]),
  ]

  private static func function(
    _ name: String, _ overloads: [AggregateOverload]
  ) -> AggregateFunction {
    AggregateFunction(name, doc: "Of the suite.", overloads: overloads)
  }

  /// Numbers count as themselves, strings by their lengths.
  private static func weight(_ value: Value) -> Int64 {
    value.integerValue ?? value.stringValue.map { Int64($0.utf16.count) } ?? 0
  }

  /// The sum of the weights of all arguments, starting from that of the literals.
  private static func sum(
    _ parameters: [ParameterType], variadic: Int? = nil, literals: [ParameterType]
  ) -> AggregateOverload {
    AggregateOverload(
      Signature(parameters + literals, variadic: variadic, .bigint),
      literalCount: literals.count, canUndo: true
    ) { (call) throws(FunctionError) in
      @Sendable func add(_ state: inout Value, _ values: [Value], _ factor: Int64) {
        let change = values.reduce(0) { $0 &+ weight($1) }
        state = .bigint((state.integerValue ?? 0) &+ factor &* change)
      }
      return Aggregation<Value>(
        initial: .bigint(call.literals.reduce(0) { $0 &+ weight($1) }),
        add: { (state, values, _) throws(FunctionError) in add(&state, values, 1) },
        undo: { (state, values, _) throws(FunctionError) in add(&state, values, -1) },
        merge: { (state, other) throws(FunctionError) in add(&state, [other], 1) })
    }
  }

  /// Literals: an INT and up to five strings.
  private static func initialised(_ parameters: [ParameterType]) -> [AggregateOverload] {
    (0...5).map { count in
      sum(parameters, literals: [.int] + Array(repeating: .string, count: count))
    }
  }

  private static var structSum: AggregateOverload {
    AggregateOverload(
      Signature([.exact(pairStruct)], .exact(pairStruct)), canUndo: false
    ) { (_) throws(FunctionError) in
      @Sendable func add(_ state: inout Value, _ other: Value) {
        guard case .structure(let sums) = state, case .structure(let values) = other else { return }
        state = .structure(
          zip(sums, values).map { .int(Int32(truncatingIfNeeded: weight($0) &+ weight($1))) })
      }
      return Aggregation<Value>(
        initial: .structure([.int(0), .int(0)]),
        add: { (state, values, _) throws(FunctionError) in add(&state, values[0]) },
        merge: { (state, other) throws(FunctionError) in add(&state, other) })
    }
  }

  /// The first arguments of the rows in which no argument is NULL.
  private static func firsts(
    _ parameters: [ParameterType], result: ParameterType
  ) -> AggregateOverload {
    AggregateOverload(
      Signature(parameters, variadic: parameters.count - 1, .array(result)), canUndo: false
    ) { (_) throws(FunctionError) in
      Aggregation<Value>(
        initial: .array([]),
        add: { (state, values, _) throws(FunctionError) in
          if values.contains(where: \.isNull) { return }
          state = .array((state.arrayValue ?? []) + [values[0]])
        },
        merge: { (state, other) throws(FunctionError) in
          state = .array((state.arrayValue ?? []) + (other.arrayValue ?? []))
        })
    }
  }
}
