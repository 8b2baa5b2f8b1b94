// Accumulators against a plain recomputation from the rows that a group holds: over random
// additions and take-backs, in batches, over a restart from serialized bytes, and over merges of
// two groups.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTestSupport
import Testing

private typealias Random = SplitMix

/// An aggregate call to test.
struct Subject: Sendable, CustomTestStringConvertible {
  var function: String
  var types: [DataType]
  var literals: [Value] = []
  /// Rows of a stream, of which none is taken back.
  var isOfStream = false

  var testDescription: String { "\(function)\(types)\(literals)\(isOfStream ? " adding" : "")" }
}

private let half = Value.decimal(Decimal("0.5") ?? Decimal(0))
private let decimal = DataType.decimal(precision: 12, scale: 2)

private let subjects: [Subject] =
  [
    Subject(function: "COUNT", types: []), Subject(function: "COUNT", types: [.string]),
    Subject(function: "SUM", types: [.int]), Subject(function: "SUM", types: [.bigint]),
    Subject(function: "SUM", types: [.double]), Subject(function: "SUM", types: [decimal]),
    Subject(function: "AVG", types: [.int]), Subject(function: "AVG", types: [.bigint]),
    Subject(function: "AVG", types: [.double]), Subject(function: "MIN", types: [.int]),
    Subject(function: "MAX", types: [.bigint]), Subject(function: "MIN", types: [.double]),
    Subject(function: "MAX", types: [.string]), Subject(function: "MIN", types: [.bytes]),
    Subject(function: "MAX", types: [decimal]), Subject(function: "MIN", types: [.timestamp]),
    Subject(function: "ATTR", types: [.int]), Subject(function: "COLLECT_SET", types: [.int]),
    Subject(function: "COLLECT_LIST", types: [.string]),
    Subject(function: "COUNT_DISTINCT", types: [.int]),
    Subject(function: "EARLIEST_BY_OFFSET", types: [.int]),
    Subject(function: "LATEST_BY_OFFSET", types: [.string], literals: [.int(3), .boolean(false)]),
    Subject(function: "HISTOGRAM", types: [.string]),
    Subject(function: "STDDEV_SAMP", types: [.double]),
    Subject(function: "STDDEV_SAMPLE", types: [.int]),
    Subject(function: "CORRELATION", types: [.double, .double]),
    Subject(function: "SUM_LIST", types: [.array(.int)]),
    Subject(function: "TOPK", types: [.int], literals: [.int(3)]),
    Subject(function: "TOPK", types: [.bigint, .string], literals: [.int(2)]),
    Subject(function: "TOPKDISTINCT", types: [.string], literals: [.int(3)]),
    Subject(function: "APPROX_COUNT_DISTINCT", types: [.int]),
    Subject(function: "BOOL_AND", types: [.boolean]),
    Subject(function: "BOOL_OR", types: [.boolean]),
    Subject(function: "EVERY", types: [.boolean], isOfStream: true),
    Subject(function: "MIN", types: [.boolean]), Subject(function: "MAX", types: [.boolean]),
    Subject(function: "BIT_AND", types: [.int]), Subject(function: "BIT_OR", types: [.bigint]),
    Subject(function: "BIT_XOR", types: [.bigint]),
    Subject(function: "BIT_AND", types: [.bigint], isOfStream: true),
    Subject(function: "BIT_OR", types: [.int], isOfStream: true),
    Subject(function: "BIT_XOR", types: [.int], isOfStream: true),
    Subject(function: "VAR_POP", types: [.double]), Subject(function: "VAR_SAMP", types: [.double]),
    Subject(function: "VARIANCE", types: [.double]),
    Subject(function: "STDDEV_POP", types: [.double]),
    Subject(function: "STDDEV", types: [.double]),
    Subject(function: "MEDIAN", types: [.double]),
    Subject(function: "PERCENTILE_CONT", types: [.double], literals: [half]),
    Subject(function: "PERCENTILE", types: [.double], literals: [.int(1)]),
    Subject(function: "QUANTILE_CONT", types: [.double], literals: [.double(0.3)]),
    Subject(function: "PERCENTILE_DISC", types: [.int], literals: [half]),
    Subject(function: "PERCENTILE_DISC", types: [.double], literals: [.double(0.3)]),
    Subject(function: "QUANTILE_DISC", types: [.string], literals: [.double(0.9)]),
    Subject(function: "PERCENTILE_DISC", types: [decimal], literals: [half]),
    Subject(function: "PERCENTILE_DISC", types: [.timestamp], literals: [.int(0)]),
    Subject(function: "APPROX_PERCENTILE", types: [.double], literals: [half]),
    Subject(function: "APPROX_QUANTILE", types: [.double], literals: [half, .double(0.05)]),
    Subject(function: "MODE", types: [.int]), Subject(function: "MODE", types: [.string]),
    Subject(function: "MAX_BY", types: [.string, .int]),
    Subject(function: "MIN_BY", types: [.array(.int), .double]),
    Subject(function: "ARG_MAX", types: [decimal, .string]),
    Subject(function: "ARG_MIN", types: [.int, decimal]),
    Subject(function: "ARRAY_AGG", types: [.int]),
    Subject(function: "ARRAY_AGG", types: [.string], isOfStream: true),
    Subject(function: "STRING_AGG", types: [.string]),
    Subject(function: "LISTAGG", types: [.string], literals: [.string(",")]),
    Subject(function: "LISTAGG", types: [.string], isOfStream: true),
  ]
  + [
    "COVAR_POP", "COVAR_SAMP", "CORR", "REGR_COUNT", "REGR_AVGX", "REGR_AVGY", "REGR_SXX",
    "REGR_SYY", "REGR_SXY", "REGR_SLOPE", "REGR_INTERCEPT", "REGR_R2",
  ].map { Subject(function: $0, types: [.double, .double]) }

