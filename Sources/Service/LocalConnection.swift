// A session with an engine of this process.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics
import HeadracePlanner
public import HeadraceSyntax

public final class LocalConnection: Connection, @unchecked Sendable {
  // Unchecked: one thread at a time uses it; `cancel` touches only the atomic flag.
  public let engine: Engine
  public let session: Session
  private let loop: EngineLoop?
  private let ownsEngine: Bool
  private let badRecordsBefore: Int64
  private let faultsBefore: FaultCounts

  /// A batch session over an engine of its own: statements advance the epochs themselves.
  public static func batch(_ options: EngineOptions) throws(ServiceError) -> LocalConnection {
    var options = options
    options.restoresOnDemand = true
    let engine = try serving { [options] () throws(EngineError) in try Engine.open(options) }
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return LocalConnection(engine, session, loop: nil, ownsEngine: true)
  }

  /// An interactive session over an engine of its own, which goes on while the user types.
  public static func interactive(
    _ options: EngineOptions, onFailure: @escaping @Sendable (EngineError) -> Void
  ) throws(ServiceError) -> LocalConnection {
    let engine = try serving { () throws(EngineError) in try Engine.open(options) }
    let session = Session(engine: engine)
    session.isEngineDriven = true
    return LocalConnection(
      engine, session, loop: EngineLoop(engine, onFailure: onFailure), ownsEngine: true)
  }

  /// A session among others over a shared engine.
  init(sharing engine: Engine, isBatch: Bool) {
    self.engine = engine
    session = Session(engine: engine)
    session.endsAtIdle = isBatch
    session.isEngineDriven = !isBatch
    session.isShared = true
    loop = nil
    ownsEngine = false
    badRecordsBefore = engine.badRecordCount()
    faultsBefore = engine.faultCounts
  }

  private init(_ engine: Engine, _ session: Session, loop: EngineLoop?, ownsEngine: Bool) {
    self.engine = engine
    self.session = session
    self.loop = loop
    self.ownsEngine = ownsEngine
    badRecordsBefore = engine.badRecordCount()
    faultsBefore = engine.faultCounts
  }

  public func execute(
    _ statement: SourceText, _ handler: any ResultHandler
  ) throws(ServiceError) {
    session.cancellation.reset()
    try run(statement, handler)
  }

  /// As `execute`, but a `cancel` that came before counts.
  func run(_ statement: SourceText, _ handler: any ResultHandler) throws(ServiceError) {
    try serving { () throws(EngineError) in
      try session.execute(statement: statement, handler)
    }
  }

  public func check(_ statement: SourceText) throws(ServiceError) -> [String] {
    try serving { () throws(EngineError) in try session.check(statement) }
  }

  public func sibling() -> any Connection { LocalConnection(sharing: engine, isBatch: true) }

  public func define(_ name: String, _ value: String) { session.define(name, value) }
  public func cancel() { session.cancellation.cancel() }

  public func finish() throws(ServiceError) -> RunSummary {
    let cancellation = session.cancellation
    try serving { () throws(EngineError) in
      // Where others write too, there may never be an idle moment.
      if ownsEngine {
        try engine.runUntilIdle { cancellation.isCancelled }
      } else if session.hasChanged {
        try engine.catchUp { cancellation.isCancelled }
      }
    }
    while engine.advanceFollowers() {}
    if let failed = engine.followerFailures.first, ownsEngine {
      throw ServiceError(.io, "error: table \(failed.source) is not kept: \(failed.reason)")
    }
    var summary = RunSummary()
    summary.badRecords = Int(engine.badRecordCount() - badRecordsBefore)
    summary.badLines = session.badInputCount
    summary.failures = engine.queryFailures
    summary.isOverLimit = engine.isOverLimit
    summary.faults = engine.faultCounts - faultsBefore
    let counted =
      FailureSetting.parse(
        session.properties[FailureSetting.property] ?? FailureSetting.standard) ?? []
    let hasSkipped =
      counted.contains("records") && summary.badRecords + summary.badLines > 0
      || counted.contains("output") && summary.faults.output > 0
      || counted.contains("expressions") && summary.faults.expressions > 0
      || counted.contains("late") && summary.faults.late > 0
    let unread = engine.unread
    summary.unread = unread.map(\.text)
    if !summary.failures.isEmpty {
      summary.verdict = .failed
    } else if hasSkipped {
      summary.verdict = .skipped
    } else if counted.contains("lag"), unread.contains(where: \.isUnwanted) {
      summary.verdict = .behind
    }
    return summary
  }

  public func progress() -> StatementProgress? {
    var progress = session.progress.present
    progress.fraction = progress.fraction ?? engine.fractionRead
    progress.rows += engine.rowsRead
    return progress
  }

  public func names() -> CatalogNames { engine.names() }

  // MARK: - Topics

  public func topics() throws(ServiceError) -> [TopicDescription] {
    try servingLog { () throws(StorageError) in try engine.log.topics() }
  }

  private func topic(_ name: String) throws(ServiceError) -> TopicDescription? {
    try servingLog { () throws(StorageError) in try engine.log.topic(name) }
  }

  public func resolveTopic(_ name: String) throws(ServiceError) -> TopicDescription {
    if let topic = try topic(name) { return topic }
    let sources = engine.sources
    let source = sources.first { $0.name == name } ?? sources.first { $0.name == name.uppercased() }
    if let source {
      if let input = source.input {
        throw ServiceError(
          .statement, "error: \(source.name) reads a \(input.kind.noun) and has no topic")
      }
      if let topic = try topic(source.topic) { return topic }
    }
    let known = ((try? engine.log.outlines()) ?? []).filter { !$0.config.isInternal }.map(\.name)
    let hint = closestMatch(to: name, among: known + sources.map(\.name))
      .map { "; did you mean \"\($0)\"?" }
    throw ServiceError(
      .statement, "error: no topic or source is named \"\(name)\"\(hint ?? "")")
  }

  public func read(
    _ topic: String, _ partition: Int, from offset: Int64
  ) throws(ServiceError) -> TopicRead {
    try servingLog { () throws(StorageError) in
      try engine.log.read(topic, partition, from: offset, bytesMax: 512 << 10)
    }
  }

  public func append(
    _ topic: String, _ records: RawRecords, _ mark: ProducerMark?
  ) throws(ServiceError) {
    session.changedEngine()
    try serving { () throws(EngineError) in try engine.append(topic, records, mark) }
  }

  public func administer(_ words: [String]) throws(ServiceError) -> [String] {
    try LogAdministration.run(words, engine)
  }

  public func waitForCommit(after commit: Int64, milliseconds: Int) -> Int64 {
    let moment = engine.log.moment
    guard moment.commit <= commit else { return moment.commit }
    engine.log.wait(after: moment, milliseconds: milliseconds)
    return engine.log.moment.commit
  }

  public func verify() throws(ServiceError) -> VerifyReport {
    guard let upkeep = engine.log.upkeep else {
      throw ServiceError(.statement, "error: the topics are not kept in this data directory")
    }
    return try servingLog { () throws(StorageError) in try upkeep.verify() }
  }

  public func close() throws(ServiceError) {
    loop?.stop()
    guard ownsEngine else { return }
    let failure = loop?.failure
    try serving { () throws(EngineError) in try engine.close() }
    if let failure { throw ServiceError(failure) }
  }
}
