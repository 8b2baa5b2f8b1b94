// How values look to people, and what their terminal can do. What programs read (csv, tsv, json,
// ndjson) knows nothing of it.
//
// Invariant: what is absent never looks like a text: NULL is dim where there is colour, and the
// text 'NULL' is in quotes.

import HeadraceColumns
import Headrace
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

struct RowStyle: Sendable, Equatable {
  /// Columns of the screen; nil: nothing is cut or wrapped.
  var width: Int?
  var isColoured = false
  /// The terminal can erase what it shows.
  var isErasable = false
  /// Nothing but ASCII in what is not data.
  var isASCII = false
  /// Times as people write them.
  var isReadable = false
  /// Rows come one by one, so the first ones do not tell how wide the columns will be.
  var isStreaming = false

  /// Of a result on the terminal at descriptor 1.
  static func terminal(isRaw: Bool) -> RowStyle {
    RowStyle(
      width: terminalSize(1).columns, isColoured: TerminalFeatures.hasColour(1),
      isErasable: !TerminalFeatures.isDumb, isASCII: TerminalFeatures.isASCII, isReadable: !isRaw)
  }

  var ellipsis: String { isASCII ? "..." : "…" }
  var ellipsisWidth: Int { isASCII ? 3 : 1 }
}

/// A value as it is shown.
struct ShownCell {
  var text: String
  /// Columns of the terminal that it takes.
  var width: Int
  /// There is no value.
  var isAbsent = false
}

extension RowStyle {
  /// The cells of a row; a deletion has a key and nothing else.
  func cells(_ row: ResultRow, _ columns: [ResultColumn]) -> [ShownCell] {
    let isDeleted = row.change == .delete && columns.contains(where: \.isKey)
    return columns.indices.map { index in
      if isDeleted, !columns[index].isKey {
        return ShownCell(text: "<deleted>", width: 9, isAbsent: true)
      }
      return cell(row.values[index], columns[index])
    }
  }

  func cell(_ value: Value, _ column: ResultColumn) -> ShownCell {
    if value.isNull { return ShownCell(text: "NULL", width: 4, isAbsent: true) }
    return Self.cell(text(of: value, column))
  }

  /// Control bytes are escaped: no value can steer the terminal.
  static func cell(_ text: String) -> ShownCell {
    var text = text
    let isPlain = text.withUTF8 { bytes in bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }
    if isPlain { return ShownCell(text: text, width: text.utf8.count) }
    let shown = DisplayedText(Array(text.replacing("\n", with: "\\n").utf8)[...])
    return ShownCell(text: shown.text, width: shown.width)
  }

  /// A value that is not NULL.
  func text(of value: Value, _ column: ResultColumn) -> String {
    switch value {
    case .string(let text): text == "NULL" ? "'NULL'" : text
    case .timestamp(let time) where isReadable: Self.readable(time)
    case .bigint(let time) where isReadable && Self.isTime(column): Self.readable(time)
    default: JSONText.plain(value, column.type)
    }
  }

  /// Numbers stand at the right.
  func isRight(_ column: ResultColumn) -> Bool {
    column.type.isNumeric && !(isReadable && Self.isTime(column))
  }

  private static let times = SystemColumn.windowBounds + [SystemColumn.rowtime]

  /// A BIGINT that is known to be a time.
  static func isTime(_ column: ResultColumn) -> Bool {
    column.type == .bigint && times.contains(column.name)
  }

  /// `2023-11-14 22:15:00Z`, with a fraction where there is one.
  static func readable(_ milliseconds: Int64) -> String {
    var text = isoTimestamp(milliseconds).replacing("T", with: " ")
    if text.hasSuffix(".000") { text.removeLast(4) }
    return text + "Z"
  }

  /// The columns that a value of the type takes at least while rows are streaming; 1 otherwise.
  func minimum(_ column: ResultColumn) -> Int {
    guard isStreaming else { return 1 }
    switch column.type {
    case .boolean: return 5
    case .timestamp: return isReadable ? 20 : 23
    case .date, .int: return 10
    case .bigint where isReadable && Self.isTime(column): return 20
    case .bigint, .double, .decimal, .string, .bytes, .time, .array, .map, .structure: return 12
    }
  }

  /// What the cell shows in at most so many columns; the second is true when something was cut off.
  func fitted(_ cell: ShownCell, _ width: Int) -> (cell: ShownCell, isCut: Bool) {
    guard cell.width > width else { return (cell, false) }
    let mark = min(ellipsisWidth, width)
    let kept = DisplayedText(Array(cell.text.utf8)[...]).prefix(width: width - mark)
    let text = kept.text + ellipsis.prefix(mark)
    return (ShownCell(text: text, width: kept.width + mark, isAbsent: cell.isAbsent), true)
  }

  func append(_ cell: ShownCell, into bytes: inout [UInt8]) {
    guard isColoured, cell.isAbsent else { return bytes.append(contentsOf: cell.text.utf8) }
    Output.Mark.dim.append(into: &bytes)
    bytes.append(contentsOf: cell.text.utf8)
    Output.Mark.plain.append(into: &bytes)
  }
}