@Suite struct AggregateTests {
  private func value(_ type: DataType, _ random: inout Random) -> Value {
    if random.next() % 5 == 0 { return .null }
    let number = Int64(random.next() % 9) - 4
    switch type {
    case .boolean: return .boolean(number > 0)
    case .int: return .int(Int32(number))
    case .bigint: return .bigint(number)
    case .timestamp: return .timestamp(number)
    // Halves, so that sums are exact whatever their order.
    case .double: return .double(Double(number) / 2)
    case .decimal: return Decimal("\(number).25").map { .decimal($0) } ?? .null
    case .string: return .string("v\(number)")
    case .bytes: return .bytes([UInt8(truncatingIfNeeded: number)])
    case .array(let element): return .array((0..<3).map { _ in value(element, &random) })
    default: return .null
    }
  }

  private func overload(_ subject: Subject) throws -> (AggregateOverload, AggregateCall) {
    let function = try #require(FunctionRegistry.builtin.aggregates[subject.function])
    let literalTypes = subject.literals.map { literal in
      switch literal {
      case .boolean: return ArgumentType.value(.boolean)
      case .string: return .value(.string)
      case .double, .decimal: return .value(.double)
      default: return .value(.int)
      }
    }
    let types = subject.types.map { ArgumentType.value($0) } + literalTypes
    let resolution = try resolve(function.overloads.map(\.signature), types).get()
    var overload = function.overloads[resolution.overload]
    if subject.isOfStream { overload.canUndo = false }
    let result: DataType
    switch overload.signature.returns {
    case .pattern(let pattern): result = try #require(concrete(pattern, resolution.bindings))
    case .computed(let compute): result = try compute(subject.types, [])
    }
    return (
      overload,
      AggregateCall(
        argumentTypes: subject.types, literals: subject.literals, resultType: result,
        takesBack: overload.canUndo)
    )
  }

  private struct Row {
    var group: Int32
    var values: [Value]
    var isRetracted = false
    var ordinal: Int64
  }

  private func apply(
    _ rows: [Row], to accumulator: any Accumulator, _ call: AggregateCall
  ) -> Column {
    let columns = call.argumentTypes.indices.map { index in
      Column.from(rows.map { $0.values[index] }, call.argumentTypes[index])
    }
    var retracts: Bitmap?
    if rows.contains(where: \.isRetracted) {
      var mask = Bitmap(repeating: false, count: rows.count)
      for (index, row) in rows.enumerated() where row.isRetracted { mask.set(index, true) }
      retracts = mask
    }
    let builder = ColumnBuilder(call.resultType, capacity: rows.count)
    accumulator.apply(
      AggregateRows(
        groups: rows.map(\.group), arguments: columns, retracts: retracts,
        ordinals: rows.map(\.ordinal)), into: builder)
    return builder.finish()
  }

