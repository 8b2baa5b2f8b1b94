// A table in a box. Columns are as wide as the first rows need; when some that come later need
// more, and the screen has room, the box is closed and another one with wider columns goes on below
// it, so that nothing is kept.
//
// On a terminal no line is longer than the screen: values are cut, columns left out, and the end
// says so.

import Headrace
import HeadraceFoundations

struct BoxLayout: RowLayout {
  private let columns: [ResultColumn]
  private let headers: [ShownCell]
  private let style: RowStyle
  private let signs: BoxSigns
  /// The widest value of each column so far, with some room for growth; empty before the first box.
  private var widths: [Int] = []
  private var fit = BoxFit([], width: nil, gapWidth: 0)
  private var hasRows = false
  private var cutCount = 0

  init(_ columns: [ResultColumn], _ style: RowStyle) {
    self.columns = columns
    self.style = style
    signs = style.isASCII ? .ascii : .unicode
    headers = columns.map { RowStyle.cell($0.name) }
  }

  /// Whether these rows need no more than the screen has.
  func hasRoom(for cells: [[ShownCell]]) -> Bool {
    guard let width = style.width else { return true }
    return BoxFit.total(needs(needed(cells)).map(\.natural)) <= width
  }

  /// While rows are streaming the header is there before them; otherwise the first rows say how
  /// wide it is.
  mutating func begin(into bytes: inout [UInt8]) {
    if style.isStreaming { begin([], into: &bytes) }
  }

  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    guard !rows.isEmpty else { return }
    let cells = rows.map { style.cells($0, columns) }
    if widths.isEmpty { begin(cells, into: &bytes) } else { widen(cells, into: &bytes) }
    hasRows = true
    for row in cells { line(row, into: &bytes) }
  }

  private func needed(_ cells: [[ShownCell]]) -> [Int] {
    columns.indices.map { index in
      max(style.minimum(columns[index]), cells.lazy.map { $0[index].width }.max() ?? 0)
    }
  }

  private func needs(_ widths: [Int]) -> [BoxFit.Need] {
    columns.indices.map { index in
      let type = columns[index].type
      let isWhole = type.isNumeric || type == .timestamp || type == .date || type == .time
      let floor = isWhole ? widths[index] : min(widths[index], BoxFit.floorMax)
      return BoxFit.Need(
        natural: max(widths[index], headers[index].width),
        floor: max(floor, min(headers[index].width, BoxFit.floorMax)))
    }
  }

  private func fitted() -> BoxFit {
    BoxFit(needs(widths), width: style.width, gapWidth: style.ellipsisWidth)
  }

  private mutating func begin(_ cells: [[ShownCell]], into bytes: inout [UInt8]) {
    widths = needed(cells)
    fit = fitted()
    header(into: &bytes)
  }

  /// Columns grow by more than a row needs, so that values that grow from row to row do not begin a
  /// box with each.
  private mutating func widen(_ cells: [[ShownCell]], into bytes: inout [UInt8]) {
    let needed = needed(cells)
    let growing = columns.indices.filter { needed[$0] > max(widths[$0], headers[$0].width) }
    guard !growing.isEmpty else { return }
    for index in growing {
      widths[index] = needed[index] + (hasRows ? needed[index] / 4 : 0)
    }
    let wider = fitted()
    guard wider != fit else { return }
    if hasRows || !style.isErasable {
      rule(signs.bottom, into: &bytes)
    } else {
      erase(into: &bytes)
    }
    fit = wider
    header(into: &bytes)
  }

  /// Takes back a header with no row below it.
  func erase(into bytes: inout [UInt8]) {
    for _ in 0..<3 { Output.Mark.eraseLine.append(into: &bytes) }
  }

  mutating func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {
    if widths.isEmpty { begin([], into: &bytes) }
    rule(signs.bottom, into: &bytes)
    bytes.append(contentsOf: rowCountLine(rowCount, note).utf8)
    let left = columns.count - fit.shown.count
    var missing: [String] = []
    if left > 0 { missing.append("\(left) of \(columns.count) columns") }
    if cutCount > 0 {
      missing.append("the end\(cutCount == 1 ? "" : "s") of \(groupedCount(cutCount, "value"))")
    }
    guard !missing.isEmpty else { return }
    let line = "not shown: \(missing.joined(separator: ", ")); mode vertical shows all\n"
    bytes.append(contentsOf: line.utf8)
  }

  private mutating func header(into bytes: inout [UInt8]) {
    rule(signs.top, into: &bytes)
    let before = cutCount
    line(headers, isHeader: true, into: &bytes)
    cutCount = before
    rule(signs.middle, into: &bytes)
  }

  private mutating func line(
    _ cells: [ShownCell], isHeader: Bool = false, into bytes: inout [UInt8]
  ) {
    for (place, index) in fit.shown.enumerated() {
      if place == fit.gap {
        bytes.append(contentsOf: "\(place == 0 ? "" : " ")\(signs.bar) \(style.ellipsis)".utf8)
      }
      bytes.append(contentsOf: "\(place == 0 ? "" : " ")\(signs.bar) ".utf8)
      let width = fit.widths[place]
      let (cell, isCut) = style.fitted(cells[index], width)
      if isCut { cutCount += 1 }
      let padding = repeatElement(UInt8(ascii: " "), count: max(0, width - cell.width))
      let isRight = style.isRight(columns[index]) && !isHeader
      if isRight { bytes.append(contentsOf: padding) }
      style.append(cell, into: &bytes)
      if !isRight { bytes.append(contentsOf: padding) }
    }
    if fit.gap == fit.shown.count {
      bytes.append(contentsOf: " \(signs.bar) \(style.ellipsis)".utf8)
    }
    bytes.append(contentsOf: " \(signs.bar)\n".utf8)
  }

  private func rule(_ ends: BoxSigns.Rule, into bytes: inout [UInt8]) {
    var widths = fit.widths
    if let gap = fit.gap { widths.insert(style.ellipsisWidth, at: gap) }
    bytes.append(contentsOf: ends.left.utf8)
    for (index, width) in widths.enumerated() {
      if index > 0 { bytes.append(contentsOf: ends.cross.utf8) }
      for _ in 0..<width + 2 { bytes.append(contentsOf: signs.line.utf8) }
    }
    bytes.append(contentsOf: (ends.right + "\n").utf8)
  }
}

/// What boxes are drawn with.
struct BoxSigns {
  struct Rule {
    var left: String
    var cross: String
    var right: String
  }

  var top: Rule
  var middle: Rule
  var bottom: Rule
  var bar: String
  var line: String

  static let unicode = BoxSigns(
    top: Rule(left: "┌", cross: "┬", right: "┐"), middle: Rule(left: "├", cross: "┼", right: "┤"),
    bottom: Rule(left: "└", cross: "┴", right: "┘"), bar: "│", line: "─")

  static let ascii = BoxSigns(
    top: Rule(left: "+", cross: "+", right: "+"), middle: Rule(left: "+", cross: "+", right: "+"),
    bottom: Rule(left: "+", cross: "+", right: "+"), bar: "|", line: "-")
}

/// `(3 rows, Limit Reached)`.
func rowCountLine(_ count: Int, _ note: String?) -> String {
  let reason = note.map { $0 == "Query Completed" ? "" : ", \($0)" } ?? ""
  return "(\(groupedCount(count, "row"))\(reason))\n"
}
