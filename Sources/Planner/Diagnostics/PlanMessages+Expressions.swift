// The catalogue of what is wrong with an expression: its names, operands, types and calls; in
// alphabetical order.
//
// The words of ksqlDB's own errors are kept where people and scripts may look for them.

import HeadraceColumns
import HeadraceFoundations
package import HeadraceSyntax

extension PlanError {
  static func aggregateExpected(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-argument", "\(name) is not an aggregate function", at: span)
  }

  static func allNull(_ what: String, at span: Span) -> PlanError {
    PlanError(
      "all-null", "Cannot construct \(what)", at: span)
  }

  /// `cast`: a call with a cast that says which form is meant; `alternatives`: the forms, one a
  /// line.
  static func ambiguousCall(
    of function: String, with arguments: String, cast: String?, alternatives: String, at span: Span
  ) -> PlanError {
    let cast = cast.map { "; write \($0)" } ?? ""
    return PlanError(
      "ambiguous-call",
      "Function '\(function)' cannot be resolved due to ambiguous method parameters \(arguments).",
      at: span,
      hint: "more than one of its forms takes \(arguments) with implicit casts\(cast)\n"
        + "Valid alternatives are:\n\(alternatives)")
  }

  static func ambiguousColumn(_ name: String, options: [String], at span: Span) -> PlanError {
    PlanError(
      "ambiguous-column",
      "Column '\(name)' is ambiguous. Could be \(listed(options, conjunction: "or")).", at: span)
  }

  static func argumentRefused(by function: String, reason: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-argument", "Function '\(function)' \(reason)", at: span)
  }

