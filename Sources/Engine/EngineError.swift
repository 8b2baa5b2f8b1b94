// What the engine reports to whoever runs a statement.

public import HeadraceTopics
public import HeadraceSyntax

public enum EngineError: Error, Sendable {
  /// The statement is wrong; rendered with its text.
  case statement(StatementError)
  /// The log or a file failed.
  case storage(StorageError)
  /// A file or stream outside the log could not be read or written.
  case io(String)
  /// A limit was exceeded; the message names it and its setting.
  case limit(String)
  /// The user stopped the statement.
  case interrupted
  /// Another session stopped it; the message says so.
  case terminated(String)
}

/// Diagnostics with the text that they point into.
public struct StatementError: Error, Sendable {
  public var diagnostics: DiagnosticError
  public var source: SourceText

  /// With file, line, column and caret.
  public var rendered: String { diagnostics.rendered(in: source) }
}

extension DiagnosticError {
  func located(_ source: SourceText) -> StatementError {
    StatementError(diagnostics: self, source: source)
  }
}

extension EngineError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .statement(let error): return error.rendered
    case .storage(let error): return "\(error)"
    case .io(let message), .limit(let message), .terminated(let message): return message
    case .interrupted: return "interrupted"
    }
  }
}

extension EngineError {
  /// Without the text that it is located in.
  private var message: String {
    if case .statement(let error) = self {
      return error.diagnostics.diagnostics.first?.message ?? error.rendered
    }
    return "\(self)"
  }

  /// What is declared differently can neither go on nor be created again. `reason`: why it cannot
  /// go on; `other`: why it cannot be dropped.
  static func cannotReplace(_ reason: EngineError, _ other: EngineError) -> EngineError {
    .io("\(reason)\n  = nor can it be made anew: \(other.message)")
  }
}
