// Which expression a text is: precedence, grouping, and where parentheses come back.

import Testing

@testable import HeadraceSyntax

/// Operators in parentheses before their operands.
private func shape(_ expression: Expression) -> String {
  switch expression {
  case .unary(let node): "(\(node.op.rawValue) \(shape(node.operand)))"
  case .arithmetic(let node): "(\(node.op.rawValue) \(shape(node.left)) \(shape(node.right)))"
  case .concat(let node): "(|| \(shape(node.left)) \(shape(node.right)))"
  case .comparison(let node): "(\(node.op.rawValue) \(shape(node.left)) \(shape(node.right)))"
  case .logical(let node): "(\(node.op.rawValue) \(shape(node.left)) \(shape(node.right)))"
  case .not(let node): "(NOT \(shape(node.operand)))"
  case .between(let node):
    "(\(node.isNegated ? "NOT " : "")BETWEEN \(shape(node.operand)) \(shape(node.lower)) "
      + "\(shape(node.upper)))"
  case .like(let node):
    "(LIKE \(shape(node.operand)) \(shape(node.pattern)) \(node.escape?.value ?? "-"))"
  case .isNull(let node): "(\(node.isNegated ? "NOTNULL" : "NULL") \(shape(node.operand)))"
  case .field(let node): "(-> \(shape(node.base)) \(node.field.name))"
  case .element(let node): "([] \(shape(node.base)) \(shape(node.index)))"
  case .atTimeZone(let node): "(ZONE \(shape(node.operand)) \(node.zone.value))"
  default: Printer.print(expression)
  }
}

@Test func operatorsBindAsTheyShould() throws {
  let cases = [
    ("a + b * c", "(+ A (* B C))"),
    ("a - b - c", "(- (- A B) C)"),
    ("a - (b - c)", "(- A (- B C))"),
    ("a * b / c % d", "(% (/ (* A B) C) D)"),
    ("a || b + c || d", "(|| (|| A (+ B C)) D)"),
    ("-a * b", "(* (- A) B)"),
    ("-5 * b", "(* -5 B)"),
    ("a -5", "(- A 5)"),
    ("- -5", "(- -5)"),
    ("-(5)", "(- 5)"),
    ("+-+a", "(+ (- (+ A)))"),
    ("-a->b[1]", "(- ([] (-> A B) 1))"),
    ("a.b->c->d", "(-> (-> A.B C) D)"),
    ("-a AT TIME ZONE 'UTC'", "(- (ZONE A UTC))"),
    ("a = b || c", "(= A (|| B C))"),
    ("a < b AND c >= d OR e <> f", "(OR (AND (< A B) (>= C D)) (<> E F))"),
    ("a OR b AND c OR d", "(OR (OR A (AND B C)) D)"),
    ("NOT a = b AND c", "(AND (NOT (= A B)) C)"),
    ("NOT NOT a", "(NOT (NOT A))"),
    ("NOT (a AND b)", "(NOT (AND A B))"),
    ("a BETWEEN b AND c AND d", "(AND (BETWEEN A B C) D)"),
    ("a NOT BETWEEN 1 AND 2", "(NOT BETWEEN A 1 2)"),
    ("a LIKE 'x%' ESCAPE '!' OR b", "(OR (LIKE A 'x%' !) B)"),
    ("a IS NOT NULL", "(NOTNULL A)"),
    ("a IS DISTINCT FROM b + 1", "(IS DISTINCT FROM A (+ B 1))"),
    ("a IS NOT DISTINCT FROM NULL", "(IS NOT DISTINCT FROM A NULL)"),
    ("(a = b) = c", "(= (= A B) C)"),
    ("a != b", "(<> A B)"),
  ]
  for (text, expected) in cases {
    let expression = try Parser.parse(expression: SourceText(name: "e", text))
    #expect(shape(expression) == expected, "\(text)")
  }
}

