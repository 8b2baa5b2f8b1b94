// The example of every scalar function gives what its documentation says.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax
import Testing

/// The value of a constant expression, as the planner and the executor compute it; nil: it failed.
func evaluate(
  _ text: String, _ functions: FunctionRegistry = .builtin
) throws -> (value: Value, type: DataType)? {
  let expression = try Parser.parse(expression: SourceText(name: "example", text))
  let context = BindingContext(catalog: Catalog(functions: functions), properties: [:])
  let bound = try ConstantBinder(context: context).bind(expression)
  let evaluator = Evaluator(functions: functions, columns: [])
  let batch = RecordBatch(
    columns: [], rowtimes: [0], positions: Positions(major: [0], minor: [0]))
  let (value, failed) = evaluator.value(bound.expression, batch, clockMs: 0)
  return failed ? nil : (value, bound.expression.type)
}

/// The text of an expression's value, or "error".
func shown(_ expression: String) -> String {
  do {
    guard let (value, type) = try evaluate(expression) else { return "error" }
    return text(of: value, type)
  } catch let error as PlanError {
    return "refused: \(error.message)"
  } catch {
    return "refused: \(error)"
  }
}

@Suite struct ExampleTests {
  @Test(
    arguments: FunctionRegistry.builtin.scalars.values.sorted { $0.name < $1.name }.map(\.name))
  func example(_ name: String) throws {
    let function = try #require(FunctionRegistry.builtin.scalars[name])
    guard let example = function.example else {
      #expect(["RANDOM", "UUID"].contains(name), "\(name) has no example")
      return
    }
    #expect(shown(example.expression) == example.result, "\(example.expression)")
  }

  /// Rules that one example does not show.
  @Test(
    arguments: [
      ("SUBSTRING('stream', -3)", "eam"), ("SUBSTRING('stream', 0, 2)", "st"),
      ("SUBSTRING('h\u{1F600}llo', 2, 2)", "\u{1F600}"), ("LEN('\u{1F600}')", "2"),
      ("INSTR('banana', 'a', -2)", "4"), ("INSTR('banana', 'a', 3, 2)", "6"),
      ("ROUND(-1.5E0)", "-1"), ("ROUND(2.5E0)", "3"), ("ROUND(-1.55, 1)", "-1.50"),
      ("ROUND(1234.5E0, -2)", "1200.0"), ("CEIL(-0.5)", "0.0"), ("LOG(1, 5)", "NaN"),
      ("REPLACE('abc', '', '-')", "-a-b-c-"), ("SPLIT('', ',')", "[]"),
      ("SPLIT('abc', '')", "[a, b, c]"), ("LPAD('abc', 2, '-')", "ab"),
      ("CONCAT_WS('-', NULL, 'a')", "a"), ("ELT(3, 'a', 'b')", "null"),
      ("GENERATE_SERIES(3, 1)", "[3, 2, 1]"), ("GENERATE_SERIES(1, 2, -1)", "error"),
      ("GENERATE_SERIES(0, 2147483647)", "error"), ("SLICE(ARRAY[1, 2], 3, 4)", "null"),
      ("ARRAY_SORT(ARRAY[2, NULL, 1])", "[1, 2, null]"),
      ("COALESCE(PARSE_DATE('x', 'yyyy'), FROM_DAYS(0))", "1970-01-01"),
      ("EXTRACTJSONFIELD('{\"a\": null}', '$.a')", "null"),
      ("EXTRACTJSONFIELD('no json', '$.a')", "error"),
      ("JSON_RECORDS('{\"a\": [1.50, {\"b\": 2}]}')['a']", "[1.50,{\"b\":2}]"),
      ("REGEXP_SPLIT_TO_ARRAY('abc', '')", "[a, b, c]"),
      ("REGEXP_EXTRACT('(a)|(b)', 'xb', 1)", "null"),
      ("REGEXP_EXTRACT_ALL('(a)|(b)', 'ab', 2)", "[null, b]"),
      ("REGEXP_REPLACE('ab', '(a)|(b)', '<$1>')", "<a><>"),
      ("REGEXP_EXTRACT('(a+)+$', '\(String(repeating: "a", count: 40))b')", "error"),
      ("REGEXP_REPLACE('abc', '(b)', '[$1\\$]')", "a[b$]c"),
      ("REGEXP_REPLACE('abc', 'b', '$7')", "error"), ("REGEXP_EXTRACT('(', 'a')", "error"),
      ("CONVERT_TZ(FROM_UNIXTIME(0), 'Mars/Base', 'UTC')", "error"),
      ("DATEADD(MONTHS, 1, PARSE_DATE('2024-01-31', 'yyyy-MM-dd'))", "2024-02-29"),
      ("TIMESTAMPADD(YEARS, -1, FROM_UNIXTIME(0))", "1969-01-01T00:00:00.000"),
      ("URL_DECODE_PARAM('%4')", "error"), ("URL_EXTRACT_PATH('http://a b')", "error"),
      ("MASK('My 1st', NULL, '*', '#', NULL)", "M* #**"), ("CHR(-1)", "null"),
      ("ENCODE('x''5''', 'hex', 'utf8')", "error"),
      ("ABS(-9223372036854775807)", "9223372036854775807"),
    ])
  func rule(_ expression: String, _ result: String) {
    #expect(shown(expression) == result, "\(expression)")
  }

  @Test func refusals() {
    for (expression, words) in [
      ("GREATEST()", "Function 'greatest' does not accept parameters ()."),
      ("GREATEST(NULL, NULL)", "cannot be resolved due to ambiguous method parameters"),
      ("LEN(5)", "Function 'len' does not accept parameters (INTEGER)."),
      ("NO_SUCH('a')", "Can't find any functions with the name 'NO_SUCH'"),
    ] {
      #expect(shown(expression).contains(words), "\(expression): \(shown(expression))")
    }
  }

  @Test func kindsOfDocumentation() {
    let registry = FunctionRegistry.builtin
    for function in registry.scalars.values {
      #expect(!function.doc.isEmpty && !function.overloads.isEmpty, "\(function.name)")
    }
    #expect(registry.names.count >= 140)
  }
}
