// What a client of the engine is told when something fails: a kind, from which an exit status
// follows, and text for a person. It is the same whether the engine runs in this process or behind
// a socket.

public import HeadraceTopics
import HeadraceSyntax

public struct ServiceError: Error, Sendable, Hashable {
  public enum Kind: UInt8, Sendable {
    /// A statement is wrong or was refused.
    case statement = 1
    /// A file, a socket or an output could not be read or written.
    case io = 3
    /// A file holds something else than what was committed.
    case corruption = 4
    /// A limit was exceeded.
    case limit = 5
    /// Another process has the data directory.
    case inUse = 6
    /// A file that a statement names could not be read or written; the next statement may do
    /// better.
    case file = 7
    /// What has gone wrong came after the first rows of a result: it is not whole.
    case truncated = 8
    case interrupted = 130
  }

  /// What is wrong with a statement, for programs.
  public struct Diagnostic: Sendable, Hashable {
    public var severity: String
    public var id: String
    public var message: String
    public var file: String
    public var line: Int
    public var column: Int
    /// Behind the last character.
    public var endLine: Int
    public var endColumn: Int
    public var hint: String?
    /// As it is shown to people.
    public var text: String
  }

  public var kind: Kind
  public var text: String
  /// Empty where no statement is to blame.
  public var diagnostics: [Diagnostic] = []

  public init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }

  public init(_ error: EngineError) {
    switch error {
    case .statement(let error):
      let isLimit = error.diagnostics.diagnostics[0].isLimit
      self.init(isLimit ? .limit : .statement, error.rendered)
      diagnostics = error.diagnostics.diagnostics.map { Diagnostic($0, in: error.source) }
    case .storage(let error): self.init(error)
    case .io(let message): self.init(.file, "error: \(message)")
    case .limit(let message): self.init(.limit, "error: \(message)")
    case .interrupted: self.init(.interrupted, "interrupted")
    case .terminated(let message): self.init(.interrupted, "error: \(message)")
    }
  }

  public init(_ error: StorageError) {
    let text = "error: \(error)"
    switch error.kind {
    case .corruption, .unsupportedVersion: self.init(.corruption, text)
    case .tooLarge: self.init(.limit, text)
    case .locked: self.init(.inUse, text)
    case .io, .full, .poisoned, .closed, .notFound, .unsupportedCompression, .aborted, .fenced,
      .unreachable, .unauthorized:
      self.init(.io, text)
    case .topicExists, .topicUnknown, .partitionUnknown, .invalidName, .invalidArgument,
      .offsetOutOfRange, .conflict:
      self.init(.statement, text)
    }
  }
}

extension ServiceError.Diagnostic {
  fileprivate init(_ diagnostic: HeadraceSyntax.Diagnostic, in source: SourceText) {
    let (start, end) = diagnostic.place(in: source)
    self.init(
      severity: diagnostic.severity.rawValue, id: diagnostic.id, message: diagnostic.message,
      file: source.name, line: start.line, column: start.column, endLine: end.line,
      endColumn: end.column, hint: diagnostic.hint, text: diagnostic.rendered(in: source))
  }
}

extension ServiceError: CustomStringConvertible {
  public var description: String { text }
}

/// Runs what may fail in the engine for a client.
func serving<Result>(
  _ body: () throws(EngineError) -> Result
) throws(ServiceError) -> Result {
  do { return try body() } catch { throw ServiceError(error) }
}

func servingLog<Result>(
  _ body: () throws(StorageError) -> Result
) throws(ServiceError) -> Result {
  do { return try body() } catch { throw ServiceError(error) }
}
