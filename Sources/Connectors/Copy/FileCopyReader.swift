// What COPY ... FROM reads: lines to columns of its source, many rows at a time. A line that cannot
// be read, or holds what the source cannot take, is named by its number and left out.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

/// Where COPY's rows go.
struct CopyColumns {
  var source: SourceDefinition
  /// Those that the statement lists; empty: it lists none.
  var listed: [Identifier]
  /// Of the source's name.
  var span: Span

  var insertable: [SchemaColumn] {
    source.schema.columns.filter { $0.role == .key || $0.role == .value }
  }
}

final class FileCopyReader: CopyReader {
  private static let pieceBytes = 1 << 20
  private static let rowsMax = 8192

  private let file: StreamedFile
  private let copy: CopyStatement
  private let target: CopyColumns
  /// Set by the first read: what the input begins with says what it is.
  private var lines: LineReader?
  private var decoder: CopyDecoder?
  /// Where the next lines begin.
  private var offset: Int64 = 0
  private var pending: (records: RawRecords, next: Int) = (RawRecords.none, 0)

  init(_ file: any OutsideFile, _ copy: CopyStatement, _ target: CopyColumns) {
    self.file = StreamedFile(file)
    self.copy = copy
    self.target = target
  }

  func next() throws(StatementFailure) -> CopiedRows? {
    if decoder == nil, try !begin() { return nil }
    guard let lines, let decoder else { return nil }
    if pending.next == pending.records.count {
      file.release(before: offset)
      let (records, end) = try reading { [offset] () throws(StorageError) in
        try lines.lines(from: offset, maxBytes: Self.pieceBytes)
      }
      if end == 0 { return nil }
      offset += Int64(end)
      pending = (records, 0)
      // Empty lines; there may be many more, so the caller has its turn.
      if records.count == 0 { return .nothing }
    }
    let range = pending.next..<min(pending.next + Self.rowsMax, pending.records.count)
    pending.next = range.upperBound
    let (rows, bad) = decoder.rows(
      pending.records, range, now: copy.context.clock())
    var result = rows
    result.bad = bad.map { record in
      "line \(file.line(at: pending.records.offsets[record.row])): \(record.reason)"
    }
    return result
  }

  /// Reads what names the columns. False: there is no line.
  private func begin() throws(StatementFailure) -> Bool {
    var format = copy.format
    if format.isGuessed {
      format.guess(try reading { () throws(StorageError) in try file.firstByte() })
    }
    let insertable = target.insertable
    var names =
      target.listed.isEmpty ? insertable.map(\.name) : target.listed.map(\.name)
    if format.hasHeader {
      guard let found = try header(format, names) else { return false }
      names = found
    } else if !format.kind.takesHeader, !names.contains(SystemColumn.rowtime) {
      names.append(SystemColumn.rowtime)
    }
    let wanted = Set(target.listed.map(\.name).map { TextKey($0) })
    let fields = names.map { name in
      let column = insertable.first { $0.name == name }
      let isTime = column == nil && name == SystemColumn.rowtime
      return FormatField(
        name, column?.type ?? (isTime ? .timestamp : .string),
        isNeeded: isTime || column != nil && (wanted.isEmpty || wanted.contains(TextKey(name))))
    }
    decoder = CopyDecoder(target.source, fields, format.layout, rowtime: format.rowtime)
    lines = reader(format, columns: fields.count)
    return true
  }

  private func reader(_ format: CopyFormat, columns: Int) -> LineReader {
    LineReader(
      file, format.layout, columns: columns, bytesMax: copy.context.lineBytesMax,
      takesOpenLine: true)
  }

