// What is wrong with a statement, and where: the one kind of error that users' statements cause.
//
// Every stage that reads statements makes these; `Diagnostic+Rendering` shows them. An id is
// part of the interface: once published it keeps its meaning.

import HeadraceFoundations

public struct Diagnostic: Hashable, Sendable {
  public enum Severity: String, Hashable, Sendable {
    case error
    case warning
    case note
  }

  /// A further place that matters, with a word on it.
  public struct Label: Hashable, Sendable {
    public var span: Span
    public var text: String

    public init(_ span: Span, _ text: String) {
      self.span = span
      self.text = text
    }
  }

  /// Stable, in kebab case: `unknown-column`.
  public var id: String
  public var severity: Severity
  /// Without a full stop; says what kind of object it is about and quotes its name.
  public var message: String
  public var span: Span
  public var labels: [Label]
  /// More about the cause.
  public var detail: String?
  /// What to do about it: `did you mean "pageid"?`
  public var hint: String?

  public init(
    id: String, severity: Severity = .error, message: String, span: Span, labels: [Label] = [],
    detail: String? = nil, hint: String? = nil
  ) {
    self.id = id
    self.severity = severity
    self.message = message
    self.span = span
    self.labels = labels
    self.detail = detail
    self.hint = hint
  }
}

extension Diagnostic {
  /// Ids that say that a statement is right but larger than a bound: see `Docs/Limits.md`.
  private static let limits: Set<String> = [
    "expression-too-long", "nesting-too-deep", "text-too-long", "too-many-columns",
    "too-many-joins",
    "too-many-partitions", "too-many-queries", "too-many-sources", "too-many-windows",
    "type-too-deep", "type-too-large",
  ]

  public var isLimit: Bool { Self.limits.contains(id) }
}

/// One or more diagnostics, thrown.
public struct DiagnosticError: Error, Hashable, Sendable {
  /// Never empty.
  public var diagnostics: [Diagnostic]

  public init(_ diagnostic: Diagnostic) { diagnostics = [diagnostic] }

  public init(_ diagnostics: [Diagnostic]) {
    precondition(!diagnostics.isEmpty, "a diagnostic error needs a diagnostic")
    self.diagnostics = diagnostics
  }

  /// Every diagnostic rendered, one after the other.
  public func rendered(in source: SourceText) -> String {
    diagnostics.map { $0.rendered(in: source) }.joined(separator: "\n")
  }
}

extension DiagnosticError: CustomStringConvertible {
  public var description: String {
    diagnostics.map { "\($0.severity.rawValue)[\($0.id)]: \($0.message)" }
      .joined(separator: "\n")
  }
}
