// One session with an engine, wherever the engine runs: in this process (`LocalConnection`) or in a
// server that owns the data directory (`RemoteConnection`). The shell, scripts and the topic tools
// know only this.

public import HeadraceColumns
public import HeadraceTopics
public import HeadraceSyntax

/// Not safe for several threads at once, but `cancel` and `progress`, which any thread may call.
public protocol Connection: AnyObject, Sendable {
  /// Runs one statement; rows and messages go to `handler` on the calling thread.
  func execute(_ statement: SourceText, _ handler: any ResultHandler) throws(ServiceError)
  /// What a statement would do, and what is wrong with it, after those that were checked before; it
  /// is not run.
  func check(_ statement: SourceText) throws(ServiceError) -> [String]
  /// Another session with the same engine, which knows nothing of what this one has set.
  func sibling() throws(ServiceError) -> any Connection
  func define(_ name: String, _ value: String) throws(ServiceError)
  /// Ends the statement that is running.
  func cancel()
  /// Processes and commits all present input, and tells what was wrong with it.
  func finish() throws(ServiceError) -> RunSummary
  /// How far the statement at work and the queries have read; nil where nobody knows. Any thread
  /// may ask.
  func progress() -> StatementProgress?
  func names() throws(ServiceError) -> CatalogNames

  func topics() throws(ServiceError) -> [TopicDescription]
  /// The topic of that name, or of the source of that name.
  func resolveTopic(_ name: String) throws(ServiceError) -> TopicDescription
  func read(
    _ topic: String, _ partition: Int, from offset: Int64
  ) throws(ServiceError) -> TopicRead
  /// Returns when the records are as durable as the engine promises; each lies in its key's
  /// partition. With a mark, records that were taken before are acknowledged and not taken again.
  func append(
    _ topic: String, _ records: RawRecords, _ mark: ProducerMark?
  ) throws(ServiceError)
  /// An order for the keeper of the log: words in, lines out. See `LogAdministration`.
  func administer(_ words: [String]) throws(ServiceError) -> [String]
  /// Waits for a commit after `commit`, at most so long; returns the number of the last one.
  func waitForCommit(after commit: Int64, milliseconds: Int) throws(ServiceError) -> Int64
  func verify() throws(ServiceError) -> VerifyReport
  func close() throws(ServiceError)
}

/// What a batch run leaves to be told.
public struct RunSummary: Sendable, Hashable {
  /// Records of sources that could not be read, since the session began.
  public var badRecords = 0
  /// Lines of COPY that could not be read.
  public var badLines = 0
  /// Rows that queries could not take as they were, since the session began.
  public var faults = FaultCounts()
  /// `id: reason` of each failed query.
  public var failures: [String] = []
  /// One of the failures is a limit.
  public var isOverLimit = false
  /// `id ...` of each query that has input left and is paused or waits for something.
  public var unread: [String] = []
  /// The worst of it that the session's `headrace.fail.on` names.
  public var verdict = Verdict.clean

  public enum Verdict: UInt8, Sendable {
    case clean
    /// A query has failed.
    case failed
    /// Records, lines or rows were left out.
    case skipped
    /// A query that waits has input left.
    case behind
  }

  public init() {}
}

/// What completion can offer.
public struct CatalogNames: Sendable, Hashable {
  public struct Source: Sendable, Hashable {
    public var name: String
    public var columns: [String]

    public init(name: String, columns: [String]) {
      self.name = name
      self.columns = columns
    }
  }

  public var sources: [Source] = []
  public var functions: [String] = []
  public var topics: [String] = []
  public var queries: [String] = []
  /// Names that WITH knows.
  public var withProperties: [String] = []

  public init() {}
}