  /// The columns that the first line names; nil: there is no line. Columns of the source that the
  /// statement does not list are skipped.
  private func header(
    _ format: CopyFormat, _ names: [String]
  ) throws(StatementFailure) -> [String]? {
    let reader = reader(format, columns: 0)
    guard let header = try reading({ () throws(StorageError) in try reader.header() }),
      let found = header.names
    else { return nil }
    offset = header.end
    do throws(FileHeader.Mismatch) {
      return try FileHeader.columns(
        found, of: target.source.name, needed: names,
        ignored: target.insertable.map(\.name) + [SystemColumn.rowtime])
    } catch {
      throw .plan(.headerMismatch(error, at: target.span))
    }
  }

  private func reading<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StatementFailure) -> Result {
    do { return try body() } catch {
      if error.kind == .tooLarge, let place = error.position {
        throw .engine(
          .limit(
            "line \(file.line(at: place)) is longer than \(copy.context.lineBytesMax) bytes"))
      }
      throw .engine(.io("cannot read after line \(file.lineCount): \(error)"))
    }
  }
}

/// Records of a file to columns of a source.
struct CopyDecoder {
  private let source: SourceDefinition
  private let decoder: SideDecoder
  /// Of each column of the source where it stands among those decoded.
  private let places: [Int?]
  private let timePlace: Int?
  private let rowtime: Int64?

  init(
    _ source: SourceDefinition, _ fields: [FormatField], _ layout: FormatLayout, rowtime: Int64?
  ) {
    self.source = source
    decoder = SideDecoder(layout: layout, fields: fields, times: .iso)
    let needed = fields.filter(\.isNeeded).map(\.name)
    places = source.schema.columns.map { needed.firstIndex(of: $0.name) }
    timePlace =
      source.schema.index(of: SystemColumn.rowtime) == nil
      ? needed.firstIndex(of: SystemColumn.rowtime) : nil
    self.rowtime = rowtime
  }

  /// The good rows, and the bad ones by their number in `records`, in their order.
  /// `now`: the time of rows that have none.
  func rows(
    _ records: RawRecords, _ range: Range<Int>, now: Int64
  ) -> (rows: CopiedRows, bad: [BadRecord]) {
    let decoded = decoder.decode(records, .value, rows: range)
    var columns = zip(source.schema.columns, places).map { column, place in
      place.map { decoded.columns[$0] } ?? .nulls(column.type, count: range.count)
    }
    var rowtimes = rowtimes(decoded.columns, range.count, now: now)
    var bad = decoded.bad
    var dropped = Bitmap(repeating: false, count: range.count)
    for record in bad { dropped.set(record.row, true) }
    func drop(_ row: Int, _ reason: String) {
      guard !dropped[row] else { return }
      dropped.set(row, true)
      bad.append(BadRecord(row: row, reason: reason))
    }
    if !Rowtime.areValid(rowtimes) {
      for (row, time) in rowtimes.enumerated() where !Rowtime.isValid(time) {
        drop(
          row, "its time, \(time) ms, is not between 0 and the latest (\(Rowtime.latest))")
      }
    }
    if source.kind == .table {
      for (column, values) in zip(source.schema.columns, columns) where column.isKey {
        guard let validity = values.validity else { continue }
        for row in 0..<range.count where !validity[row] {
          drop(row, "the primary key \(column.name) is NULL")
        }
      }
    }
    if !dropped.isAllFalse {
      let kept = dropped.inverted.trueIndices()
      columns = columns.map { $0.gather(kept) }
      rowtimes = kept.map { [rowtimes] in rowtimes[Int($0)] }
    }
    bad.sort { $0.row < $1.row }
    for index in bad.indices { bad[index].row += range.lowerBound }
    return (CopiedRows(columns: columns, rowtimes: rowtimes, bad: []), bad)
  }

  private func rowtimes(_ columns: [Column], _ count: Int, now: Int64) -> [Int64] {
    let standard = rowtime ?? now
    guard let timePlace, case .bigint(let own) = columns[timePlace] else {
      return Array(repeating: standard, count: count)
    }
    guard let validity = own.validity else { return own.values }
    return own.values.enumerated().map { row, time in validity[row] ? time : standard }
  }
}
