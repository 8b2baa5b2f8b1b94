// Kernels over columns against plain forms of the same functions over one row, on drawn texts: ASCII, characters of two
// to four bytes, empty, long, NULL; with arguments that vary from row to row and with constant ones.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import Testing

/// One function as it is written for a single row; nil arguments are NULL.
struct RowForm: Sendable, CustomTestStringConvertible {
  var name: String
  var arguments: [Drawn]
  var row: @Sendable ([Value]) throws(FunctionError) -> Value

  var testDescription: String { "\(name)(\(arguments.map { "\($0)" }.joined(separator: ", ")))" }

  init(
    _ name: String, _ arguments: Drawn...,
    row: @escaping @Sendable ([Value]) throws(FunctionError) -> Value
  ) {
    (self.name, self.arguments, self.row) = (name, arguments, row)
  }
}

/// What an argument is drawn from.
enum Drawn: Sendable {
  case text, part, bytes, partOfBytes, json, path
  case int(ClosedRange<Int32>)

  var type: DataType {
    switch self {
    case .text, .part, .json, .path: .string
    case .bytes, .partOfBytes: .bytes
    case .int: .int
    }
  }

  func value(_ draw: inout Draw) -> Value {
    if draw.below(12) == 0 { return .null }
    switch self {
    case .text: return .string(draw.text(draw.below(20) == 0 ? 400 : draw.below(14)))
    case .part: return .string(draw.text(draw.below(3)))
    case .bytes: return .bytes((0..<draw.below(12)).map { _ in UInt8(draw.below(3)) })
    case .partOfBytes: return .bytes((0..<draw.below(3)).map { _ in UInt8(draw.below(3)) })
    case .json:
      let text = draw.json(depth: 0)
      return .string(draw.below(8) == 0 ? String(text.dropLast(draw.below(3))) : text)
    case .path:
      let steps = ["$", ".a", ".é", "[0]", "[1]", ".1", "[\"b c\"]", "['a']", "x", "[01]", "[-1]"]
      let count = draw.below(4)
      return .string("$" + (0..<count).map { _ in steps[1 + draw.below(steps.count - 1)] }.joined())
    case .int(let range): return .int(range.lowerBound + Int32(draw.below(range.count)))
    }
  }
}

extension Draw {
  mutating func below(_ count: Int) -> Int { Int(next() >> 33) % count }

  /// Few different characters, so that parts are found.
  mutating func text(_ count: Int) -> String {
    let characters: [Unicode.Scalar] =
      below(2) == 0
      ? ["a", "B", "/", "=", " "]
      : ["a", "B", "/", "=", " ", "é", "日", "😀", "\u{301}", "7", "\r", "\n", "ß", "\u{0}"]
    var text = String.UnicodeScalarView()
    for _ in 0..<count { text.append(characters[below(characters.count)]) }
    return String(text)
  }
}

extension Draw {
  /// JSON with escapes, repeated fields and blanks.
  mutating func json(depth: Int) -> String {
    func pick(_ texts: [String], _ draw: inout Draw) -> String { texts[draw.below(texts.count)] }
    switch below(depth > 3 ? 3 : 7) {
    case 0: return pick(["1", "-0.50", "12e+3", "0", "01", "true", "null", "false", "-"], &self)
    case 1: return pick(["\"x\"", "\"\"", "\"é\\n\"", "\"\\ud83d\\ude00\"", "\"\\q\""], &self)
    case 2: return pick(["\"a b\"", "\"\\u0061\\ud800\"", " 7 ", "[]", "{ }"], &self)
    case 3, 4:
      let elements = (0..<below(4)).map { _ in json(depth: depth + 1) }
      return "[" + elements.joined(separator: " , ") + "]"
    default:
      let names = ["\"a\"", "\"b c\"", "\"\\u0061\"", "\"1\"", "\"é\"", "\"0\""]
      let fields = (0..<below(5)).map { _ in
        "\(pick(names, &self)): \(json(depth: depth + 1))"
      }
      return "{" + fields.joined(separator: ",") + " }"
    }
  }
}

/// Rows of the arguments, constant where `constants` says so.
func drawnRows(_ arguments: [Drawn], constants: Int, _ draw: inout Draw) -> [[Value]] {
  let first = arguments.map { $0.value(&draw) }
  return (0..<70).map { _ in
    arguments.enumerated().map { index, argument in
      constants >> index & 1 == 1 ? first[index] : argument.value(&draw)
    }
  }
}

/// The results of a function over rows; nil for a row that failed, and what was wrong with the first of those.
func results(
  _ name: String, _ rows: [[Value]], _ types: [DataType]
) throws -> (values: [Value?], message: String?) {
  let function = try #require(FunctionRegistry.builtin.scalars[name])
  let arguments = types.enumerated().map { index, type -> ArgumentType in
    index == 0 && function.overloads[0].signature.parameters.first == .unit ? .unit : .value(type)
  }
  let resolution = try resolve(function.overloads.map(\.signature), arguments).get()
  let overload = function.overloads[resolution.overload]
  guard case .pattern(let returned) = overload.signature.returns,
    let type = concrete(returned, resolution.bindings),
    case .vector(let kernel) = overload.kernel
  else {
    Issue.record("\(name) has no kernel over columns for \(types)")
    return ([], nil)
  }
  let columns = types.indices.map { index in Column.from(rows.map { $0[index] }, types[index]) }
  let result = kernel(
    VectorCall(arguments: columns, argumentTypes: types, resultType: type, count: rows.count))
  #expect(result.column.count == rows.count)
  let values = rows.indices.map { row -> Value? in
    if overload.isStrict, rows[row].contains(.null) { return .null }
    return result.errors?[row] ?? false ? nil : result.column.value(row, type)
  }
  return (values, result.message)
}

