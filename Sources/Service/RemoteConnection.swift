// A session with the server that owns a data directory. When the server is started again, the
// session goes on: what it has set is set again, and what the server cannot have done is asked of
// it once more.

public import HeadraceColumns
import HeadraceFoundations
import Glibc
import Synchronization
public import HeadraceTopics
public import HeadraceSyntax

public final class RemoteConnection: Connection, @unchecked Sendable {
  // Unchecked: one thread at a time makes requests; `cancel` only sends, which is safe from any
  // thread.
  private let link: Monitor<SocketChannel>
  private let directory: String
  private let isBatch: Bool
  private var memory = SessionMemory()
  /// The user has asked for the end of the statement.
  private let isCancelled = Atomic(false)
  /// Is told when the server has gone and is there again.
  public var notice: (String) -> Void = { _ in }

  private var channel: SocketChannel { link.withLock { $0 } }

  /// nil when no server answers in that directory.
  public static func attach(
    directory: String, isBatch: Bool
  ) throws(ServiceError) -> RemoteConnection? {
    guard let descriptor = SocketAddress.connect(directory) else { return nil }
    let connection = RemoteConnection(SocketChannel(descriptor), directory, isBatch: isBatch)
    try connection.greet()
    return connection
  }

  private init(_ channel: SocketChannel, _ directory: String, isBatch: Bool) {
    link = Monitor(channel)
    self.directory = directory
    self.isBatch = isBatch
  }

  private func greet() throws(ServiceError) {
    var writer = WireWriter()
    writer.put(Wire.version)
    writer.put(isBatch)
    writer.put(try Self.workingDirectory())
    guard channel.send(.hello, writer.bytes, descriptors: [0, 1]) else { throw Self.gone }
    _ = try answer(nil, until: .welcome)
  }

  private static func workingDirectory() throws(ServiceError) -> String {
    guard let path = getcwd(nil, 0) else {
      throw ServiceError(.io, "error: the working directory is gone")
    }
    defer { free(path) }
    return String(cString: path)
  }

  private static let gone = ServiceError(.io, "error: the server has gone")
  private static let malformed = ServiceError(.io, "error: the server's answer is malformed")

  // MARK: - A server that is started again

  /// How long a server that has gone is waited for.
  private static let patience = Duration.seconds(5)
  private static let pauseMicroseconds: UInt32 = 50_000

  /// False: no server is there in time.
  private func reconnect() throws(ServiceError) -> Bool {
    let deadline = ContinuousClock.now + Self.patience
    repeat {
      if isCancelled.load(ordering: .relaxed) { return false }
      guard let descriptor = SocketAddress.connect(directory) else {
        usleep(Self.pauseMicroseconds)
        continue
      }
      link.withLock { $0 = SocketChannel(descriptor) }
      do throws(ServiceError) {
        try greet()
      } catch {
        if error.text == Self.gone.text { continue }
        throw error
      }
      for (kind, payload) in memory.requests {
        guard channel.send(kind, payload) else { throw Self.gone }
        _ = try answer(nil, until: .done)
      }
      return true
    } while ContinuousClock.now < deadline
    return false
  }

  // MARK: - Requests

  /// `isRepeatable`: it changes nothing, or twice what once.
  private func request(
    _ kind: FrameKind, _ writer: WireWriter = WireWriter(), _ handler: (any ResultHandler)? = nil,
    isRepeatable: Bool = false, lost: String = "error: it is not known whether this was done"
  ) throws(ServiceError) -> WireReader {
    isCancelled.store(false, ordering: .relaxed)
    guard writer.bytes.count < Wire.frameBytesMax else {
      throw ServiceError(
        .limit, "error: more than \(Wire.frameBytesMax >> 20) MiB in one request")
    }
    // What could not be sent the server has not read.
    let isSent = channel.send(kind, writer.bytes)
    do throws(ServiceError) {
      guard isSent else { throw Self.gone }
      return WireReader(try answer(handler, until: .done))
    } catch {
      guard error.text == Self.gone.text, try reconnect() else { throw error }
      notice("the server was started again; connected again")
      guard !isSent || isRepeatable else { throw ServiceError(.statement, lost) }
      guard channel.send(kind, writer.bytes) else { throw Self.gone }
      return WireReader(try answer(handler, until: .done))
    }
  }

  /// Hands rows on until the request is answered.
  private func answer(
    _ handler: (any ResultHandler)?, until last: FrameKind
  ) throws(ServiceError) -> [UInt8] {
    var width = 0
    var isWanted = true
    while let frame = channel.receive() {
      if frame.kind == last { return frame.payload }
      var reader = WireReader(frame.payload)
      switch frame.kind {
      case .message:
        let text = try read { () throws(WireError) in try reader.text() }
        handler?.message(text)
      case .waits:
        let text = try read { () throws(WireError) in try reader.text() }
        handler?.waits(text)
      case .columns:
        let columns = try read { () throws(WireError) in try reader.columns() }
        width = columns.count
        handler?.begin(columns)
      case .rows:
        let rows = try read { () throws(WireError) in try reader.rows(width: width) }
        if isWanted, let handler, !handler.rows(rows) {
          isWanted = false
          channel.send(.cancel)
        }
        channel.send(.credit)
      case .end:
        let note = try read { () throws(WireError) in try reader.text() }
        handler?.end(note.isEmpty ? nil : note)
      case .failed:
        let error = try read { () throws(WireError) in try reader.error() }
        // We asked for the end ourselves: the caller has had enough, which is no failure.
        if !isWanted, error.kind == .interrupted, !isCancelled.load(ordering: .relaxed) {
          return []
        }
        throw error
      case .hello, .execute, .define, .finish, .names, .topics, .resolve, .read, .append, .wait,
        .verify, .administer, .check, .cancel, .credit, .welcome, .done:
        throw Self.malformed
      }
    }
    throw Self.gone
  }