  static func arithmeticOnNull(_ text: String, left: String, right: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-operand",
      "Error processing expression: \(text.replacing("NULL", with: "null")). Arithmetic on "
        + "types \(left) and \(right) are not supported.", at: span,
      hint: "CAST the NULL to the type that it should have")
  }

  static func arraySubscript(_ type: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-subscript", "an array is indexed by an integer, not by \(type)", at: span)
  }

  static func caseOfNulls(at span: Span) -> PlanError {
    PlanError(
      "invalid-case", "Invalid Case expression. All case branches have NULL type", at: span)
  }

  static func caseTypes(_ text: String, type: String, common: DataType, at span: Span) -> PlanError
  {
    PlanError(
      "invalid-case",
      "Invalid Case expression. Type for all 'THEN' clauses should be the same. "
        + "THEN expression '\(text)' has type: \(type). Previous THEN "
        + "expression(s) type: \(common).", at: span)
  }

  static func elementTypes(_ text: String, type: String, common: DataType, at span: Span)
    -> PlanError
  {
    PlanError(
      "type-mismatch", "operator does not exist: \(common) = \(type) (\(text))", at: span,
      hint: "Hint: You might need to add explicit type casts.")
  }

  static func emptyArray(at span: Span) -> PlanError {
    PlanError(
      "empty-array", "Array constructor cannot be empty. Please supply at least one element",
      at: span)
  }

  static func emptyMap(at span: Span) -> PlanError {
    PlanError(
      "empty-map", "Map constructor cannot be empty. Please supply at least one key value pair",
      at: span)
  }

  static func fieldOfNonStruct(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "not-a-struct", "Expected STRUCT type, got: \(type) for \(text)", at: span)
  }

  static func incomparable(
    left: String, leftType: DataType, right: String, rightType: DataType, op: String, at span: Span
  ) -> PlanError {
    PlanError(
      "incomparable",
      "Cannot compare \(left) (\(leftType)) to \(right) (\(rightType)) with "
        + "\(op).", at: span)
  }

  static func invalidCast(from: DataType, to target: DataType, at span: Span) -> PlanError {
    PlanError(
      "invalid-cast", "Cast of \(from) to \(target) is not supported", at: span)
  }

  static func invalidEscape(at span: Span) -> PlanError {
    PlanError(
      "invalid-escape", "Expected escape character to be a single character", at: span)
  }

  static func invalidNumber(_ digits: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-literal", "Invalid numeric literal: \(digits)", at: span)
  }

  static func invalidTime(_ text: String, type: DataType, at span: Span) -> PlanError {
    PlanError(
      "invalid-time", "cannot convert '\(text)' to \(type)", at: span)
  }

  static func lambdaParameterType(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-lambda", "the type of lambda parameter '\(name)' is not known", at: span)
  }

  static func lambdaResult(_ actual: DataType, expected: DataType, at span: Span) -> PlanError {
    PlanError(
      "invalid-lambda", "the lambda must give \(expected), not \(actual)", at: span)
  }

  static func likeOfNonString(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-operand",
      "The column type for Like condition must be VARCHAR. The column type is "
        + "\(type): \(text)", at: span)
  }

  static func mapSubscript(_ type: String, key: DataType, at span: Span) -> PlanError {
    PlanError(
      "invalid-subscript", "the map's keys are \(key), not \(type)", at: span)
  }

  static func misplacedAggregate(_ name: String, clause: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-aggregate",
      "\(clause) does not support aggregate functions: \(name) is an aggregate function.", at: span)
  }

  static func misplacedLambda(at span: Span) -> PlanError {
    PlanError(
      "misplaced-lambda", "a lambda may stand only as an argument", at: span)
  }

  static func misplacedTableFunction(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-table-function", "table function \(name) may stand only as an item of SELECT",
      at: span)
  }

  static func misplacedUnit(_ unit: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-unit", "a time unit may stand only as an argument: \(unit)", at: span)
  }

  static func noOverload(
    of function: String, with arguments: String, alternatives: String, at span: Span
  ) -> PlanError {
    PlanError(
      "no-overload", "Function '\(function)' does not accept parameters \(arguments).", at: span,
      hint: "Valid alternatives are:\n\(alternatives)")
  }

  static func notIndexable(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "not-indexable", "Subscript expression (\(text)) do not apply to \(type).", at: span)
  }

  static func nullComparison(left: String, op: String, right: String, at span: Span) -> PlanError {
    PlanError(
      "null-comparison", "Comparison with NULL not supported: \(left) \(op) \(right)", at: span)
  }

  static func numberOverflow(_ digits: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-literal", "Number overflows DOUBLE: \(digits)", at: span)
  }

  static func operandNotBoolean(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "not-boolean",
      "Unsupported type: should evaluate to boolean but is \(text) "
        + "(\(type)) instead.", at: span)
  }

  static func predicateNotBoolean(_ text: String, type: String, clause: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "not-boolean",
      "Type error in \(clause) expression: Should evaluate to boolean but is "
        + "\(text) (\(type)) instead.", at: span)
  }

  static func predicateTypes(_ text: String, type: String, common: DataType, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-predicate",
      "Invalid Predicate: operator does not exist: \(common) = "
        + "\(type) (\(text))", at: span, hint: "Hint: You might need to add explicit type casts.")
  }

  static func signOfNonNumber(_ text: String, type: String, isMinus: Bool, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-operand",
      "\(isMinus ? "Negation" : "Unary plus") requires a number, not "
        + "\(type): \(text)", at: span)
  }

  static func undefinedVariable(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "undefined-variable", "variable \"\(name)\" is not defined", at: span)
  }

  /// `isLikeString`: quoted as strings are in other languages.
  static func unknownColumn(
    _ name: String, clause: String, candidates: [String], hasNoSource: Bool = false,
    isLikeString: Bool = false, at span: Span
  ) -> PlanError {
    var hint = hasNoSource ? "the query has no FROM" : didYouMean(name, candidates)
    if isLikeString, hint == nil || hasNoSource {
      hint = "a string stands in single quotes: '\(name.replacing("'", with: "''"))'"
    }
    return PlanError(
      "unknown-column", "\(clause) column '\(name)' cannot be resolved.", at: span, hint: hint)
  }

  static func unknownField(_ name: String, of base: String, candidates: [String], at span: Span)
    -> PlanError
  {
    PlanError(
      "unknown-field", "Could not find field '\(name)' in '\(base)'.", at: span,
      hint: didYouMean(name, candidates))
  }

  package static func unknownFunction(
    _ name: String, candidates: [String], at span: Span
  ) -> PlanError {
    PlanError(
      "unknown-function", "Can't find any functions with the name '\(name)'", at: span,
      hint: didYouMean(name.uppercased(), candidates))
  }

  /// `field`: what stands behind the point, where the name is that of a column with fields.
  static func unknownQualifier(
    _ name: String, field: String? = nil, candidates: [String], hasNoSource: Bool = false,
    at span: Span
  ) -> PlanError {
    let joinWord = ["ASOF", "SEMI", "ANTI"].first { candidates.contains($0) }
    let other =
      hasNoSource
      ? "the query has no FROM"
      : joinWord.map { "\($0) before JOIN is read as an alias: there is no \($0) JOIN" }
        ?? didYouMean(name, candidates)
    return PlanError(
      "unknown-source", "'\(name)' is not a valid stream/table name or alias.", at: span,
      hint: field.map { "a field of column \(name) is written \(name)->\($0)" } ?? other)
  }

  static func unreadableCase(_ text: String, type: DataType, at span: Span) -> PlanError {
    PlanError(
      "invalid-case",
      "Invalid Case expression. Type for all 'THEN' clauses should be the same: "
        + "\(text) is no \(type)", at: span)
  }

  static func unreadableElement(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-literal", "invalid input syntax for type \(type): \"\(text)\".", at: span)
  }

  static func unreadablePredicate(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-predicate",
      "Invalid Predicate: invalid input syntax for type \(type): "
        + "\"\(text)\".", at: span)
  }

  static func unsupportedArithmetic(_ text: String, left: String, right: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-operand",
      "Error processing expression: \(text). Unsupported arithmetic "
        + "types. \(left) \(right)", at: span)
  }

  static func whenNotBoolean(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-case",
      "WHEN operand type should be boolean. Type for '\(text)' is "
        + "\(type)", at: span)
  }
}
