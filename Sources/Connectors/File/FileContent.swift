// What stands in a file that is read as a log: lines, or blocks of records. Offsets are the
// content's own.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

/// Not thread-safe.
protocol FileContent: AnyObject {
  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead
  /// How many bytes are consumed when all before this offset are.
  func bytes(before offset: Int64) throws(StorageError) -> Int64
  /// What there is in so many bytes, in offsets; 0: that is not known.
  func end(of bytes: Int64) -> Int64
  /// Throws: a header that is there and does not name the columns. What cannot be read the first
  /// read reports.
  func checkHeader() throws(FileHeader.Mismatch)
  /// Columns in the order of a record's fields, where the file names them.
  var fieldOrder: [String]? { get }
  /// Those of its records, where the file has them.
  var schemas: (any SchemaRegistry)? { get }
}

extension FileContent {
  func checkHeader() throws(FileHeader.Mismatch) {}
}

/// Lines: the offset of a record is the byte at which its line starts.
final class LineContent: FileContent {
  private let source: SourceDefinition
  private let lines: LineReader
  private let hasHeader: Bool
  private(set) var fieldOrder: [String]?
  /// Where the records begin, once the header's line is complete.
  private var headerEnd: Int64?

  init(_ file: any OutsideFile, _ source: SourceDefinition, _ context: ConnectorContext) {
    self.source = source
    hasHeader = source.input?.has(FileConnector.header) ?? false
    let columns = source.lineColumns(order: nil).count
    lines = LineReader(
      file, source.layout(.value, columns: columns, EmptySchemaRegistry()), columns: columns,
      bytesMax: context.lineBytesMax, takesOpenLine: context.takesOpenEnd)
  }

  var schemas: (any SchemaRegistry)? { nil }
  func bytes(before offset: Int64) -> Int64 { offset }
  func end(of bytes: Int64) -> Int64 { bytes }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    var start = offset
    if hasHeader {
      guard let end = try openedHeader() else { return .end }
      start = max(start, end)
    }
    let (records, end) = try lines.lines(from: start, maxBytes: maxBytes)
    let next = start + Int64(end)
    return next > offset ? .records(records, next: next) : .end
  }

  /// Where the records begin; nil: the header is not complete.
  private func openedHeader() throws(StorageError) -> Int64? {
    if let headerEnd { return headerEnd }
    guard let found = try lines.header() else { return nil }
    do throws(FileHeader.Mismatch) {
      try accept(found)
    } catch {
      throw StorageError(.invalidArgument, "\(error)", path: lines.file.path)
    }
    return found.end
  }

  func checkHeader() throws(FileHeader.Mismatch) {
    if let found = try? lines.header() { try accept(found) }
  }

  /// The first line names the columns; once.
  private func accept(_ found: LineReader.Header) throws(FileHeader.Mismatch) {
    fieldOrder = try found.names.map { (names) throws(FileHeader.Mismatch) in
      try FileHeader.columns(
        names, of: source.name, needed: source.lineColumns(order: nil).map(\.name))
    }
    headerEnd = found.end
  }
}
