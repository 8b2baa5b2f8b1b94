// The catalogue of what the lexer and the parser complain about, in alphabetical order.
//
// The words of ksqlDB's own errors are kept where people and scripts may look for them.

import HeadraceFoundations

extension Diagnostic {
  static func columnListWithQuery(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "column-list-with-query",
      message: "a statement with AS SELECT takes its columns from the query", span: span,
      hint: "remove the column list")
  }

  static func digitIdentifier(_ text: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "digit-identifier", message: "identifier \"\(text)\" starts with a digit", span: span,
      hint: "write it in backquotes: `\(text)`")
  }

  static func emptyIdentifier(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "empty-identifier", message: "quoted identifier has no characters", span: span)
  }

  static func expressionTooLong(limit: Int, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "expression-too-long",
      message: "expression has more than \(limit) operators on one path", span: span,
      hint: "group parts of it with parentheses, or use IN")
  }

  static func integerOutOfRange(_ text: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "integer-out-of-range", message: "Invalid numeric literal: \(text)", span: span,
      detail: "a BIGINT holds -9223372036854775808 to 9223372036854775807",
      hint: "a DECIMAL literal ends with a point: \(text).")
  }

  static func invalidEncoding(at span: Span) -> Diagnostic {
    Diagnostic(id: "invalid-encoding", message: "text is not valid UTF-8", span: span)
  }

  /// `alias`: of the left side.
  static func joinWithoutCondition(alias: String?, at span: Span) -> Diagnostic {
    let joinWord = alias.flatMap { ["CROSS", "NATURAL"].contains($0) ? $0 : nil }
    return Diagnostic(
      id: "join-without-condition", message: "join has no ON condition", span: span,
      hint: joinWord.map { "\($0) before JOIN is read as an alias: there is no \($0) JOIN" }
        ?? "add ON left.column = right.column")
  }

  static func nestingTooDeep(limit: Int, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "nesting-too-deep", message: "statement is nested more than \(limit) levels deep",
      span: span)
  }

  static func numberOverflow(_ text: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "number-overflow", message: "Number overflows DOUBLE: \(text)", span: span)
  }

  /// Of a variable between no quotes, or of one that is to be a name and is empty.
  static func parameterValue(_ name: String, value: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "variable-value",
      message: value.isEmpty
        ? "the value of variable \"\(name)\" is empty"
        : "the value of variable \"\(name)\" is neither a number, TRUE, FALSE, NULL nor a plain name",
      span: span, detail: value.isEmpty ? nil : "its value is: \(value)",
      hint: "write :'\(name)' for a string"
        + (value.isEmpty ? "" : ", :\"\(name)\" for a quoted name"))
  }

  static func readOnlyWithQuery(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "read-only-with-query", message: "a SOURCE stream or table cannot be made by a query",
      span: span, hint: "remove SOURCE")
  }

  /// `followsComma`: and begins what stands behind a list.
  static func reservedKeyword(
    _ text: String, at position: SourceText.Position, span: Span, followsComma: Bool
  ) -> Diagnostic {
    Diagnostic(
      id: "reserved-keyword",
      message: "\"\(text)\" is a reserved keyword and it can't be used as an identifier",
      span: span, detail: syntaxErrorText(text, at: position),
      hint: followsComma
        ? "remove the comma before it" : "as a name, write it in backquotes: `\(text)`")
  }

  static func severalStatements(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "several-statements", message: "text holds more than one statement", span: span)
  }

  static func statementMissing(at span: Span) -> Diagnostic {
    Diagnostic(id: "statement-missing", message: "text holds no statement", span: span)
  }

  static func subqueryInExpression(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "subquery-in-expression", message: "a subquery stands in parentheses of its own",
      span: span, hint: "write (SELECT ...)")
  }

  static func syntaxError(
    _ text: String?, at position: SourceText.Position, span: Span, expected: [String],
    closest: String?
  ) -> Diagnostic {
    Diagnostic(
      id: "syntax-error", message: syntaxErrorText(text, at: position), span: span,
      detail: expectedText(expected), hint: closest.map(didYouMean))
  }

  static func textTooLong(bytesMax: Int) -> Diagnostic {
    Diagnostic(
      id: "text-too-long", message: "text is longer than \(bytesMax) bytes", span: .none,
      hint: "split it into several files")
  }

  static func tooManyJoins(limit: Int, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "too-many-joins", message: "FROM has more than \(limit) joins", span: span)
  }

  static func typeParameters(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "type-parameters", message: "type \"\(name)\" does not take parameters", span: span,
      hint: "only DECIMAL(precision, scale) does")
  }

  static func undefinedVariable(_ name: String, at span: Span, closest: String?) -> Diagnostic {
    Diagnostic(
      id: "undefined-variable", message: "variable \"\(name)\" is not defined", span: span,
      hint: closest.map(didYouMean) ?? "set it with DEFINE \(name) = '...'")
  }

  static func unexpectedCharacter(_ text: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "unexpected-character", message: "unexpected character \"\(text)\"", span: span,
      hint: text.utf8.allSatisfy { $0 < 0x80 }
        ? nil : "a name with letters beyond A to Z is written in backquotes")
  }

  static func unterminatedComment(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "unterminated-comment", message: "comment is not closed", span: span,
      hint: "close it with */")
  }

  static func unterminatedIdentifier(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "unterminated-identifier", message: "quoted identifier is not closed", span: span)
  }

  static func unterminatedString(at span: Span) -> Diagnostic {
    Diagnostic(
      id: "unterminated-string", message: "string is not closed", span: span,
      hint: "a quote inside a string is written twice")
  }

  static func variableValue(_ name: String, value: String, at span: Span) -> Diagnostic {
    Diagnostic(
      id: "variable-value",
      message: "the value of variable \"\(name)\" is neither an identifier nor a literal",
      span: span, detail: "its value is: \(value)")
  }

  private static func syntaxErrorText(_ text: String?, at position: SourceText.Position)
    -> String
  {
    let place = text.map { "or near \"\($0)\"" } ?? "the end of the statement"
    return "Syntax error at \(place) at line \(position.line):\(position.column)"
  }

  private static func expectedText(_ expected: [String]) -> String? {
    guard let last = expected.last, expected.count <= 9 else { return nil }
    if expected.count == 1 { return "Expecting \(last)" }
    return "Expecting \(expected.dropLast().joined(separator: ", ")) or \(last)"
  }
}
