// Diagnostics of planning: what is wrong with a statement that parses. The engine renders them with
// the statement's text; the identifiers are stable.

import HeadraceFoundations
public import HeadraceSyntax

public struct PlanError: Error, Hashable, Sendable {
  /// Stable, kebab-case.
  public var id: String
  public var message: String
  public var span: Span
  public var hint: String?

  public init(_ id: String, _ message: String, at span: Span, hint: String? = nil) {
    self.id = id
    self.message = message
    self.span = span
    self.hint = hint
  }
}

extension PlanError {
  static func unknownSource(_ name: Identifier, candidates: [String]) -> PlanError {
    var hint = didYouMean(name.name, candidates)
    if let exact = candidates.first(where: { $0.uppercased() == name.name.uppercased() }) {
      hint =
        "Did you mean \"\(exact)\"? Hint: wrap the source name in double quotes to make it "
        + "case-sensitive."
    }
    return PlanError(
      "unknown-source", "source \"\(name.name)\" does not exist", at: name.span, hint: hint)
  }

  static func unknownColumn(
    _ clause: String, _ name: String, at span: Span, candidates: [String]
  ) -> PlanError {
    PlanError(
      "unknown-column", "\(clause) column '\(name)' cannot be resolved.", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unsupported(_ what: String, at span: Span) -> PlanError {
    PlanError("not-supported", "\(what) is not supported yet", at: span)
  }
}

/// `did you mean "X"?` for the nearest candidate, if one is near.
func didYouMean(_ name: String, _ candidates: [String]) -> String? {
  closestMatch(to: name, among: candidates).map { "did you mean \"\($0)\"?" }
}

extension Diagnostic {
  /// A message of several lines keeps the first; the others are its detail.
  public init(_ error: PlanError) {
    let lines = error.message.split(separator: "\n", maxSplits: 1).map(String.init)
    self.init(
      id: error.id, message: lines.first ?? "", span: error.span,
      detail: lines.count > 1 ? lines[1] : nil, hint: error.hint)
  }
}
