// COPY: files and streams of CSV, TSV and newline-separated JSON into a source, and rows out of it.

import Columns
import Executor
import Formats
import Foundations
import Functions
import Glibc
import LogStorage
import Planner
import Syntax

/// The layout of a file that COPY reads or writes.
private struct CopyFormat {
  enum Kind { case csv, tsv, json }
  var kind: Kind
  var hasHeader: Bool
  /// Neither FORMAT nor the file's name says it: input that begins with a brace is JSON.
  var isGuessed = false
  /// Milliseconds: the time of every row; nil: now.
  var rowtime: Int64?

  init(_ path: String?, _ properties: Properties?) throws(PlanError) {
    var name = ""
    var header: Bool?
    for property in properties?.items ?? [] {
      guard case .literal(let literal) = property.value else { continue }
      switch (property.key, literal.value) {
      case ("FORMAT", .string(let text)): name = text.uppercased()
      case ("HEADER", .boolean(let flag)): header = flag
      case ("ROWTIME", .integer(let time)) where Rowtime.isValid(time): rowtime = time
      default:
        throw PlanError(
          "unknown-property", "COPY knows FORMAT, HEADER and ROWTIME, not \(property.key)",
          at: property.span,
          hint: closestMatch(to: property.key, among: ["FORMAT", "HEADER", "ROWTIME"]).map {
            "did you mean \"\($0)\"?"
          })
      }
    }
    if name.isEmpty {
      let suffix = path?.split(separator: ".").last.map { $0.uppercased() } ?? ""
      isGuessed = !["CSV", "TSV", "JSON", "NDJSON"].contains(suffix)
      name = isGuessed ? "CSV" : suffix
    }
    switch name {
    case "CSV": kind = .csv
    case "TSV": kind = .tsv
    case "JSON", "NDJSON": kind = .json
    default:
      throw PlanError(
        "unknown-format", "Unknown format: \(name); COPY knows CSV, TSV and JSON",
        at: properties?.span ?? .none)
    }
    hasHeader = kind != .json && (header ?? true)
  }

  var delimiter: UInt8 { kind == .tsv ? UInt8(ascii: "\t") : UInt8(ascii: ",") }
}

extension Session {
  /// Runs what opens a file. Throws: path-outside-roots, file-not-found, and what is wrong with the file.
  func outside<Result>(
    _ path: String, _ span: Span, _ body: () throws(OutsideError) -> Result
  ) throws(StatementFailure) -> Result {
    do {
      return try body()
    } catch {
      switch error {
      case .outside:
        throw .plan(
          PlanError(
            "path-outside-roots", "the path \"\(path)\" lies outside the declared directories",
            at: span))
      case .storage(let error):
        let reason = error.errno == 0 ? "\(error)" : String(cString: strerror(error.errno))
        throw .engine(.io("cannot open \"\(path)\": \(reason)"))
      }
    }
  }

  /// Throws: path-outside-roots. Whether the file is there is told when it is used.
  func checkRoot(_ path: String, _ span: Span) throws(StatementFailure) {
    guard roots != nil else { return }
    do {
      _ = try engine.options.files.open(resolve(path), beneath: roots)
    } catch {
      if case .outside = error {
        try outside(path, span) { () throws(OutsideError) in throw error }
      }
    }
  }

  /// A path as the client means it.
  func resolve(_ path: String) -> String {
    guard let workingDirectory, !path.hasPrefix("/") else { return path }
    return workingDirectory + "/" + path
  }

  // MARK: - In