@Suite struct KernelTests {
  @Test(arguments: RowForm.texts)
  func agreesWithRowForm(_ form: RowForm) throws {
    var draw = Draw(state: UInt64(form.name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) }))
    for round in 0..<12 {
      let rows = drawnRows(form.arguments, constants: round, &draw)
      let (values, message) = try results(form.name, rows, form.arguments.map(\.type))
      var first: String?
      for (row, value) in zip(rows, values) {
        do throws(FunctionError) {
          let isStrict =
            !["CONCAT_WS", "ELT", "FIELD"].contains(form.name)
            && !form.name.hasPrefix("MASK")
          let expected = isStrict && row.contains(.null) ? .null : try form.row(row)
          #expect(value == expected, "\(form.name)\(row)")
        } catch {
          #expect(value == nil, "\(form.name)\(row)")
          first = first ?? error.message
        }
      }
      #expect(message == first)
    }
  }

  /// A batch gives what its rows give one by one, whatever a kernel keeps from row to row.
  @Test(arguments: BatchForm.all)
  func rowsDoNotDependOnEachOther(_ form: BatchForm) throws {
    var draw = Draw(state: UInt64(form.name.utf8.count))
    let rows = (0..<200).map { _ in
      form.values.map { $0[draw.below(4) == 0 ? draw.below($0.count) : 0] }
    }
    let (values, message) = try results(form.name, rows, form.types)
    var first: String?
    for (row, value) in zip(rows, values) {
      let (alone, reason) = try results(form.name, [row], form.types)
      #expect(alone == [value], "\(form.name)\(row)")
      first = first ?? reason
    }
    #expect(message == first)
  }

  /// What is no UTF-8 is taken as the text that Swift makes of it.
  @Test func brokenTextsAreRepaired() throws {
    let broken: [UInt8] = [0x61, 0xFF, 0x2F, 0xC3, 0x2F, 0x62]
    let starts: [UInt32] = [0, 0]
    let column = Column.bytes(
      ByteColumn(starts: starts, lengths: [6, 1], arena: ByteBuffer(broken)))
    let separators = Column.constant(.string("/"), .string, count: 2)
    let function = try #require(FunctionRegistry.builtin.scalars["SPLIT"])
    guard case .vector(let kernel) = function.overloads[0].kernel else {
      Issue.record("SPLIT goes by rows")
      return
    }
    let result = kernel(
      VectorCall(
        arguments: [column, separators], argumentTypes: [.string, .string],
        resultType: .array(.string), count: 2))
    #expect(
      result.column.value(0, .array(.string))
        == .array([.string("a\u{FFFD}"), .string("\u{FFFD}"), .string("b")]))
    #expect(result.column.value(1, .array(.string)) == .array([.string("a")]))
  }

  @Test(
    arguments: [
      "0", "-0", "+7", "42", " 42\t", "1.5", "-1.25", ".5", "5.", "1e3", "0x10", "NaN", "inf", "",
      "-", "+", "1 2", "2147483647", "2147483648", "-2147483648", "-2147483649",
      "9223372036854775807", "9223372036854775808", "-9223372036854775808",
      "-9223372036854775809", "123456789012345", "0.1234567890123", "1234567.12345678", "00012",
      "99999999999999999999", "٣", "1.7976931348623157e309", "0.30000000000000004", "--1", "1.2.3",
    ])
  func textsAsNumbers(_ text: String) throws {
    for type in [DataType.int, .bigint, .double] {
      let column = Column.from([.null, .string(text)], .string)
      let result = try #require(castColumn(column, from: .string, to: type))
      #expect(result.column.isNull(0))
      do throws(FunctionError) {
        let expected = try castValue(.string(text), from: .string, to: type)
        #expect(text == "-0" || result.column.value(1, type) == expected)
        #expect(!(result.errors?[1] ?? false))
      } catch {
        #expect(result.errors?[1] == true)
        #expect(result.message == error.message)
      }
    }
  }

  @Test func numbersAsTexts() throws {
    let numbers: [Int64] = [0, 1, -1, 9, 10, 99, 100, -100, .max, .min, 1_000_000_007]
    for type in [DataType.int, .bigint, .date, .timestamp] {
      let values = numbers.map { number -> Value in
        switch type {
        case .int: .int(Int32(truncatingIfNeeded: number))
        case .date: .date(Int32(truncatingIfNeeded: number))
        case .timestamp: .timestamp(number)
        default: .bigint(number)
        }
      }
      let result = try #require(
        castColumn(Column.from(values, type), from: type, to: .string))
      for (row, value) in values.enumerated() {
        #expect(result.column.value(row, .string) == .string(text(of: value, type)))
      }
    }
  }
}
