// Tokens and their places.

import Testing

@testable import HeadraceSyntax

/// Kinds as words and symbols, texts where they matter.
private func tokens(_ text: String) -> String {
  let source = SourceText(name: "t", text)
  return Lexer(source).tokens.dropLast().map { token in
    switch token.kind {
    case .word: (token.keyword == nil ? "name:" : "") + source.string(in: token.span)
    case .quotedIdentifier: "quoted:" + source.string(in: token.span)
    case .digitIdentifier: "digits:" + source.string(in: token.span)
    case .variable: "variable:" + source.string(in: token.span)
    case .stringLiteral: "string:" + source.string(in: token.span)
    case .integerLiteral: "integer:" + source.string(in: token.span)
    case .decimalLiteral: "decimal:" + source.string(in: token.span)
    case .floatingLiteral: "floating:" + source.string(in: token.span)
    case .invalid: "invalid:" + source.string(in: token.span)
    default: token.kind.rawValue
    }
  }.joined(separator: " ")
}

@Test func textIsCutIntoTokens() {
  let cases = [
    ("select Foo _a@1", "select name:Foo name:_a@1"),
    ("MILLISECONDS milliseconds1", "MILLISECONDS name:milliseconds1"),
    ("a_name_that_is_longer_than_16", "name:a_name_that_is_longer_than_16"),
    ("`a``b` \"c\"\"d\"", "quoted:`a``b` quoted:\"c\"\"d\""),
    ("'a''b' ''", "string:'a''b' string:''"),
    (
      "12 1.5 .5 1. 1e3 1.5E-2 .5e+1",
      "integer:12 decimal:1.5 decimal:.5 decimal:1. "
        + "floating:1e3 floating:1.5E-2 floating:.5e+1"
    ),
    ("1abc 1e 1e3x 1.5x", "digits:1abc digits:1e digits:1e3x decimal:1.5 name:x"),
    ("a.b a->b x=>y k:=v", "name:a . name:b name:a -> name:b name:x => name:y name:k := name:v"),
    ("<> != <= >= < > = || + - * / % ( ) [ ] , ;", "<> <> <= >= < > = || + - * / % ( ) [ ] , ;"),
    ("1-- c\n2 /* ; ' */ 3", "integer:1 integer:2 integer:3"),
    ("a--b", "name:a"),
    ("/**/ /***/ x", "name:x"),
    ("${v1} ${ v} $x", "variable:${v1} invalid:$ invalid:{ name:v invalid:} invalid:$ name:x"),
    ("a\u{0}b ! | :", "name:a invalid:\u{0} name:b invalid:! invalid:| invalid::"),
    ("naïve", "name:na invalid:ï name:ve"),
    ("'open", "invalid:'open"),
    ("\u{FEFF}a", "name:a"),
    ("", ""),
  ]
  for (text, expected) in cases { #expect(tokens(text) == expected, "\(text)") }
}

@Test func directivesAreKept() {
  let lexer = Lexer(SourceText(name: "t", "--@test: first\n-- no\nSELECT --@x\r\n1"))
  #expect(lexer.directives.map(\.text) == ["test: first", "x"])
  #expect(lexer.tokens.count == 3)
}

@Test func keywordsAreFoundAndSorted() {
  for keyword in Keyword.allCases {
    #expect(tokens(keyword.text) == keyword.text)
    #expect(tokens(keyword.text.lowercased()) == keyword.text.lowercased())
  }
  #expect(Keywords.all == Keywords.all.sorted())
  #expect(Keywords.reserved.contains("SELECT") && Keywords.reserved.contains("VIEW"))
  for name in ["ID", "EMIT", "ZONE", "ORDER", "COPY", "ADD"] {
    #expect(!Keywords.reserved.contains(name) && Keywords.all.contains(name))
  }
}

/// The words of set operations, subqueries, OVER and UNNEST are names as before, whatever else they may begin.
@Test(arguments: [
  "any", "cross", "except", "generate_series", "ignore", "intersect", "lateral", "ntile", "nulls",
  "ordinality", "over", "respect", "some", "union", "unnest",
])
func newWordsStayNames(word: String) {
  #expect(!Keywords.reserved.contains(word.uppercased()))
  for text in [
    "SELECT # FROM # WHERE # = #(1, #) AND #.# IN (#, 2)",
    "SELECT # AS #, # # FROM # # JOIN # AS a WITHIN 1 HOUR ON #.# = a.#",
    "SELECT #.*, #->#, #[#] FROM (SELECT # FROM #) # (#) GROUP BY #, # HAVING # > # (#)",
    "WITH # (#) AS (SELECT # FROM #) SELECT # FROM # # ORDER BY # LIMIT 1",
    "SELECT # FROM # # CROSS JOIN UNNEST(#) # (#)",
    "SELECT # FROM # # CROSS JOIN LATERAL (SELECT #) # (#), LATERAL (SELECT #) # JOIN # ON TRUE",
    "SELECT f(x) #, f(x) AS #, f(x) over FROM # ORDER BY f(#) NULLS LAST",
    "SELECT f(x) over EMIT CHANGES",
    "SELECT f(x) over UNION SELECT # FROM #",
    "SELECT f(#) OVER # AS #, g(# IGNORE NULLS) OVER (# ORDER BY #) FROM # WINDOW # AS (#), w AS ()",
    "SELECT DISTINCT ON (#) # FROM #(#) AS # (#)",
    "SELECT # # FROM # # EXCEPT (SELECT # # FROM # #) UNION VALUES (#)",
    "SELECT # FROM # WHERE # = ANY (SELECT # FROM #) AND # = ANY(#)",
    "CREATE STREAM # (# INT KEY, # STRING) WITH (#='x')",
    "INSERT INTO # (#, #) VALUES (#, 1)",
  ] {
    #expect(roundTrip(text.replacing("#", with: word)) != nil)
  }
}

@Test func positionsCountLinesAndScalars() {
  let source = SourceText(name: "t", "aé\r\nb\n", firstLine: 5, firstColumn: 3)
  let expected = [(5, 3), (5, 4), (5, 4), (5, 5), (5, 6), (6, 1), (6, 2), (7, 1), (7, 1)]
  for (offset, place) in expected.enumerated() where offset != 2 {
    let position = source.position(at: offset)
    #expect((position.line, position.column) == place, "offset \(offset)")
  }
  #expect(source.string(in: Span(source.lineRange(at: 1))) == "aé")
  let part = source.part(5..<6)
  #expect(part.position(at: 0) == source.position(at: 5))
}

@Test func textsAreSplitAtStatementEnds() {
  let cases: [(String, [String], StatementSplit.Pending)] = [
    ("", [], .nothing),
    ("  -- c;\n", [], .nothing),
    ("a; b;", ["a;", " b;"], .nothing),
    ("a;;b", ["a;"], .statement),
    ("SELECT ';", [], .quote),
    ("SELECT ';' ;/*", ["SELECT ';' ;"], .quote),
    ("x `;`; \"", ["x `;`;"], .quote),
  ]
  for (text, statements, pending) in cases {
    let source = SourceText(name: "t", text)
    let split = Parser.split(source)
    #expect(split.statements.map { source.string(in: Span($0)) } == statements, "\(text)")
    #expect(split.pending == pending, "\(text)")
  }
}