  func copy(_ node: CopyFrom, _ handler: any ResultHandler) throws(StatementFailure) {
    let source = try engine.lock.withLock { () throws(StatementFailure) in
      try planning { () throws(PlanError) in try engine.catalog.source(node.target) }
    }
    guard source.file == nil, !source.isReadOnly else {
      throw .plan(
        PlanError(
          "read-only-source", "Cannot copy into \(source.name): it is read-only",
          at: node.target.span))
    }
    var format = try planning { () throws(PlanError) in
      try CopyFormat(node.file?.value, node.properties)
    }
    for column in node.columns
    where source.schema.index(of: column.name) == nil && column.name != SystemColumn.rowtime {
      throw .plan(
        PlanError(
          "unknown-column", "Column name \(column.name) does not exist in \(source.name)",
          at: column.span,
          hint: closestMatch(to: column.name, among: source.schema.columns.map(\.name)).map {
            "did you mean \"\($0)\"?"
          }))
    }
    let input: any OutsideFile
    if let file = node.file {
      let path = resolve(file.value)
      input = try outside(file.value, file.span) { () throws(OutsideError) in
        try engine.options.files.open(path, beneath: roots)
      }
    } else {
      input = DescriptorFile("standard input", dup(standardInput))
    }
    let lines = LineReader(
      input, splitsInQuotes: format.kind == .json, bytesMax: engine.options.lineBytesMax)
    if format.isGuessed,
      try reading({ () throws(QueryFailure) in try lines.peek() }) == UInt8(ascii: "{")
    {
      format.kind = .json
      format.hasHeader = false
      lines.splitsInQuotes = true
    }
    var names = node.columns.isEmpty ? source.schema.columns.map(\.name) : node.columns.map(\.name)
    if format.hasHeader {
      guard let header = try reading({ () throws(QueryFailure) in try lines.next() }) else {
        return handler.message("Copied 0 rows")
      }
      let found = header.split(separator: format.delimiter, omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self).replacing("\"", with: "")
      }
      names = found.map { name in
        source.schema.columns.first { $0.name == name }?.name
          ?? source.schema.columns.first { $0.name == name.uppercased() }?.name
          ?? (name.uppercased() == SystemColumn.rowtime ? SystemColumn.rowtime : name)
      }
      guard names.contains(where: { source.schema.index(of: $0) != nil }) else {
        throw .plan(
          PlanError(
            "unknown-column",
            "The header names no column of \(source.name): "
              + String(found.joined(separator: ", ").prefix(100)), at: node.target.span,
            hint: "WITH (HEADER = false) reads lines without a header, FORMAT = 'JSON' objects"))
      }
    } else if format.kind == .json, source.schema.index(of: SystemColumn.rowtime) == nil {
      names.append(SystemColumn.rowtime)
    }
    let fields = names.map { name in
      let isTime = name == SystemColumn.rowtime
      return FormatField(
        name, source.schema[name]?.type ?? (isTime ? .bigint : .string),
        isNeeded: source.schema.index(of: name) != nil || isTime)
    }
    let (copied, bad) = try load(lines, format, fields, source, node.target.span)
    for record in bad.prefix(10) { handler.message(record) }
    handler.message(
      "Copied \(copied) row\(copied == 1 ? "" : "s")"
        + (bad.isEmpty ? "" : ", \(bad.count) line\(bad.count == 1 ? "" : "s") could not be read"))
    badInputCount += bad.count
  }

  private func load(
    _ lines: LineReader, _ format: CopyFormat, _ fields: [FormatField],
    _ source: SourceDefinition, _ span: Span
  ) throws(StatementFailure) -> (copied: Int, bad: [String]) {
    let decoder = SideDecoder(
      layout: FormatLayout(
        format.kind == .json ? .json : .delimited, delimiter: format.delimiter,
        isWrapped: true), fields: fields)
    let needed = fields.filter(\.isNeeded).map(\.name)
    let timePlace =
      source.schema.index(of: SystemColumn.rowtime) == nil
      ? needed.firstIndex(of: SystemColumn.rowtime) : nil
    var copied = 0
    var bad: [String] = []
    while true {
      if cancellation.isCancelled { throw .engine(.interrupted) }
      var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 20))
      var numbers: [Int] = []
      while records.count < 8192,
        let line = try reading({ () throws(QueryFailure) in try lines.next() })
      {
        if line.isEmpty { continue }
        records.append(key: nil, value: line, timestamp: 0)
        numbers.append(lines.lineNumber)
      }
      if records.count == 0 { break }
      let decoded = decoder.decode(records, .value, rows: 0..<records.count)
      for record in decoded.bad {
        bad.append("line \(numbers[record.row]): \(record.reason)")
      }
      let badRows = Set(decoded.bad.map(\.row))
      let good = (0..<records.count).filter { !badRows.contains($0) }
      let rows = good.map { row in
        source.schema.columns.map { column -> Value in
          guard let index = needed.firstIndex(of: column.name) else { return .null }
          return decoded.columns[index].value(row, column.type)
        }
      }
      var rowtimes = [Int64?](repeating: format.rowtime, count: rows.count)
      if let place = timePlace {
        let times = decoded.columns[place]
        rowtimes = good.enumerated().map { times.value($1, .bigint).integerValue ?? rowtimes[$0] }
      }
      if !rows.isEmpty { try append(rows, rowtimes: rowtimes, to: source, at: span) }
      copied += rows.count
    }
    return (copied, bad)
  }

  private func reading<Result>(
    _ body: () throws(QueryFailure) -> Result
  ) throws(StatementFailure) -> Result {
    do { return try body() } catch {
      throw .engine(error.isLimit ? .limit(error.message) : .io(error.message))
    }
  }

  // MARK: - Out

  func copy(_ node: CopyTo, _ handler: any ResultHandler) throws(StatementFailure) {
    let format = try planning { () throws(PlanError) in
      try CopyFormat(node.file?.value, node.properties)
    }
    let query: Query
    switch node.origin {
    case .query(let inner): query = inner
    case .source(let name):
      let text = "SELECT * FROM \(Printer.print(name));"
      guard
        case .query(let parsed)? = try? Parser.parse(
          statement: SourceText(name: "copy", text))
      else { throw unsupported("COPY of this source", name.span) }
      query = parsed.query
    }
    try catchUp()
    let (bound, rows) = try answer(query)
    let output: any OutsideFile
    if let file = node.file {
      let path = resolve(file.value)
      output = try outside(file.value, file.span) { () throws(OutsideError) in
        try engine.options.files.create(path, beneath: roots)
      }
    } else {
      output = DescriptorFile("standard output", dup(standardOutput))
    }
    let columns = bound.columns
    let encoder = SideEncoder(
      layout: FormatLayout(
        format.kind == .json ? .json : .delimited, delimiter: format.delimiter,
        isWrapped: true),
      fields: columns.map { FormatField($0.name, $0.type) })
    if format.hasHeader {
      let header = columns.map(\.name).joined(
        separator: String(UnicodeScalar(format.delimiter)))
      try write(Array((header + "\n").utf8), output)
    }
    var start = 0
    while start < rows.count {
      let part = rows[start..<min(start + 4096, rows.count)]
      var records = RawRecords(buffer: ByteBuffer(capacity: part.count * 64))
      _ = encoder.encode(
        columns.indices.map { index in
          Column.from(part.map { $0.values[index] }, columns[index].type)
        }, count: part.count, isNull: nil, into: &records, .value)
      var text: [UInt8] = []
      for row in 0..<records.count {
        if let value = records.value(row) { text += value }
        text.append(UInt8(ascii: "\n"))
      }
      try write(text, output)
      start += part.count
    }
    try storing { () throws(StorageError) in try output.finish() }
    if node.file != nil {
      handler.message("Copied \(rows.count) row\(rows.count == 1 ? "" : "s")")
    }
  }

  private func write(_ bytes: [UInt8], _ output: any OutsideFile) throws(StatementFailure) {
    try storing { () throws(StorageError) in try output.write(bytes) }
  }
}

