// A session with the server that owns a data directory.

public import HeadraceColumns
import HeadraceFoundations
import Glibc
import Synchronization
public import HeadraceTopics
public import HeadraceSyntax

public final class RemoteConnection: Connection, @unchecked Sendable {
  // Unchecked: one thread at a time makes requests; `cancel` only sends, which is safe from any thread.
  private let channel: SocketChannel
  /// The user has asked for the end of the statement.
  private let isCancelled = Atomic(false)

  /// nil when no server answers in that directory.
  public static func attach(
    directory: String, isBatch: Bool
  ) throws(ServiceError) -> RemoteConnection? {
    guard let descriptor = SocketAddress.connect(directory) else { return nil }
    let connection = RemoteConnection(SocketChannel(descriptor))
    var writer = WireWriter()
    writer.put(Wire.version)
    writer.put(isBatch)
    writer.put(try workingDirectory())
    guard connection.channel.send(.hello, writer.bytes, descriptors: [0, 1]) else {
      throw gone
    }
    _ = try connection.answer(nil, until: .welcome)
    return connection
  }

  private static func workingDirectory() throws(ServiceError) -> String {
    guard let path = getcwd(nil, 0) else {
      throw ServiceError(.io, "error: the working directory is gone")
    }
    defer { free(path) }
    return String(cString: path)
  }

  private init(_ channel: SocketChannel) { self.channel = channel }

  private static let gone = ServiceError(.io, "error: the server has gone")
  private static let malformed = ServiceError(.io, "error: the server's answer is malformed")

  // MARK: - Requests

  private func request(
    _ kind: FrameKind, _ writer: WireWriter = WireWriter(), _ handler: (any ResultHandler)? = nil
  ) throws(ServiceError) -> WireReader {
    guard writer.bytes.count < Wire.frameBytesMax else {
      throw ServiceError(
        .limit, "error: more than \(Wire.frameBytesMax >> 20) MiB in one request")
    }
    guard channel.send(kind, writer.bytes) else { throw Self.gone }
    return WireReader(try answer(handler, until: .done))
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
        let (kind, text) = try read { () throws(WireError) in
          (try reader.number(UInt8.self), try reader.text())
        }
        let error = ServiceError(ServiceError.Kind(rawValue: kind) ?? .io, text)
        // We asked for the end ourselves: the caller has had enough, which is no failure.
        if !isWanted, error.kind == .interrupted, !isCancelled.load(ordering: .relaxed) {
          return []
        }
        throw error
      case .hello, .execute, .define, .finish, .names, .topics, .resolve, .read, .append, .wait,
        .verify, .administer, .cancel, .credit, .welcome, .done:
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
    isCancelled.store(false, ordering: .relaxed)
    var writer = WireWriter()
    writer.put(statement)
    _ = try request(.execute, writer, handler)
  }

  public func define(_ name: String, _ value: String) throws(ServiceError) {
    var writer = WireWriter()
    writer.put(name)
    writer.put(value)
    _ = try request(.define, writer)
  }

  public func cancel() {
    isCancelled.store(true, ordering: .relaxed)
    channel.send(.cancel)
  }

  public func finish() throws(ServiceError) -> RunSummary {
    var reader = try request(.finish)
    return try read { () throws(WireError) in try reader.summary() }
  }

  public func rowsRead() -> Int? { nil }

  public func fractionRead() -> Double? { nil }

  public func names() throws(ServiceError) -> CatalogNames {
    var reader = try request(.names)
    return try read { () throws(WireError) in try reader.names() }
  }

  // MARK: - Topics

  public func topics() throws(ServiceError) -> [TopicDescription] {
    var reader = try request(.topics)
    return try read { () throws(WireError) in
      var topics: [TopicDescription] = []
      for _ in 0..<(try reader.count()) { topics.append(try reader.topic()) }
      return topics
    }
  }

  public func resolveTopic(_ name: String) throws(ServiceError) -> TopicDescription {
    var writer = WireWriter()
    writer.put(name)
    var reader = try request(.resolve, writer)
    return try read { () throws(WireError) in try reader.topic() }
  }

  public func read(
    _ topic: String, _ partition: Int, from offset: Int64
  ) throws(ServiceError) -> TopicRead {
    var writer = WireWriter()
    writer.put(topic)
    writer.put(Int32(partition))
    writer.put(offset)
    var reader = try request(.read, writer)
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
    _ = try request(.append, writer)
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
    var reader = try request(.wait, writer)
    return try read { () throws(WireError) in try reader.number(Int64.self) }
  }

  public func verify() throws(ServiceError) -> VerifyReport {
    var reader = try request(.verify)
    return try read { () throws(WireError) in try reader.report() }
  }

  public func close() { channel.shutDown() }
}