  private func result(
    of rows: [Row], _ overload: AggregateOverload, _ call: AggregateCall
  ) throws -> Value {
    let accumulator = try overload.make(call)
    accumulator.reserve(groups: 1)
    _ = apply(
      rows.map { Row(group: 0, values: $0.values, ordinal: $0.ordinal) }, to: accumulator, call)
    return present(accumulator, 0, call)
  }

  private func present(
    _ accumulator: any Accumulator, _ group: Int32, _ call: AggregateCall
  ) -> Value {
    let builder = ColumnBuilder(call.resultType, capacity: 1)
    accumulator.results(of: [group], into: builder)
    return builder.finish().value(0, call.resultType)
  }

  private func isSame(_ left: Value, _ right: Value, _ name: String) -> Bool {
    switch (left, right) {
    case (.double(let a), .double(let b)):
      return a == b || (a.isNaN && b.isNaN) || abs(a - b) <= 1e-9 * max(1, abs(a))
    // After a row was taken back, these keep no order.
    case (.map(let a), .map(let b)): return Set(a) == Set(b)
    case (.string(let a), .string(let b)) where ["STRING_AGG", "LISTAGG"].contains(name):
      return Set(a.split(separator: ",")) == Set(b.split(separator: ",")) && a.count == b.count
    case (.array(let a), .array(let b)) where ["COLLECT_LIST", "ARRAY_AGG"].contains(name):
      return a.sorted { orderValues($0, $1) < 0 } == b.sorted { orderValues($0, $1) < 0 }
    default: return left == right
    }
  }

  /// States that are written together are those that are written one by one, or said to be others.
  private func checkMany(_ accumulator: any Accumulator, groups: Int) {
    let all = (0..<groups).map { group in
      var bytes: [UInt8] = []
      accumulator.serialize(group, into: &bytes)
      return bytes
    }
    let width = accumulator.usualBytes
    let (stride, head) = ((width ?? 0) + 5, 3)
    var target = [UInt8](repeating: 0xAA, count: head + groups * stride)
    let isUsual = target.withUnsafeMutableBytes { target in
      (0..<Int32(groups)).map { $0 }.withUnsafeBufferPointer {
        accumulator.serialize($0, to: target.baseAddress! + head, stride: stride)
      }
    }
    #expect(isUsual == all.allSatisfy { $0.count == width })
    guard isUsual, let width else { return }
    var expected = [UInt8](repeating: 0xAA, count: target.count)
    for (group, bytes) in all.enumerated() {
      expected.replaceSubrange(head + group * stride..<head + group * stride + width, with: bytes)
    }
    #expect(target == expected)
  }

  private func copy(
    _ accumulator: any Accumulator, groups: Int, _ overload: AggregateOverload,
    _ call: AggregateCall
  ) throws -> any Accumulator {
    let restored = try overload.make(call)
    restored.reserve(groups: groups)
    checkMany(accumulator, groups: groups)
    for group in 0..<groups {
      var bytes: [UInt8] = []
      accumulator.serialize(group, into: &bytes)
      var position = 0
      let isRead = bytes.withUnsafeBytes { restored.restore(group, from: $0, at: &position) }
      #expect(isRead && position == bytes.count)
      // A state that is cut off is noticed.
      if !bytes.isEmpty {
        let damaged = try overload.make(call)
        damaged.reserve(groups: 1)
        var start = 0
        let isDamagedRead = bytes.dropLast().withUnsafeBytes {
          damaged.restore(0, from: $0, at: &start)
        }
        #expect(!isDamagedRead)
      }
    }
    return restored
  }

