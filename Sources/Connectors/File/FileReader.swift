// A file as a log: its lines are records, the offset of a record is the byte at which its line starts. The
// file may grow; a last line without its end is read only where no more is expected, in a batch run.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

final class FileReader: RecordReader {
  private let file: any OutsideFile
  private let source: SourceDefinition
  private let splitter: LineSplitter
  /// Whether an unterminated last line counts as a record: at the end of input of a batch run.
  private let takesOpenLine: Bool
  private let lineBytesMax: Int
  /// Checksum of the first bytes, once it is known.
  private let head = Monitor<UInt32?>(nil)
  /// Up to where the file was told that it will be read.
  private let askedFor = Monitor<Int64>(0)
  /// What the header says, once its line is complete, and where the records begin.
  private let header = Monitor<(order: [String]?, end: Int64)?>(nil)
  private static let aheadBytes: Int64 = 64 << 20

  /// Opens the partition's file of a source: the files of its path or glob, sorted, are one partition each.
  static func open(
    _ source: SourceDefinition, _ pattern: String, partition: Int, takesOpenLine: Bool,
    _ files: any OutsideFiles, lineBytesMax: Int
  ) throws(QueryFailure) -> FileReader {
    let paths = files.matches(pattern)
    guard partition < paths.count else {
      throw QueryFailure("file \"\(pattern)\" does not exist")
    }
    do {
      return FileReader(
        try files.open(paths[partition], beneath: source.fileRoots), source,
        takesOpenLine: takesOpenLine, lineBytesMax: lineBytesMax)
    } catch {
      switch error {
      case .outside:
        throw QueryFailure(
          "the path \"\(paths[partition])\" lies outside the declared directories")
      case .storage(let error):
        throw QueryFailure("cannot open \"\(paths[partition])\": \(error)")
      }
    }
  }

  init(
    _ file: any OutsideFile, _ source: SourceDefinition, takesOpenLine: Bool, lineBytesMax: Int
  ) {
    self.lineBytesMax = lineBytesMax
    self.file = file
    self.source = source
    self.takesOpenLine = takesOpenLine
    let columns = source.lineColumns(order: nil).count
    let layout = source.layout(.value, columns: columns, EmptySchemaRegistry())
    splitter = LineSplitter(layout, columns: columns, bytesMax: lineBytesMax)
  }

  func identity(consumed: Int64) throws(StorageError) -> FileIdentity {
    try FileIdentity(file, consumed: consumed)
  }

  /// As `identity`, each epoch: the first bytes, once all of them are consumed, are looked at once.
  func identityToCommit(consumed: Int64) throws(StorageError) -> FileIdentity {
    guard consumed >= FileIdentity.headBytes else { return try identity(consumed: consumed) }
    let known = head.withLock { $0 }
    let result = try FileIdentity(file, consumed: consumed, head: known)
    if known == nil { head.withLock { $0 = result.head } }
    return result
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

  /// Bytes in the file now; 0 when nobody knows.
  var byteCount: Int64 { (try? file.identity().size) ?? 0 }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    lookAhead(from: offset)
    var start = offset
    if source.fileHasHeader {
      let end: Int64?
      do throws(FileHeader.Mismatch) {
        end = try headerEnd()
      } catch {
        throw StorageError(.invalidArgument, "\(error)", path: file.path)
      }
      guard let end else { return .end }
      start = max(start, end)
    }
    let (records, end) = try split(at: start, maxBytes: maxBytes)
    let next = start + Int64(end)
    return next > offset ? .records(records, next: next) : .end
  }

  /// Complete lines from `offset` on, and how many bytes they take.
  private func split(
    at offset: Int64, maxBytes: Int, limit: Int = .max
  ) throws(StorageError) -> (records: RawRecords, end: Int) {
    var wanted = maxBytes
    while true {
      let buffer = ByteBuffer(capacity: wanted)
      var got = 0
      while got < wanted {
        let count = try file.read(
          into: UnsafeMutableRawBufferPointer(start: buffer.base + got, count: wanted - got),
          at: offset + Int64(got))
        if count == 0 { break }
        got += count
      }
      buffer.count = got
      let isWhole = got < wanted
      let size = got == 0 ? try file.identity().size : Int64.max
      if size < offset {
        throw StorageError(
          .io, "the file has become shorter", path: file.path, expected: "\(offset) bytes",
          found: "\(size)")
      }
      let found: (records: RawRecords, end: Int)
      do throws(LineSplitter.TooLong) {
        found = try splitter.split(
          buffer, at: offset, isEnd: isWhole && takesOpenLine, limit: limit)
      } catch {
        throw tooLong(error.offset)
      }
      if found.end > 0 || isWhole { return found }
      // A line longer than the buffer: take a larger one, up to the limit of a record.
      let enough = lineBytesMax + 2  // With its end.
      guard wanted < enough else { throw tooLong(offset) }
      wanted = min(wanted * 4, enough)
    }
  }

  private func tooLong(_ offset: Int64) -> StorageError {
    StorageError(
      .tooLarge, "read", path: file.path, position: offset,
      expected: "a line of at most \(lineBytesMax) bytes")
  }

  // MARK: - Header

  private static let headerBytes = 1 << 16

  var fieldOrder: [String]? { header.withLock { $0?.order } }

  /// Where the first line ends, checked once: it names the columns. nil: it is not complete, or cannot be read, which
  /// the next read tells.
  /// Throws: names that are not those of the columns.
  func headerEnd() throws(FileHeader.Mismatch) -> Int64? {
    if let known = header.withLock({ $0 }) { return known.end }
    guard let first = try? split(at: 0, maxBytes: Self.headerBytes, limit: 1), first.end > 0
    else { return nil }
    var order: [String]?
    if let separator = splitter.separator, first.records.count == 1,
      let line = first.records.value(0)
    {
      let names = FileHeader.names(line, delimiter: separator)
      order = try FileHeader.columns(
        names, of: source.name, needed: source.lineColumns(order: nil).map(\.name))
    }
    // Lines of JSON are not counted as they are found.
    let end = first.records.count > 1 ? first.records.offsets[1] : Int64(first.end)
    header.withLock { [order] in $0 = (order, end) }
    return end
  }
}
