// CSV as RFC 4180 has it, with a header, and the same with tabs. NULL is nothing at all, an empty
// string is a pair of quotes; nested values are JSON.

import HeadraceColumns
import Headrace
import HeadraceFoundations

struct SeparatedLayout: RowLayout {
  private let columns: [ResultColumn]
  private let separator: UInt8

  init(_ columns: [ResultColumn], separator: UInt8) {
    self.columns = columns
    self.separator = separator
  }

  func begin(into bytes: inout [UInt8]) {
    for (index, column) in columns.enumerated() {
      if index > 0 { bytes.append(separator) }
      append(column.name, into: &bytes)
    }
    bytes.append(UInt8(ascii: "\n"))
  }

  func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      let shown = row.shownValues(columns)
      for (index, column) in columns.enumerated() {
        if index > 0 { bytes.append(separator) }
        if shown[index].isNull { continue }
        append(JSONText.plain(shown[index], column.type), into: &bytes)
      }
      bytes.append(UInt8(ascii: "\n"))
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {}

  private func append(_ text: String, into bytes: inout [UInt8]) {
    let needsQuotes =
      text.isEmpty
      || text.utf8.contains {
        $0 == separator || $0 == UInt8(ascii: "\"") || $0 == 0x0A || $0 == 0x0D
      }
    guard needsQuotes else {
      bytes.append(contentsOf: text.utf8)
      return
    }
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { bytes.append(byte) }
      bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

extension ResultRow {
  /// A deletion keeps its key and has NULL for everything else.
  func shownValues(_ columns: [ResultColumn]) -> [Value] {
    guard change == .delete, columns.contains(where: \.isKey) else { return values }
    return zip(columns, values).map { $0.isKey ? $1 : .null }
  }
}
