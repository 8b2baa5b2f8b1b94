// Tables for documents: Markdown as GitHub has it, and HTML.

import HeadraceColumns
import Headrace
import HeadraceFoundations

struct MarkdownLayout: RowLayout {
  let columns: [ResultColumn]
  let style: RowStyle

  func begin(into bytes: inout [UInt8]) {
    line(columns.map { Self.escaped(RowStyle.cell($0.name).text) }, into: &bytes)
    line(columns.map { style.isRight($0) ? "---:" : "---" }, into: &bytes)
  }

  func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      line(style.cells(row, columns).map { Self.escaped($0.text) }, into: &bytes)
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {}

  private func line(_ cells: [String], into bytes: inout [UInt8]) {
    bytes.append(contentsOf: "| \(cells.joined(separator: " | ")) |\n".utf8)
  }

  private static func escaped(_ text: String) -> String {
    guard text.utf8.contains(where: { "\\|<*`".utf8.contains($0) }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if "\\|<*`".unicodeScalars.contains(scalar) { result.unicodeScalars.append("\\") }
      result.unicodeScalars.append(scalar)
    }
    return result
  }
}

struct HTMLLayout: RowLayout {
  let columns: [ResultColumn]
  let style: RowStyle

  func begin(into bytes: inout [UInt8]) {
    let names = columns.map { "<th>\(Self.escaped(RowStyle.cell($0.name).text))</th>" }
    let text = "<table>\n<thead><tr>\(names.joined())</tr></thead>\n<tbody>\n"
    bytes.append(contentsOf: text.utf8)
  }

  func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      let cells = zip(columns, style.cells(row, columns)).map { column, cell in
        let text = Self.escaped(cell.text)
        let isRight = style.isRight(column)
        return
          "<td\(isRight ? " align=\"right\"" : "")>\(cell.isAbsent ? "<i>\(text)</i>" : text)</td>"
      }
      bytes.append(contentsOf: "<tr>\(cells.joined())</tr>\n".utf8)
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {
    bytes.append(contentsOf: "</tbody>\n</table>\n".utf8)
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
