// Nesting and length: at the limit all is well, one beyond it is a located error.

import Testing

@testable import HeadraceSyntax

private func repeated(_ text: String, _ count: Int) -> String {
  String(repeating: text, count: count)
}

private func ids(_ text: String, limits: ParserLimits = .standard) -> [String] {
  Parser.parse(script: SourceText(name: "t", text), limits: limits).diagnostics.map(\.id)
}

@Test func nestingIsBounded() {
  // How often each may be nested within SELECT ... FROM s, where statement, query and expression
  // count one level each.
  let cases: [(name: String, count: Int, text: (Int) -> String)] = [
    ("parentheses", 253, { "SELECT \(repeated("(", $0))a\(repeated(")", $0)) FROM s" }),
    ("signs", 253, { "SELECT \(repeated("- ", $0))a FROM s" }),
    ("not", 253, { "SELECT \(repeated("NOT ", $0))a FROM s" }),
    ("calls", 253, { "SELECT \(repeated("f(", $0))a\(repeated(")", $0)) FROM s" }),
    ("lambdas", 253, { "SELECT \(repeated("f(x => ", $0))a\(repeated(")", $0)) FROM s" }),
    ("subscripts", 253, { "SELECT \(repeated("a[", $0))a\(repeated("]", $0)) FROM s" }),
    ("arrays", 253, { "SELECT \(repeated("ARRAY[", $0))a\(repeated("]", $0)) FROM s" }),
    (
      "case", 253,
      { "SELECT \(repeated("CASE WHEN ", $0))a\(repeated(" THEN b END", $0)) FROM s" }
    ),
    (
      "types", 253,
      { "SELECT CAST(a AS \(repeated("ARRAY<", $0 - 1))INT\(repeated(">", $0 - 1))) FROM s" }
    ),
    ("type suffixes", 253, { "SELECT CAST(a AS INT \(repeated("ARRAY ", $0 - 1))) FROM s" }),
    (
      "derived tables", 253,
      { "SELECT \(0) FROM \(repeated("(SELECT 0 FROM ", $0))s\(repeated(")", $0))" }
    ),
    ("explain", 253, { "\(repeated("EXPLAIN ", $0))SELECT a FROM s" }),
  ]
  for (name, count, text) in cases {
    #expect(roundTrip(text(count)) != nil, "\(name)")
    #expect(ids(text(count + 1)) == ["nesting-too-deep"], "\(name)")
    #expect(ids(text(20_000)) == ["nesting-too-deep"], "\(name)")
  }
}

@Test func longChainsAreBounded() {
  let limits = ParserLimits.standard
  let chains: [(name: String, text: (Int) -> String)] = [
    ("sum", { "SELECT a\(repeated(" + a", $0)) FROM s" }),
    ("product", { "SELECT a\(repeated(" * a", $0)) FROM s" }),
    ("concat", { "SELECT a\(repeated(" || a", $0)) FROM s" }),
    ("and", { "SELECT a\(repeated(" AND a", $0)) FROM s" }),
    ("or", { "SELECT a\(repeated(" OR a", $0)) FROM s" }),
    ("fields", { "SELECT a\(repeated("->a", $0)) FROM s" }),
    ("subscripts", { "SELECT a\(repeated("[1]", $0)) FROM s" }),
    ("zones", { "SELECT a\(repeated(" AT TIME ZONE 'x'", $0)) FROM s" }),
  ]
  for (name, text) in chains {
    let statement = roundTrip(text(limits.heightMax - 1))
    #expect(statement != nil, "\(name)")
    #expect(statement.map { Set([$0, $0]).count } == 1, "\(name)")
    #expect(ids(text(limits.heightMax)) == ["expression-too-long"], "\(name)")
    #expect(ids(text(20_000)) == ["expression-too-long"], "\(name)")
  }
}

@Test func heightAddsUpOverNesting() {
  let sum = "a\(repeated(" + a", 400))"
  #expect(ids("SELECT (\(sum)) * (\(sum)) FROM s") == [])
  #expect(
    ids("SELECT ((\(sum)) * 1\(repeated(" + a", 400)) || a)\(repeated("->a", 300)) FROM s")
      == ["expression-too-long"])
}

@Test func listsAreNotBounded() {
  let many = 20_000
  for text in [
    "SELECT a\(repeated(", a", many)) FROM s",
    "SELECT 1 FROM s WHERE a IN (1\(repeated(",1", many)))",
    "INSERT INTO s VALUES (1)\(repeated(", (1)", many))",
    "SELECT 1 FROM s\(repeated(" UNION ALL SELECT 1 FROM s", many))",
  ] {
    #expect(ids(text) == [])
  }
}

@Test func joinsAreBounded() {
  let text = { (count: Int) in "SELECT * FROM s\(repeated(" JOIN s ON x", count))" }
  #expect(ids(text(256)) == [])
  #expect(ids(text(257)) == ["too-many-joins"])
}

@Test func textIsBounded() {
  var limits = ParserLimits.standard
  limits.textBytesMax = 20
  #expect(ids("SELECT * FROM s23456", limits: limits) == [])
  #expect(ids("SELECT * FROM s234567", limits: limits) == ["text-too-long"])
}

@Test func positionsOfDepthErrorsAreExact() {
  let source = SourceText(name: "t", "SELECT \(repeated("(", 300))a FROM s")
  let diagnostic = Parser.parse(script: source).diagnostics.first
  #expect(diagnostic?.message == "statement is nested more than 256 levels deep")
  #expect(diagnostic?.span.range.lowerBound == "SELECT ".utf8.count + 254)
}
