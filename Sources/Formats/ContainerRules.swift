// How records of a format stand in files of the format's own kind: many in a block, with the schema
// that they have in common, and bytes that only the format can cut into records. For COPY and for
// streams over files.

public import HeadraceColumns
import HeadraceFoundations

public struct ContainerRules: Sendable {
  let kinds: [FileKind.Words]
  let reader: @Sendable () -> any ContainerReader
  let writer: @Sendable ([FormatField]) throws(SchemaProblem) -> any ContainerWriter
}

/// Why the bytes are no file of the kind, or rows cannot be written to one.
public struct ContainerProblem: Error {
  public var message: String
  init(_ message: String) { self.message = message }

  public static let endsInsideBlock = ContainerProblem("the file ends inside a block")
}

/// Cuts a file into records: first its beginning, then any of its blocks. The offset of a record is
/// its number in the file, from 0 on.
public protocol ContainerReader: AnyObject {
  /// The schema of its records; nil: the beginning of the file has not been read yet.
  var schema: RegisteredSchema? { get }
  /// How its records are laid out; nil: the beginning of the file has not been read yet.
  var layout: FormatLayout? { get }
  /// The number of the next block's first record. Whoever leaves out blocks says so.
  var nextRecord: Int64 { get set }
  /// What the next block says of itself; nil: more bytes are needed.
  func block(
    _ buffer: UnsafeBufferPointer<UInt8>
  ) throws(ContainerProblem) -> ContainerBlock?
  /// The records of the next block, and how many bytes of the buffer that takes; the beginning of
  /// the file holds none. 0: more bytes are needed, or, at the end of the file, there is nothing
  /// more.
  func split(
    _ buffer: UnsafeBufferPointer<UInt8>, isEnd: Bool
  ) throws(ContainerProblem) -> (records: RawRecords, end: Int)
}

public struct ContainerBlock {
  public var records: Int64
  /// All that it takes of the file.
  public var bytes: Int

  /// It says this in so many bytes.
  public static let openingBytesMax = 2 * Varint.bytesMax
}

public protocol ContainerWriter: AnyObject {
  /// The beginning of the file.
  var opening: [UInt8] { get }
  func block(_ columns: [Column], count: Int) throws(ContainerProblem) -> [UInt8]
}

extension FileKind {
  /// A new reader; nil: the file holds lines.
  public func reader() -> (any ContainerReader)? { spec.format.container?.reader() }

  /// A new writer of these columns; nil: the file holds lines.
  public func writer(_ fields: [FormatField]) throws(SchemaProblem) -> (any ContainerWriter)? {
    try spec.format.container?.writer(fields)
  }

  public var isContainer: Bool { spec.format.container != nil }
}

extension RecordFormat {
  /// A new reader of files of the format's own kind; nil: it has none.
  public func containerReader() -> (any ContainerReader)? { container?.reader() }
}
