// A script that is handed in as a whole, known by its name and the hash of its text. What its
// statements change is one commit, with the note that it was done: after a crash or an error all of
// it is there, or nothing. Its queries run after that commit; handing the same text in again only
// repeats them.

import HeadraceFoundations
import HeadraceTopics
public import HeadraceSyntax

public final class Submission {
  public enum State: String, Sendable {
    case accepted = "ok"
    /// Nothing of it was executed.
    case refused
    /// Its effects are committed, and a statement that has none went wrong after that.
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
  static func identifier(_ name: String) -> String {
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
    var answer = Answer(state: .refused, statements: statements.count, hash: hash)
    var messages: [[String]] = []
    do throws(EngineError) {
      messages = try takeEffect(statements)
      answer.state = .failed
      for (index, text) in statements.enumerated() {
        if session.cancellation.isCancelled { throw .interrupted }
        for message in index < messages.count ? messages[index] : [] { handler.message(message) }
        let (statement, _) = try session.parse(text)
        if !statement.hasEffect { try session.execute(statement: text, handler) }
        answer.done = index + 1
      }
      answer.state = .accepted
    } catch {
      if case .interrupted = error { throw error }
      answer.error = ServiceError(error)
    }
    answer.queries = queries()
    return answer
  }

  /// Plans all statements and commits what they change, once. Returns what they answer; nothing
  /// where they took effect before.
  private func takeEffect(_ statements: [SourceText]) throws(EngineError) -> [[String]] {
    // A key of a conditional INSERT may be written meanwhile: the next look tells what its version
    // is now.
    try session.settled { () throws(EngineError) in try attempt(statements) }
  }

  /// nil: the file stands, and what it needs registered elsewhere is not registered yet.
  private func attempt(_ statements: [SourceText]) throws(EngineError) -> [[String]]? {
    try engine.lock.withLock { () throws(EngineError) in
      do throws(StatementFailure) { try engine.epochs.followOthers() } catch {
        throw error.located(source)
      }
      let record = engine.log.metadata(key: MetadataKey.submission(name)).map {
        MetadataRecord(bytes: $0)
      }
      let isKnown = record?["hash"] == hash
      // Earlier versions committed a statement at a time.
      let done = isKnown ? record?["done"].flatMap { Int($0) } ?? 0 : 0
      if isKnown, record?["copying"] == String(done) {
        throw .io("the server ended in the middle of a COPY; it is not repeated")
      }
      let trial = Session(engine: engine)
      trial.roots = roots
      trial.queryPrefix = session.queryPrefix
      trial.dialogue = session.dialogue
      let (draft, messages) = try trial.drafted(statements, skipping: done)
      guard session.dialogue?.isSettled ?? true else { return nil }
      // What stands before was done by a session of an earlier time.
      session.changedEngine()
      guard !draft.isEmpty || done < statements.count else { return [] }
      draft.add(
        EpochCommit.MetadataChange(
          key: MetadataKey.submission(name),
          value: MetadataRecord(["hash": hash, "done": String(statements.count)]).bytes))
      do throws(StatementFailure) {
        let result = try engine.epochs.commit(draft.changes, draft.epoch)
        session.wrote(result.ranges)
      } catch {
        throw error.located(source)
      }
      return messages
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

extension Session {
  /// Tries until there is an answer: again when a registry elsewhere has told what it was asked,
  /// and when another process has logged something first. `attempt`: nil: what it needs registered
  /// elsewhere is not registered yet.
  func settled<Answer>(
    _ attempt: () throws(EngineError) -> Answer?
  ) throws(EngineError) -> Answer {
    dialogue = newDialogue()
    defer { dialogue = nil }
    while true {
      if cancellation.isCancelled { throw .interrupted }
      do throws(EngineError) {
        if let answer = try attempt() { return answer }
        dialogue?.endTrial()
      } catch {
        if answersQuestion() { continue }
        guard case .storage(let fault) = error, fault.kind == .conflict else { throw error }
      }
    }
  }
}

extension MetadataKey {
  static func submission(_ name: String) -> [UInt8] { Array("submit/\(name)".utf8) }
}
