// Sides of records as scripts write and show them: text is as it is, KAFKA's values are written out, and what another format
// has as bytes is written and shown as the JSON of its columns.

import HeadraceColumns
import HeadraceExecutor
@testable import HeadraceFormats
import HeadracePlanner

struct ScriptRecords {
  struct Fault: Error { var reason: String }

  private let layout: FormatLayout
  private let fields: [FormatField]

  init(_ source: SourceDefinition, _ side: RecordSide) {
    let columns = side == .key ? source.schema.keys : source.schema.values
    fields = columns.map { FormatField($0.name, $0.type) }
    layout = source.layout(side, columns: fields.count, EmptySchemaRegistry())
  }

  /// The text in the bytes of the format.
  func bytes(_ text: String) throws -> [UInt8] {
    switch layout.spec.format.shows {
    case .text: return Array(text.utf8)
    case .decoded: return try encoded(text)
    case .custom:
      var bytes: [UInt8] = []
      switch fields.first?.type {
      case .int: withUnsafeBytes(of: (Int32(text) ?? 0).bigEndian) { bytes += $0 }
      case .bigint: withUnsafeBytes(of: (Int64(text) ?? 0).bigEndian) { bytes += $0 }
      case .double:
        withUnsafeBytes(of: (Double(text) ?? 0).bitPattern.bigEndian) { bytes += $0 }
      default: bytes = Array(text.utf8)
      }
      return bytes
    }
  }

  private func encoded(_ text: String) throws -> [UInt8] {
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    records.append(key: nil, value: Array(text.utf8), timestamp: 0)
    let json = FormatLayout(.json, isWrapped: layout.isWrapped)
    let side = SideDecoder(layout: json, fields: fields).decode(records, .value, rows: 0..<1)
    if let bad = side.bad.first { throw Fault(reason: bad.reason) }
    var written = RawRecords(buffer: ByteBuffer(capacity: 64))
    let bad = SideEncoder(layout: layout, fields: fields).encode(
      side.columns, count: 1, isNull: nil, into: &written, .value)
    if let bad = bad.first { throw Fault(reason: bad.reason) }
    return written.value(0).map { Array($0) } ?? []
  }

  func text(_ bytes: UnsafeRawBufferPointer) -> String {
    if case .text = layout.spec.format.shows { return String(decoding: bytes, as: UTF8.self) }
    return RecordText(layout: layout, fields: fields).text(of: bytes)
      ?? String(decoding: bytes, as: UTF8.self)
  }
}
