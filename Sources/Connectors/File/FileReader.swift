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
      let end: Int64?
      do throws(FileHeader.Mismatch) {
        end = try headerEnd()
      } catch {
        throw StorageError(.invalidArgument, "\(error)", path: file.path)
      }
      guard let end else {
        // Throws what cannot be read.
        _ = try lines.header()
        return .end
      }
      start = max(start, end)
    }
    let (records, end) = try lines.lines(from: start, maxBytes: maxBytes)
    let next = start + Int64(end)
    return next > offset ? .records(records, next: next) : .end
  }

  // MARK: - Header

  var fieldOrder: [String]? { header.withLock { $0?.order } }

  /// Where the first line ends, checked once: it names the columns. nil: it is not complete, or cannot be read, which
  /// the next read tells.
  /// Throws: names that are not those of the columns.
  func headerEnd() throws(FileHeader.Mismatch) -> Int64? {
    if let known = header.withLock({ $0 }) { return known.end }
    guard let found = try? lines.header() else { return nil }
    let order = try found.names.map { (names) throws(FileHeader.Mismatch) in
      try FileHeader.columns(
        names, of: source.name, needed: source.lineColumns(order: nil).map(\.name))
    }
    header.withLock { [order] in $0 = (order, found.end) }
    return found.end
  }
}
