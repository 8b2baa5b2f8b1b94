// A table in a box. Columns are as wide as the first rows need; when some that come later need more, the box is closed and
// another one with wider columns goes on below it, so that nothing is cut and nothing is kept. Control bytes are escaped: no value can steer the terminal.

import HeadraceColumns
import Headrace
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

struct BoxLayout: RowLayout {
  private struct Cell {
    var text: String
    var width: Int
  }

  private let columns: [ResultColumn]
  private let isStreaming: Bool
  private var widths: [Int] = []

  init(_ columns: [ResultColumn], isStreaming: Bool = false) {
    self.columns = columns
    self.isStreaming = isStreaming
  }

  /// Nothing yet: the widths come from the first rows.
  func begin(into bytes: inout [UInt8]) {}

  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    guard !rows.isEmpty else { return }
    let cells = rows.map { row in
      columns.indices.map { index in
        cell(row, index)
      }
    }
    if widths.isEmpty { begin(cells, into: &bytes) } else { widen(cells, into: &bytes) }
    for row in cells { line(row, into: &bytes) }
  }

  /// Columns grow by more than a row needs, so that values that grow from row to row do not begin a box with each.
  private mutating func widen(_ cells: [[Cell]], into bytes: inout [UInt8]) {
    let needed = columns.indices.map { index in cells.lazy.map { $0[index].width }.max() ?? 0 }
    guard columns.indices.contains(where: { needed[$0] > widths[$0] }) else { return }
    rule("└", "┴", "┘", into: &bytes)
    for index in columns.indices where needed[index] > widths[index] {
      widths[index] = needed[index] + needed[index] / 4
    }
    header(into: &bytes)
  }

  mutating func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {
    if widths.isEmpty { begin([], into: &bytes) }
    rule("└", "┴", "┘", into: &bytes)
    let reason = note.map { $0 == "Query Completed" ? "" : ", \($0)" } ?? ""
    let count = "(\(groupedCount(rowCount, "row"))\(reason))\n"
    bytes.append(contentsOf: count.utf8)
  }

  private mutating func begin(_ cells: [[Cell]], into bytes: inout [UInt8]) {
    let header = columns.map { Self.cell($0.name) }
    widths = columns.indices.map { index in
      max(
        minimum(columns[index].type), header[index].width,
        cells.lazy.map { $0[index].width }.max() ?? 0)
    }
    self.header(into: &bytes)
  }

  private func header(into bytes: inout [UInt8]) {
    rule("┌", "┬", "┐", into: &bytes)
    line(columns.map { Self.cell($0.name) }, isHeader: true, into: &bytes)
    rule("├", "┼", "┤", into: &bytes)
  }

  private func minimum(_ type: DataType) -> Int {
    guard isStreaming else { return 1 }
    switch type {
    case .boolean: return 5
    case .timestamp: return 23
    case .date, .int: return 10
    case .bigint, .double, .decimal, .string, .bytes, .time, .array, .map, .structure: return 12
    }
  }

  private func cell(_ row: ResultRow, _ index: Int) -> Cell {
    let column = columns[index]
    if row.change == .delete, !column.isKey, columns.contains(where: \.isKey) {
      return Self.cell("<deleted>")
    }
    let value = row.values[index]
    return value.isNull ? Cell(text: "NULL", width: 4) : Self.cell(text(of: value, column.type))
  }

  private static func cell(_ text: String) -> Cell {
    var text = text
    let isPlain = text.withUTF8 { bytes in bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }
    if isPlain { return Cell(text: text, width: text.utf8.count) }
    let shown = DisplayedText(Array(text.replacing("\n", with: "\\n").utf8)[...])
    return Cell(text: shown.text, width: shown.width)
  }

  private func line(_ cells: [Cell], isHeader: Bool = false, into bytes: inout [UInt8]) {
    for (index, cell) in cells.enumerated() {
      bytes.append(contentsOf: (index == 0 ? "│ " : " │ ").utf8)
      let padding = repeatElement(UInt8(ascii: " "), count: max(0, widths[index] - cell.width))
      let isRight = columns[index].type.isNumeric && !isHeader
      if isRight { bytes.append(contentsOf: padding) }
      bytes.append(contentsOf: cell.text.utf8)
      if !isRight { bytes.append(contentsOf: padding) }
    }
    bytes.append(contentsOf: " │\n".utf8)
  }

  private func rule(
    _ left: String, _ middle: String, _ right: String, into bytes: inout [UInt8]
  ) {
    bytes.append(contentsOf: left.utf8)
    for (index, width) in widths.enumerated() {
      if index > 0 { bytes.append(contentsOf: middle.utf8) }
      for _ in 0..<width + 2 { bytes.append(contentsOf: "─".utf8) }
    }
    bytes.append(contentsOf: (right + "\n").utf8)
  }
}
