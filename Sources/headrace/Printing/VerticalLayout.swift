// Each row as lines of `NAME | value`: for what is too wide for a box. Nothing is cut; what is
// longer than the screen goes on below itself.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

struct VerticalLayout: RowLayout {
  private let columns: [ResultColumn]
  private let style: RowStyle
  private let names: [ShownCell]
  private let nameWidth: Int
  private let signs: BoxSigns
  private var rowCount = 0

  /// Of the name of a column, of which a long one is cut.
  private static let nameWidthMax = 30
  /// Values are not wrapped into less.
  private static let valueWidthMin = 8
  private static let ruleWidth = 40

  init(_ columns: [ResultColumn], _ style: RowStyle) {
    self.columns = columns
    self.style = style
    signs = style.isASCII ? .ascii : .unicode
    let limit = style.width.map { max(4, min(Self.nameWidthMax, $0 / 2)) }
    names = columns.map { column in
      let cell = RowStyle.cell(column.name)
      return limit.map { style.fitted(cell, $0).cell } ?? cell
    }
    nameWidth = names.map(\.width).max() ?? 0
  }

  func begin(into bytes: inout [UInt8]) {}

  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      rowCount += 1
      let title = "\(signs.line)[ row \(grouped(rowCount)) ]"
      let rest = max(0, min(Self.ruleWidth, style.width ?? Self.ruleWidth) - title.count)
      bytes.append(contentsOf: title.utf8)
      for _ in 0..<rest { bytes.append(contentsOf: signs.line.utf8) }
      bytes.append(0x0A)
      for (name, cell) in zip(names, style.cells(row, columns)) { line(name, cell, into: &bytes) }
    }
  }

  private func line(_ name: ShownCell, _ cell: ShownCell, into bytes: inout [UInt8]) {
    var name = name
    for piece in pieces(cell) {
      bytes.append(contentsOf: name.text.utf8)
      bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: nameWidth - name.width))
      bytes.append(contentsOf: " \(signs.bar) ".utf8)
      style.append(piece, into: &bytes)
      bytes.append(0x0A)
      name = ShownCell(text: "", width: 0)
    }
  }

  private func pieces(_ cell: ShownCell) -> [ShownCell] {
    guard let width = style.width else { return [cell] }
    let room = max(Self.valueWidthMin, width - nameWidth - 3)
    guard cell.width > room else { return [cell] }
    return DisplayedText(Array(cell.text.utf8)[...]).pieces(width: room).map {
      ShownCell(text: $0.text, width: $0.width)
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {
    bytes.append(contentsOf: rowCountLine(rowCount, note).utf8)
  }
}

/// A box while rows fit the screen, otherwise lines of names and values; the first rows decide.
struct AutoLayout: RowLayout {
  private let columns: [ResultColumn]
  private let style: RowStyle
  private let box: BoxLayout
  private var chosen: (any RowLayout)?
  private var hasRows = false

  init(_ columns: [ResultColumn], _ style: RowStyle) {
    self.columns = columns
    self.style = style
    box = BoxLayout(columns, style)
  }

  mutating func begin(into bytes: inout [UInt8]) {
    guard style.isStreaming, box.hasRoom(for: []) else { return }
    var box = box
    box.begin(into: &bytes)
    chosen = box
  }

  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    guard !rows.isEmpty else { return }
    if !hasRows {
      let isWide = !box.hasRoom(for: rows.map { style.cells($0, columns) })
      // A header that cannot be taken back stays, and what does not fit below it is cut.
      if isWide, chosen == nil || style.isErasable {
        if chosen != nil { box.erase(into: &bytes) }
        chosen = VerticalLayout(columns, style)
      }
      hasRows = true
    }
    var layout = chosen ?? box
    chosen = nil
    layout.append(rows, into: &bytes)
    chosen = layout
  }

  mutating func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {
    var layout: any RowLayout = chosen ?? box
    if chosen == nil, !box.hasRoom(for: []) { layout = VerticalLayout(columns, style) }
    layout.end(rowCount: rowCount, note: note, into: &bytes)
    chosen = layout
  }
}
