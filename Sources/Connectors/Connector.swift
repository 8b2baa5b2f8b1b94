// What moves rows between the log and something outside of it. A connector is a value; one line in
// `ConnectorRegistry` makes it known, and `kind` says by which property of WITH it is declared. It
// fills one of three roles:
//
//   input      gives the records of a source in place of a topic. The engine commits with each
//              epoch, beside the query's state, the position behind what it has read and a mark of
//              what lies before it; after a restart it reads
//              on from the position, if the mark still fits. `TopicRead.end` is the end for now, or
//              for good in a run
//              to the end of the input; `nothingYet` promises more.
//   follower   writes out what a topic holds. It keeps (topic, partition, offset) in the same
//              transaction of the target as the rows, so that the target is at all times what the
//              topic says up to its positions.
//   copy       reads or writes rows once, for COPY.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

protocol Connector: Sendable {
  var kind: ConnectorTraits { get }
}

/// What a connector may use.
struct ConnectorContext: Sendable {
  var files: any OutsideFiles
  var pipes: OpenPipes
  /// What is made outlives the process.
  var keepsData: Bool
  var lineBytesMax: Int
  /// An input that may still grow is at its end all the same: a file's last line counts although it
  /// has no line end.
  var takesOpenEnd: Bool
  /// Milliseconds since the epoch.
  var clock: @Sendable () -> Int64

  init(_ options: EngineOptions, takesOpenEnd: Bool? = nil) {
    files = options.files
    pipes = options.pipes
    keepsData = options.directory != nil || options.kafka != nil
    lineBytesMax = options.lineBytesMax
    clock = options.clock
    self.takesOpenEnd = takesOpenEnd ?? !options.followsFiles
  }
}

/// A statement that declares a connector.
struct ConnectorDeclaration {
  var source: SourceDefinition
  var spec: ConnectorSpec
  var properties: Properties?
  var name: Identifier
  var paths: PathScope
  var context: ConnectorContext

  /// Where the statement names the connector, or one of its options.
  func span(of option: String? = nil) -> Span {
    option.flatMap { properties?[$0]?.span } ?? properties?[spec.kind.name]?.span ?? name.span
  }

  /// Throws: relative-file. The statement log keeps the text: it must mean the same file in the
  /// server.
  func checkPath(allowsHome: Bool = false) throws(StatementFailure) {
    let path = spec.target
    let isWhole = path.hasPrefix("/") || allowsHome && path.hasPrefix("~")
    guard paths.workingDirectory == nil || isWhole else {
      throw .plan(.relativeFile(path, resolved: paths.resolve(path), at: span()))
    }
  }
}

// MARK: - Input

protocol InputConnector: Connector {
  /// How many partitions the input has. Throws: what cannot be read.
  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure) -> Int
  /// The same for a statement of the log that does not say; at least 1.
  func partitions(_ spec: ConnectorSpec, _ context: ConnectorContext) -> Int
  func open(
    _ source: SourceDefinition, partition: Int, _ context: ConnectorContext
  ) throws(QueryFailure) -> any ConnectorReader
  /// The first records of an input whose columns nobody has described.
  func sample(_ request: SampleRequest) throws(StatementFailure) -> FormatSample
}

extension InputConnector {
  /// Of an input that says nothing of its columns.
  func sample(_ request: SampleRequest) throws(StatementFailure) -> FormatSample {
    FormatSample(records: RawRecords(buffer: ByteBuffer(capacity: 16)))
  }
}

/// A statement that declares an input without columns.
struct SampleRequest {
  var spec: ConnectorSpec
  var format: FormatSpec
  var paths: PathScope
  var context: ConnectorContext
  /// Where the statement names the input.
  var span: Span

  /// Bytes that are looked at.
  static let bytesMax = 1 << 20
  /// Inputs of several parts are looked at in so many of them.
  static let partsMax = 16
}

/// One partition of an input. Offsets are the connector's own; they grow, and may have gaps.
protocol ConnectorReader: RecordReader {
  /// What there is now, in offsets; 0 when that is not known.
  var end: Int64 { get }
  /// What tells later whether the records before `offset` are still the same; nil: nothing does.
  /// Asked each epoch.
  func mark(before offset: Int64) throws(StorageError) -> String?
  /// How what a mark stands for has changed; nil: it has not.
  func change(since mark: String) throws(StorageError) -> InputChange?
}

struct InputChange {
  /// Up to where it was read: byte 17.
  var place: String
  var reason: String
}

extension ConnectorReader {
  func mark(before offset: Int64) throws(StorageError) -> String? { nil }
  func change(since mark: String) throws(StorageError) -> InputChange? { nil }
}

// MARK: - Output

protocol FollowerConnector: Connector {
  /// Throws: what the target cannot keep, and where it may not lie.
  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure)
  func open(
    _ topic: FollowedTopic, _ spec: ConnectorSpec, _ context: ConnectorContext
  ) throws(QueryFailure) -> any ConnectorWriter
}

struct FollowedTopic {
  var source: SourceDefinition
  /// The topic's number: one of the same name that was made later has another.
  var id: Int64
  /// The committed end of each partition.
  var ends: [Int64]
  /// Of the batches, keys first.
  var columns: [PlanColumn]
}

/// Rows on their way to a target, in its transactions. A batch's rows are inserts, or deletes by
/// key; those of a table have a key.
protocol ConnectorWriter: AnyObject {
  /// Where the target's last transaction left each partition; empty for one that starts again, be
  /// it for another topic, other columns, or a log that was longer. Asked once, first.
  func resume() throws(QueryFailure) -> [Int: SourcePosition]
  func begin() throws(QueryFailure)
  func write(_ batch: RecordBatch) throws(QueryFailure)
  /// Ends the transaction: its rows and these positions are there together, or neither is.
  func commit(_ positions: [(partition: Int, position: SourcePosition)]) throws(QueryFailure)
  /// Nothing of the transaction has happened.
  func rollBack()
}

extension ConnectorWriter {
  func resume() throws(QueryFailure) -> [Int: SourcePosition] { [:] }
}

// MARK: - COPY

protocol CopyConnector: Connector {
  /// `place`: the file of the statement; nil: standard input or output.
  func handles(_ place: String?) -> Bool
  func reader(_ copy: CopyStatement, _ target: CopyColumns) throws(StatementFailure)
    -> any CopyReader
  func writer(_ copy: CopyStatement, _ columns: [PlanColumn]) throws(StatementFailure)
    -> any ConnectorWriter
}

/// What COPY says of its file.
struct CopyStatement {
  var place: StringLiteral?
  var format: CopyFormat
  var paths: PathScope
  var context: ConnectorContext
  /// The descriptor of standard input or output.
  var standard: Int32
  /// The statement is to end; asked by whatever waits for the other end of a pipe.
  var isCancelled: @Sendable () -> Bool = { false }
}

/// The rows of an input that has an end.
protocol CopyReader: AnyObject {
  /// nil: that was all. Throws: what ends the COPY.
  func next() throws(StatementFailure) -> CopiedRows?
}

/// Shape: one column for each of the source's schema, a row for each rowtime.
struct CopiedRows {
  /// What was read holds no row, and more may come.
  static let nothing = CopiedRows(columns: [], rowtimes: [], bad: [])

  var columns: [Column]
  var rowtimes: [Int64]
  /// What could not be read, with its place.
  var bad: [String]
}