@Test func expressionsPrintWithTheParenthesesTheyNeed() throws {
  let cases = [
    ("((a))", "A"),
    ("(a + b) * (c)", "(A + B) * C"),
    ("a - (b + c)", "A - (B + C)"),
    ("-(-a)", "- -A"),
    ("-(-5)", "- -5"),
    ("-(5)", "-(5)"),
    ("-(.5)", "-(.5)"),
    ("+(-5)", "+-5"),
    ("(a OR b) AND NOT (c AND d)", "(A OR B) AND NOT (C AND D)"),
    ("(NOT a) IS NULL", "(NOT A) IS NULL"),
    ("(a || b)[1]->`c`", "(A || B)[1]->`c`"),
    ("case x when 1 then 'a' else null end", "CASE X WHEN 1 THEN 'a' ELSE NULL END"),
    ("CASE WHEN a THEN 1.50 WHEN b THEN 1E3 END", "CASE WHEN A THEN 1.50 WHEN B THEN 1E3 END"),
    ("cast(a as array<decimal( 4 , 2 )>)", "CAST(A AS ARRAY<DECIMAL(4, 2)>)"),
    ("count( * )", "COUNT(*)"),
    ("count(distinct a)", "COUNT(DISTINCT A)"),
    ("f()", "F()"),
    ("reduce(a, 0, (s, x) => s + x)", "REDUCE(A, 0, (S, X) => S + X)"),
    ("transform(m, (k) => k, (k, v) => v)", "TRANSFORM(M, K => K, (K, V) => V)"),
    ("dateadd(days, 1, day)", "DATEADD(DAYS, 1, DAY)"),
    ("date '2020-01-01'", "DATE '2020-01-01'"),
    ("array[1, a][-1]", "ARRAY[1, A][-1]"),
    ("map('k' := 1, 'l' := 2)['k']", "MAP('k' := 1, 'l' := 2)['k']"),
    ("struct(f := 1, `g` := struct())", "STRUCT(F := 1, `g` := STRUCT())"),
    ("`array`", "`array`"),
    ("`ARRAY`[1]", "`ARRAY`[1]"),
    ("\"FROM\" || \"a`b\"", "`FROM` || `a``b`"),
    ("${v} + ${s}.a", "${V} + ${S}.A"),
    ("'it''s'", "'it''s'"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("true and FALSE", "TRUE AND FALSE"),
    ("x in (1, a = b)", "X IN (1, A = B)"),
  ]
  for (text, expected) in cases {
    let expression = try Parser.parse(expression: SourceText(name: "e", text))
    let printed = Printer.print(expression)
    #expect(printed == expected, "\(text)")
    #expect(try Parser.parse(expression: SourceText(name: "p", printed)) == expression)
  }
}

@Test func typesPrint() throws {
  let cases = [
    ("int", "INT"), ("VARCHAR(STRING)", "VARCHAR"), ("decimal(4,-2)", "DECIMAL(4, -2)"),
    ("int array array", "ARRAY<ARRAY<INT>>"),
    (
      "map<string, struct<a int, `b` my_type>>",
      "MAP<STRING, STRUCT<A INT, `b` MY_TYPE>>"
    ), ("struct<>", "STRUCT<>"),
    ("struct< >", "STRUCT<>"), ("`array`", "`array`"), ("`ARRAY`", "`ARRAY`"),
  ]
  for (text, expected) in cases {
    let type = try Parser.parse(type: SourceText(name: "t", text))
    #expect(Printer.print(type) == expected, "\(text)")
    #expect(try Parser.parse(type: SourceText(name: "p", expected)) == type)
  }
}

@Test func everyNodeKnowsItsPlace() throws {
  let text = "a + f(x, 'é') * (b[1]->c)"
  let source = SourceText(name: "e", text)
  guard case .arithmetic(let sum) = try Parser.parse(expression: source),
    case .arithmetic(let product) = sum.right
  else {
    Issue.record("not a sum")
    return
  }
  #expect(source.string(in: sum.span) == text)
  #expect(source.string(in: sum.operatorSpan) == "+")
  #expect(source.string(in: sum.left.span) == "a")
  #expect(source.string(in: product.left.span) == "f(x, 'é')")
  #expect(source.string(in: product.right.span) == "b[1]->c")
}