  private func read<Result>(
    _ body: () throws(WireError) -> Result
  ) throws(ServiceError) -> Result {
    do { return try body() } catch { throw Self.malformed }
  }

  // MARK: - Statements

  public func execute(
    _ statement: SourceText, _ handler: any ResultHandler
  ) throws(ServiceError) {
    var writer = WireWriter()
    writer.put(statement)
    _ = try request(
      .execute, writer, handler,
      lost: "error: it is not known whether the statement was done; the rows of a query end here")
    memory.note(statement, writer.bytes)
  }

  public func sibling() throws(ServiceError) -> any Connection {
    guard let other = try Self.attach(directory: directory, isBatch: true) else { throw Self.gone }
    return other
  }

  public func check(_ statement: SourceText) throws(ServiceError) -> [String] {
    isCancelled.store(false, ordering: .relaxed)
    var writer = WireWriter()
    writer.put(statement)
    var reader = try request(.check, writer)
    return try read { () throws(WireError) in try reader.texts() }
  }

  public func define(_ name: String, _ value: String) throws(ServiceError) {
    var writer = WireWriter()
    writer.put(name)
    writer.put(value)
    _ = try request(.define, writer, isRepeatable: true)
    memory.note(.variable(name), .define, writer.bytes)
  }

  public func cancel() {
    isCancelled.store(true, ordering: .relaxed)
    channel.send(.cancel)
  }

  public func finish() throws(ServiceError) -> RunSummary {
    var reader = try request(.finish)
    return try read { () throws(WireError) in try reader.summary() }
  }

  public func progress() -> StatementProgress? { nil }

  public func names() throws(ServiceError) -> CatalogNames {
    var reader = try request(.names, isRepeatable: true)
    return try read { () throws(WireError) in try reader.names() }
  }

  // MARK: - Topics

  public func topics() throws(ServiceError) -> [TopicDescription] {
    var reader = try request(.topics, isRepeatable: true)
    return try read { () throws(WireError) in
      var topics: [TopicDescription] = []
      for _ in 0..<(try reader.count()) { topics.append(try reader.topic()) }
      return topics
    }
  }

  public func resolveTopic(_ name: String) throws(ServiceError) -> TopicDescription {
    var writer = WireWriter()
    writer.put(name)
    var reader = try request(.resolve, writer, isRepeatable: true)
    return try read { () throws(WireError) in try reader.topic() }
  }

  public func read(
    _ topic: String, _ partition: Int, from offset: Int64
  ) throws(ServiceError) -> TopicRead {
    var writer = WireWriter()
    writer.put(topic)
    writer.put(Int32(partition))
    writer.put(offset)
    var reader = try request(.read, writer, isRepeatable: true)
    return try read { () throws(WireError) in
      let next = try reader.number(Int64.self)
      let records = try reader.records()
      return next > offset ? .records(records, next: next) : .end
    }
  }

  public func append(
    _ topic: String, _ records: RawRecords, _ mark: ProducerMark?
  ) throws(ServiceError) {
    var writer = WireWriter()
    writer.put(topic)
    writer.put(records)
    writer.put(mark?.name ?? "")
    writer.put(mark?.epoch ?? 0)
    writer.put(mark?.sequence ?? 0)
    // With a mark it is known to have been written before.
    _ = try request(.append, writer, isRepeatable: mark != nil)
  }

  public func administer(_ words: [String]) throws(ServiceError) -> [String] {
    var writer = WireWriter()
    writer.put(words)
    var reader = try request(.administer, writer)
    return try read { () throws(WireError) in try reader.texts() }
  }

  public func waitForCommit(
    after commit: Int64, milliseconds: Int
  ) throws(ServiceError) -> Int64 {
    var writer = WireWriter()
    writer.put(commit)
    writer.put(Int32(clamping: milliseconds))
    var reader = try request(.wait, writer, isRepeatable: true)
    return try read { () throws(WireError) in try reader.number(Int64.self) }
  }

  public func verify() throws(ServiceError) -> VerifyReport {
    var reader = try request(.verify, isRepeatable: true)
    return try read { () throws(WireError) in try reader.report() }
  }

  public func close() { channel.shutDown() }
}

/// What a session has set, for a server that has just been started.
private struct SessionMemory {
  enum Entry: Hashable {
    case variable(String)
    case property(String)
  }

  /// The last request about each, in the order of the last ones.
  private var entries: [(entry: Entry, kind: FrameKind, payload: [UInt8])] = []

  var requests: [(kind: FrameKind, payload: [UInt8])] { entries.map { ($0.kind, $0.payload) } }

  mutating func note(_ entry: Entry, _ kind: FrameKind, _ payload: [UInt8]) {
    entries.removeAll { $0.entry == entry }
    entries.append((entry, kind, payload))
  }

  /// A statement that was done.
  mutating func note(_ statement: SourceText, _ payload: [UInt8]) {
    // Everything else is parsed by the server alone.
    let words = ["SET", "UNSET", "DEFINE", "UNDEFINE"]
    let text = String(decoding: statement.text.drop { $0 <= 0x20 }.prefix(8), as: UTF8.self)
      .uppercased()
    guard words.contains(where: { text.hasPrefix($0) }) else { return }
    switch try? Parser.parse(statement: statement) {
    case .setProperty(let node)?: note(.property(node.name.value), .execute, payload)
    case .unsetProperty(let node)?: note(.property(node.name.value), .execute, payload)
    case .defineVariable(let node)?: note(.variable(node.name.name), .execute, payload)
    case .undefineVariable(let node)?: note(.variable(node.name.name), .execute, payload)
    default: break
    }
  }
}