/// Lines of a file, with a limit; in CSV a line end inside quotes belongs to the line.
final class LineReader {
  private let file: any OutsideFile
  var splitsInQuotes: Bool
  private var buffer: [UInt8] = []
  private var position = 0
  private var isAtEnd = false
  private(set) var lineNumber = 0
  private let bytesMax: Int

  init(_ file: any OutsideFile, splitsInQuotes: Bool, bytesMax: Int) {
    self.bytesMax = bytesMax
    self.file = file
    self.splitsInQuotes = splitsInQuotes
  }

  /// The next byte that is no space, without taking it.
  func peek() throws(QueryFailure) -> UInt8? {
    if position == buffer.count, !isAtEnd { try fill() }
    return buffer[position...].first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
  }

  /// Without the line end; nil at the end.
  func next() throws(QueryFailure) -> [UInt8]? {
    var scan = position
    var isQuoted = false
    while true {
      while scan < buffer.count {
        let byte = buffer[scan]
        if byte == UInt8(ascii: "\""), !splitsInQuotes { isQuoted.toggle() }
        if byte == 0x0A, !isQuoted { return try take(upTo: scan, skip: 1) }
        scan += 1
      }
      if isAtEnd {
        return position < buffer.count ? try take(upTo: buffer.count, skip: 0) : nil
      }
      if scan - position > bytesMax + 1 { throw tooLong() }
      let kept = scan - position
      try fill()
      scan = position + kept
    }
  }

  private func tooLong() -> QueryFailure {
    QueryFailure("line \(lineNumber + 1) is longer than \(bytesMax) bytes", isLimit: true)
  }

  private func take(upTo end: Int, skip: Int) throws(QueryFailure) -> [UInt8] {
    var last = end
    if last > position, buffer[last - 1] == 0x0D { last -= 1 }
    if last - position > bytesMax { throw tooLong() }
    lineNumber += 1
    let line = Array(buffer[position..<last])
    position = end + skip
    return line
  }

  private func fill() throws(QueryFailure) {
    buffer.removeFirst(position)
    position = 0
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    let count: Int
    do throws(StorageError) {
      count = try file.readNext(into: &chunk)
    } catch {
      throw QueryFailure("cannot read after line \(lineNumber): \(error)")
    }
    if count == 0 { isAtEnd = true } else { buffer += chunk[..<count] }
  }
}
