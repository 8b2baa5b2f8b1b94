// A session: properties, variables, and the one door through which every statement goes, whether it
// was typed, stood in a script, or was submitted as a file.

import Glibc
import HeadraceColumns
import HeadraceExecutor
public import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner
import Synchronization
public import HeadraceSyntax

/// Tells a running statement to stop; set from a signal handler or another thread.
public final class Cancellation: Sendable {
  private let flag = Atomic<Bool>(false)
  public init() {}
  public func cancel() { flag.store(true, ordering: .relaxed) }
  public func reset() { flag.store(false, ordering: .relaxed) }
  public var isCancelled: Bool { flag.load(ordering: .relaxed) }
}

public final class Session {
  public let engine: Engine
  public private(set) var properties: [TextKey: String]
  /// Those that were set since the session began.
  private(set) var changedProperties: Set<TextKey> = []
  public private(set) var variables: [TextKey: String] = [:]
  public let cancellation = Cancellation()
  /// Of the pull query at work.
  let progress = ReadProgress()
  /// Set by batch runs: push queries end when all present input is processed.
  public var endsAtIdle = false
  /// Someone else advances the epochs (a serving engine); otherwise statements that read do it
  /// themselves.
  public var isEngineDriven = false
  /// Other sessions write to the same engine.
  var isShared = false
  /// What STDIN and STDOUT of COPY are: of the client, when the engine serves several.
  var standardInput: Int32 = 0
  var standardOutput: Int32 = 1
  /// Where relative paths of the client begin; nil: where this process works.
  var workingDirectory: String?
  /// Directories below which files may be read and written; nil: anywhere.
  public var roots: [String]?
  /// Names the queries of a submitted file.
  var queryPrefix: String?
  /// The effects of the submitted file that the session plans; nil: statements take effect at once.
  var draft: StatementDraft?
  /// What the statements that were checked and not run would have changed.
  var checked: StatementDraft?
  /// What a registry elsewhere has told of the statements that are planned.
  var dialogue: RegistryDialogue?
  var unseen = UnseenWrites()
  /// How others see the session, as in SHOW QUERIES.
  public var label = "pid \(getpid())"
  /// Of the pull query at work, where somebody asks for it.
  var profile: PlanProfile?
  /// Of the pull query that was answered last.
  var queryFaults = RowFaults()
  /// Pull queries so far.
  var answerCount = 0
  /// Something was written or defined, so that a batch run ends when it is processed.
  private(set) var hasChanged = false
  /// Lines of COPY that could not be read; a batch run's exit status tells of them.
  public internal(set) var badInputCount = 0
  /// Records that ASSERT VALUES has read, by topic and partition.
  var assertedOffsets: [TextKey: Int64] = [:]
  /// Depth of RUN SCRIPT.
  var scriptDepth = 0

  public init(engine: Engine) {
    self.engine = engine
    properties = engine.options.properties
    roots = engine.options.roots
  }

  public func define(_ name: String, _ value: String) { variables[name.uppercased()] = value }
  func undefine(_ name: String) { variables[name.uppercased()] = nil }
  /// nil: what the engine was opened with holds again.
  func set(_ name: String, _ value: String?) {
    let key = TextKey(name)
    properties[key] = value ?? engine.options.properties[key]
    if value == nil { changedProperties.remove(key) } else { changedProperties.insert(key) }
  }
  /// As SET does; nil: as UNSET.
  public func set(property name: String, to value: String?) { set(name, value) }

  /// Runs every statement of a script, in order; stops at the first error.
  /// Throws: the first error, located in `source`; what ran before it stays.
  public func execute(
    script source: SourceText, _ handler: any ResultHandler
  ) throws(EngineError) {
    for range in Self.statements(source) {
      try execute(statement: source.part(range), handler)
    }
  }

  /// The byte ranges of the statements of a script, the last of which may lack its semicolon.
  public static func statements(_ source: SourceText) -> [Range<Int>] {
    let split = Parser.split(source)
    var ranges = split.statements
    if split.pending != .nothing { ranges.append(split.rest) }
    return ranges
  }

  /// Runs one statement; its diagnostics are located in the text of `source`.
  public func execute(
    statement source: SourceText, _ handler: any ResultHandler
  ) throws(EngineError) {
    let substituted: SourceText
    let statement: Statement
    do {
      substituted = try substituteVariables(in: source, variables)
      statement = try Parser.parse(statement: substituted)
    } catch {
      throw .statement(error.located(source))
    }
    do throws(StatementFailure) {
      try run(statement, text: substituted, handler)
    } catch {
      switch error {
      case .plan(let error):
        throw .statement(DiagnosticError(Diagnostic(error)).located(substituted))
      case .engine(let error): throw error
      }
    }
  }

  /// Pull queries of this session wait for it.
  func wrote(_ ranges: [CommittedRange]) {
    unseen.add(ranges)
    hasChanged = true
  }

  /// As `wrote`, for what is not known record by record.
  func changedEngine() {
    unseen.hasDefinitions = true
    hasChanged = true
  }

  /// The catalog as the session's next statement finds it. Takes the engine's lock.
  var catalogNow: Catalog {
    draft?.definitions.catalog ?? engine.lock.withLock { engine.catalog }
  }

  func context() -> BindingContext {
    BindingContext(
      catalog: draft?.definitions.catalog ?? engine.catalog, properties: properties,
      registry: engine.options.registry)
  }
}

/// What can go wrong inside a statement.
enum StatementFailure: Error {
  case plan(PlanError)
  case engine(EngineError)

  static func storage(_ error: StorageError) -> StatementFailure { .engine(.storage(error)) }
}

/// Runs planning code, whose errors become failures of the statement.
func planning<Result>(
  _ body: () throws(PlanError) -> Result
) throws(StatementFailure) -> Result {
  do { return try body() } catch { throw .plan(error) }
}

func storing<Result>(
  _ body: () throws(StorageError) -> Result
) throws(StatementFailure) -> Result {
  do { return try body() } catch { throw .storage(error) }
}
