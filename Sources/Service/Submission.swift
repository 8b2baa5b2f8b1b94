// A script that is handed in as a whole: checked before its first effect, known by its name and the hash of
// its text, and never executed twice. With the commit of each statement goes how far the script has come, so
// that after a crash it goes on exactly there; handing the same text in again only repeats its queries.

import HeadraceFoundations
import HeadraceTopics
public import HeadraceSyntax

public final class Submission {
  public enum State: String, Sendable {
    case accepted = "ok"
    /// Nothing of it was executed.
    case refused
    /// What stands before the statement in question was executed.
    case failed
  }

  public struct Answer: Sendable {
    public var state: State
    public var error: ServiceError?
    public var statements = 0
    /// Statements that are done, now or before.
    public var done = 0
    public var queries: [String] = []
    public var hash = ""
  }

  private let engine: Engine
  private let name: String
  private let source: SourceText
  private let roots: [String]?
  private let session: Session
  private let hash: String

  /// `name` names its queries; `roots`: where it may read and write files, nil: anywhere.
  public init(_ engine: Engine, name: String, source: SourceText, roots: [String]?) {
    self.engine = engine
    self.name = name
    self.source = source
    self.roots = roots
    hash = SHA256.hash(source.text)
    session = Session(engine: engine)
    session.isEngineDriven = true
    session.roots = roots
    session.queryPrefix = Self.identifier(name)
  }

  /// A name as the ids of queries may have it.
  private static func identifier(_ name: String) -> String {
    let text = String(
      name.uppercased().map { character in
        character.isASCII && (character.isLetter || character.isNumber) ? character : "_"
      })
    return text.first?.isNumber ?? true ? "Q_" + text : text
  }

  public var cancellation: Cancellation { session.cancellation }

  /// Throws only when it was cancelled; then it may be run again.
  public func run(_ handler: any ResultHandler) throws(EngineError) -> Answer {
    let statements = Session.statements(source).map { source.part($0) }
    var answer = Answer(state: .accepted, statements: statements.count, hash: hash)
    let record = engine.log.metadata(key: MetadataKey.submission(name)).map {
      MetadataRecord(bytes: $0)
    }
    if record?["hash"] == hash { answer.done = record?["done"].flatMap { Int($0) } ?? 0 }
    answer.state = .refused
    do throws(EngineError) {
      try check(statements, done: answer.done)
      if record?["copying"] == String(answer.done), record?["hash"] == hash {
        throw .io("the server ended in the middle of a COPY; it is not repeated")
      }
      answer.state = .failed
      // What stands before was done by a session of an earlier time.
      if answer.done > 0 { session.changedEngine() }
      for (index, text) in statements.enumerated() {
        try execute(text, index, done: answer.done, handler)
        answer.done = max(answer.done, index + 1)
      }
      answer.state = .accepted
    } catch {
      if case .interrupted = error { throw error }
      answer.error = ServiceError(error)
    }
    answer.queries = queries()
    return answer
  }

  private func check(_ statements: [SourceText], done: Int) throws(EngineError) {
    let trial = Session(engine: engine)
    trial.roots = roots
    try trial.validate(statements, skipping: done)
  }

  private func execute(
    _ text: SourceText, _ index: Int, done: Int, _ handler: any ResultHandler
  ) throws(EngineError) {
    if session.cancellation.isCancelled { throw .interrupted }
    let (statement, _) = try session.parse(text)
    if statement.hasEffect, index < done { return }
    defer { session.attachedChange = nil }
    if case .copyFrom = statement {
      try commit(progress(index, isCopying: true))
      try session.execute(statement: text, handler)
      try commit(progress(index + 1))
      return
    }
    if statement.hasEffect { session.attachedChange = progress(index + 1) }
    try session.execute(statement: text, handler)
  }

  private func progress(_ done: Int, isCopying: Bool = false) -> EpochCommit.MetadataChange {
    var fields: [TextKey: String] = ["hash": hash, "done": String(done)]
    if isCopying { fields["copying"] = String(done) }
    return EpochCommit.MetadataChange(
      key: MetadataKey.submission(name), value: MetadataRecord(fields).bytes)
  }

  private func commit(_ change: EpochCommit.MetadataChange) throws(EngineError) {
    do {
      try engine.lock.withLock { () throws(StorageError) in
        engine.epoch += 1
        _ = try engine.log.commit(EpochCommit(epoch: engine.epoch, metadata: [change]))
      }
    } catch {
      throw .storage(error)
    }
  }

  /// Ids of the queries that bear this name.
  private func queries() -> [String] {
    let prefix = Self.identifier(name) + "_"
    return engine.queryStatus.map(\.id).filter {
      $0.hasPrefix(prefix) && Int($0.dropFirst(prefix.utf8.count)) != nil
    }
  }
}

extension MetadataKey {
  static func submission(_ name: String) -> [UInt8] { Array("submit/\(name)".utf8) }
}

extension Session {
  /// The id of a new query: after the submitted file that it stands in, else the engine's own.
  func queryID(_ standard: String) -> String {
    guard let queryPrefix else { return standard }
    var number = 0
    while engine.query("\(queryPrefix)_\(number)") != nil { number += 1 }
    return "\(queryPrefix)_\(number)"
  }
}
