// A file as a log: its lines are records, the offset of a record is the byte at which its line starts. The
// file may grow; a last line without its end is read only where no more is expected, in a batch run.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

final class FileReader: ConnectorReader {
  private let file: any OutsideFile
  private let source: SourceDefinition
  private let lines: LineReader
  private let hasHeader: Bool
  /// Checksum of the first bytes, once it is known.
  private let head = Monitor<UInt32?>(nil)
  /// Up to where reading was announced to the file.
  private let askedFor = Monitor<Int64>(0)
  /// What the header says, once its line is complete, and where the records begin.
  private let header = Monitor<(order: [String]?, end: Int64)?>(nil)
  private static let aheadBytes: Int64 = 64 << 20

  init(_ file: any OutsideFile, _ source: SourceDefinition, _ context: ConnectorContext) {
    self.file = file
    self.source = source
    hasHeader = source.input?.has(FileConnector.header) ?? false
    let columns = source.lineColumns(order: nil).count
    lines = LineReader(
      file, source.layout(.value, columns: columns, EmptySchemaRegistry()), columns: columns,
      bytesMax: context.lineBytesMax, takesOpenLine: context.takesOpenEnd)
  }

  var end: Int64 { (try? file.identity().size) ?? 0 }

  /// The first bytes, once all of them are consumed, are looked at once.
  func mark(before offset: Int64) throws(StorageError) -> String? {
    guard offset >= FileIdentity.headBytes else {
      return try FileIdentity(file, consumed: offset).text
    }
    let known = head.withLock { $0 }
    let result = try FileIdentity(file, consumed: offset, head: known)
    if known == nil { head.withLock { $0 = result.head } }
    return result.text
  }

  func change(since mark: String) throws(StorageError) -> InputChange? {
    guard let known = FileIdentity(text: mark) else { return nil }
    let reason: String?
    do throws(StorageError) {
      reason = try FileIdentity(file, consumed: known.consumed).difference(from: known)
    } catch {
      reason = "\(error)"
    }
    return reason.map { InputChange(place: "byte \(known.consumed)", reason: $0) }
  }

  /// Tells the file what will be read next, so that what is not in memory is on its way early.
  private func lookAhead(from offset: Int64) {
    let wanted = askedFor.withLock { asked -> Range<Int64>? in
      let end = offset + Self.aheadBytes
      if asked < offset || asked > end { asked = offset }
      // In large pieces: each is a call.
      guard end - asked >= Self.aheadBytes / 4 else { return nil }
      defer { asked = end }
      return asked..<end
    }
    if let wanted { file.willRead(wanted) }
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    lookAhead(from: offset)
    var start = offset
    if hasHeader {
      guard let end = try headerEnd() else { return .end }
      start = max(start, end)
    }
    let (records, end) = try lines.lines(from: start, maxBytes: maxBytes)
    let next = start + Int64(end)
    return next > offset ? .records(records, next: next) : .end
  }

  // MARK: - Header

  var fieldOrder: [String]? { header.withLock { $0?.order } }

  /// Where the records begin; nil: the header is not complete.
  private func headerEnd() throws(StorageError) -> Int64? {
    if let known = header.withLock({ $0 }) { return known.end }
    guard let found = try lines.header() else { return nil }
    do throws(FileHeader.Mismatch) {
      try accept(found)
    } catch {
      throw StorageError(.invalidArgument, "\(error)", path: file.path)
    }
    return found.end
  }

  /// Throws: a header that is there and does not name the columns. What cannot be read the first read reports.
  func checkHeader() throws(FileHeader.Mismatch) {
    if let found = try? lines.header() { try accept(found) }
  }

  /// The first line names the columns; once.
  private func accept(_ found: LineReader.Header) throws(FileHeader.Mismatch) {
    let order = try found.names.map { (names) throws(FileHeader.Mismatch) in
      try FileHeader.columns(
        names, of: source.name, needed: source.lineColumns(order: nil).map(\.name))
    }
    header.withLock { [order] in $0 = (order, found.end) }
  }
}
