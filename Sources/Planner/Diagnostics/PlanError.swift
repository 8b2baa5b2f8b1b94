// Diagnostics of planning: what is wrong with a statement that parses. The engine renders them with
// the statement's text; the identifiers are stable. Every message stands in a catalogue:
// PlanMessages here, EngineMessages in the engine.

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

/// `did you mean "X"?` for the nearest candidate, if one is near.
package func didYouMean(_ name: String, _ candidates: [String]) -> String? {
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
