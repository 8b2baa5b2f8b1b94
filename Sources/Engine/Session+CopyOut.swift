// COPY ... TO: the rows of a source or a pull query to a file or standard output, so that COPY ... FROM reads the same
// values back: times as ISO-8601 text, nested values in CSV as JSON, '' in quotes and NULL as nothing.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import Glibc
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
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
      let path = paths.resolve(file.value)
      output = try paths.outside(file.value, file.span) { () throws(OutsideError) in
        try engine.options.files.create(path, beneath: roots)
      }
    } else {
      output = DescriptorFile("standard output", dup(standardOutput))
    }
    let columns = bound.columns
    let types = columns.map { FileText.type($0.type) }
    let encoder = SideEncoder(
      layout: format.layout, fields: zip(columns, types).map { FormatField($0.name, $1) })
    if format.hasHeader { try write(header(columns.map(\.name), format), output) }
    var start = 0
    while start < rows.count {
      let part = rows[start..<min(start + 4096, rows.count)]
      var records = RawRecords(buffer: ByteBuffer(capacity: part.count * 64))
      let bad = encoder.encode(
        columns.indices.map { index in
          Column.from(
            part.map { FileText.value($0.values[index], columns[index].type) }, types[index])
        }, count: part.count, isNull: nil, into: &records, .value)
      if let first = bad.first {
        throw .engine(.io("cannot write row \(start + first.row + 1): \(first.reason)"))
      }
      var text: [UInt8] = []
      for row in 0..<records.count {
        if let value = records.value(row) { text += value }
        text.append(UInt8(ascii: "\n"))
      }
      try write(text, output)
      start += part.count
    }
    try usingFile { () throws(StorageError) in try output.finish() }
    if node.file != nil {
      handler.message("Copied \(rows.count) row\(rows.count == 1 ? "" : "s")")
    }
  }

  private func write(_ bytes: [UInt8], _ output: any OutsideFile) throws(StatementFailure) {
    try usingFile { () throws(StorageError) in try output.write(bytes) }
  }

  private func header(_ names: [String], _ format: CopyFormat) -> [UInt8] {
    let encoder = SideEncoder(
      layout: format.layout, fields: names.map { FormatField($0, .string) })
    var line = RawRecords(buffer: ByteBuffer(capacity: 256))
    _ = encoder.encode(
      names.map { Column.from([.string($0)], .string) }, count: 1, isNull: nil, into: &line, .value)
    return (line.value(0).map { Array($0) } ?? []) + [UInt8(ascii: "\n")]
  }
}

/// Values as files hold them: times are text.
private enum FileText {
  static func type(_ type: DataType) -> DataType {
    switch type {
    case .date, .time, .timestamp: .string
    case .array(let element): .array(self.type(element))
    case .map(let key, let value): .map(key: self.type(key), value: self.type(value))
    case .structure(let fields):
      .structure(fields.map { StructField($0.name, self.type($0.type)) })
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes: type
    }
  }

  static func value(_ value: Value, _ type: DataType) -> Value {
    switch (value, type) {
    case (.date, _), (.time, _), (.timestamp, _): .string(text(of: value, type))
    case (.array(let values), .array(let element)):
      .array(values.map { self.value($0, element) })
    case (.map(let entries), .map(let key, let inner)):
      .map(
        entries.map { MapEntry(self.value($0.key, key), self.value($0.value, inner)) })
    case (.structure(let values), .structure(let fields)):
      .structure(zip(values, fields).map { self.value($0, $1.type) })
    default: value
    }
  }
}
