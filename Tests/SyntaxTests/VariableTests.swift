// Putting values in place of ${name}, :name, :'name' and :"name".

import HeadraceFoundations
import Testing

@testable import HeadraceSyntax

private let variables: [TextKey: String] = [
  "NAME": "orders", "TEXT": "'it''s'", "QUOTE": "it's", "MINUS": "-5", "BAD": "1; DROP TABLE t",
  "NESTED": "'${NAME}'", "DATE": "date", "YES": "TRUE", "NONE": "",
]

@Test func variablesAreReplaced() throws {
  let cases = [
    ("SELECT * FROM ${name}", "SELECT * FROM orders"),
    ("CREATE STREAM ${name}_2", "CREATE STREAM orders_2"),
    ("SELECT '${name}: ${quote}'", "SELECT 'orders: it''s'"),
    ("SELECT `${quote}`", "SELECT `it's`"),
    ("SELECT ${text}", "SELECT 'it''s'"),
    ("SELECT 1 -${minus}", "SELECT 1 - -5"),
    ("SELECT ${nested}", "SELECT '${NAME}'"),
    ("SELECT '${unknown} ${' -- ${name}", "SELECT '${unknown} ${' -- ${name}"),
    ("SELECT '$${name} $${nothing} $$${name}'", "SELECT '${name} ${nothing} $${name}'"),
    ("SELECT `$${quote}`, '$$', '$${'", "SELECT `${quote}`, '$$', '$${'"),
    ("SELECT 1", "SELECT 1"),
    ("SELECT :name FROM s", "SELECT orders FROM s"),
    ("SELECT :minus, 1-:minus", "SELECT -5, 1- -5"),
    ("SELECT :'quote' || :'bad'", "SELECT 'it''s' || '1; DROP TABLE t'"),
    ("SELECT :\"quote\"", "SELECT \"it's\""),
    ("SELECT :'text'", "SELECT '''it''''s'''"),
    ("SELECT :'nested', ':name' -- :name", "SELECT '''${NAME}''', ':name' -- :name"),
    ("SELECT \":name\"", "SELECT \":name\""),
    ("MAP('k':=:minus,'l' := :name)", "MAP('k':=-5,'l' := orders)"),
    ("SELECT :date, :yes", "SELECT \"DATE\", TRUE"),
    ("SELECT 'a':'name''b'", "SELECT 'a':'name''b'"),
    ("SELECT a::name, a:minus", "SELECT a::name, a -5"),
  ]
  for (text, expected) in cases {
    let result = try substituteVariables(in: SourceText(name: "t", text), variables)
    #expect(String(decoding: result.text, as: UTF8.self) == expected)
  }
}

@Test func wrongVariablesAreExplained() {
  let cases = [
    (
      "SELECT ${nmae}",
      """
      error[undefined-variable]: variable "nmae" is not defined
        --> t:1:8
      1 | SELECT ${nmae}
        |        ^^^^^^^ hint: did you mean "NAME"?
      """
    ),
    (
      "SELECT ${bad}",
      """
      error[variable-value]: the value of variable "bad" is neither an identifier nor a literal
        --> t:1:8
      1 | SELECT ${bad}
        |        ^^^^^^
        = its value is: 1; DROP TABLE t
      """
    ),
    (
      "SELECT :bad",
      """
      error[variable-value]: the value of variable "bad" is neither a number, TRUE, FALSE, NULL nor a plain name
        --> t:1:8
      1 | SELECT :bad
        |        ^^^^ hint: write :'bad' for a string, :"bad" for a quoted name
        = its value is: 1; DROP TABLE t
      """
    ),
    (
      "SELECT :\"none\"",
      """
      error[variable-value]: the value of variable "none" is empty
        --> t:1:8
      1 | SELECT :"none"
        |        ^^^^^^^ hint: write :'none' for a string
      """
    ),
    (
      "SELECT :'nmae'",
      """
      error[undefined-variable]: variable "nmae" is not defined
        --> t:1:8
      1 | SELECT :'nmae'
        |        ^^^^^^^ hint: did you mean "NAME"?
      """
    ),
  ]
  for (text, expected) in cases {
    let source = SourceText(name: "t", text)
    let error = #expect(throws: DiagnosticError.self) {
      try substituteVariables(in: source, variables)
    }
    #expect(error?.rendered(in: source) == expected)
  }
}