  @Test(arguments: subjects)
  func equalsRecomputation(_ subject: Subject) throws {
    let (overload, call) = try overload(subject)
    var random = Random(state: 7)
    let groups = 5
    var accumulator = try overload.make(call)
    accumulator.reserve(groups: groups)
    var held = [[Row]](repeating: [], count: groups)
    var ordinal: Int64 = 0
    for step in 0..<30 {
      var batch: [Row] = []
      for _ in 0..<Int(random.next() % 20) {
        let group = Int(random.next() % UInt64(groups))
        ordinal += 1
        if overload.canUndo, random.next() % 3 == 0, !held[group].isEmpty {
          let place = Int(random.next() % UInt64(held[group].count))
          var row = held[group].remove(at: place)
          row.isRetracted = true
          batch.append(row)
        } else {
          let row = Row(
            group: Int32(group), values: subject.types.map { value($0, &random) },
            ordinal: ordinal)
          held[group].append(row)
          batch.append(row)
        }
      }
      let results = apply(batch, to: accumulator, call)
      for (index, row) in batch.enumerated()
      where !batch[(index + 1)...].contains(where: { $0.group == row.group }) {
        let expected = try result(of: held[Int(row.group)], overload, call)
        let given = results.value(index, call.resultType)
        #expect(isSame(given, expected, subject.function), "step \(step): \(given) \(expected)")
      }
      if step % 7 == 6 {
        accumulator = try copy(accumulator, groups: groups, overload, call)
      }
    }
    // Two groups that meet.
    accumulator.merge(1, into: 0)
    let both = (held[0] + held[1]).sorted { $0.ordinal < $1.ordinal }
    let expected = try result(of: both, overload, call)
    let given = present(accumulator, 0, call)
    let isOrdered = !["COLLECT_SET", "TOPK"].contains(subject.function)
    #expect(!isOrdered || isSame(given, expected, subject.function), "\(given) \(expected)")
    accumulator.reset(0)
    #expect(
      isSame(present(accumulator, 0, call), try result(of: [], overload, call), subject.function))
  }

  /// A sum beyond its type is NULL and counts as failed; with what takes it back it is exact again, also when its
  /// state was saved in between.
  @Test func sumsBeyondTheirTypeAreNull() throws {
    let wide = DataType.decimal(precision: 38, scale: 0)
    let nines = Value.decimal(try #require(Decimal(String(repeating: "9", count: 38))))
    let most = Value.decimal(try #require(Decimal("-" + String(repeating: "9", count: 38))))
    for (type, value, opposite) in [
      (DataType.int, Value.int(.max), Value.int(-.max)),
      (.bigint, .bigint(.max), .bigint(-.max)),
      (.decimal(precision: 2, scale: 0), .decimal(Decimal(60)), .decimal(Decimal(-60))),
      (wide, nines, most),
    ] {
      let (sum, call) = try overload(Subject(function: "SUM", types: [type]))
      let accumulator = try sum.make(call)
      accumulator.reserve(groups: 2)
      for (count, next) in [value, value, value, opposite, opposite].enumerated() {
        let builder = ColumnBuilder(type, capacity: 1)
        accumulator.apply(
          AggregateRows(
            groups: [0], arguments: [.from([next], type)], retracts: nil, ordinals: [0]),
          into: builder)
        let given = builder.finish().value(0, type)
        #expect(given == (count == 0 || count == 4 ? value : .null), "\(type) \(count)")
        var bytes: [UInt8] = []
        accumulator.serialize(0, into: &bytes)
        checkMany(accumulator, groups: 2)
        accumulator.reset(0)
        var position = 0
        let isRestored = bytes.withUnsafeBytes {
          accumulator.restore(0, from: $0, at: &position)
        }
        #expect(isRestored && position == bytes.count)
      }
      #expect(accumulator.failures == 3)
    }
  }

  @Test func manyDistinctValuesAreEstimated() throws {
    let (overload, call) = try overload(Subject(function: "COUNT_DISTINCT", types: [.int]))
    for count in [200, 5_000, 30_000] {
      let rows = (0..<count).map {
        Row(group: 0, values: [.int(Int32($0))], ordinal: Int64($0))
      }
      let estimate = Double(try result(of: rows, overload, call).integerValue ?? 0)
      #expect(abs(estimate - Double(count)) <= (count <= 256 ? 0 : 0.06 * Double(count)))
    }
  }

  @Test func limitsOfLists() throws {
    for name in ["COLLECT_LIST", "COLLECT_SET"] {
      var (overload, call) = try overload(Subject(function: name, types: [.int]))
      call.properties["ksql.functions.\(name.lowercased()).limit"] = "2"
      let rows = (0..<9).map { Row(group: 0, values: [.int(Int32($0))], ordinal: Int64($0)) }
      #expect(try result(of: rows, overload, call) == .array([.int(0), .int(1)]))
      overload.canUndo = false
    }
  }
}
