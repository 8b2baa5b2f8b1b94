// Shows a diagnostic with the line it is about:
//
//   error[unknown-column]: column "pagid" does not exist in stream "pageviews"
//     --> top.sql:3:8
//   3 | SELECT pagid, COUNT(*) FROM pageviews
//     |        ^^^^^ hint: did you mean "pageid"?
//
// Further lines of a hint, and the detail, stand below. Invariant: no control byte of the text
// reaches the output, and every caret stands under what it marks: tabs are widened, control bytes
// and broken UTF-8 escaped, wide characters count two.

import HeadraceFoundations

extension Diagnostic {
  /// Several lines, without a line end after the last.
  public func rendered(in source: SourceText) -> String {
    let span = source.visible(span)
    let position = source.position(of: span)
    let shownLabels = labels.map { (label: $0, position: source.position(of: $0.span)) }
    let lastLine = max(position.line, shownLabels.map(\.position.line).max() ?? 0)
    let gutter = String(repeating: " ", count: String(lastLine).utf8.count)

    var lines = ["\(severity.rawValue)[\(id)]: \(escaped(message))"]
    lines.append(
      "\(gutter) --> \(escaped(source.name)):\(position.line):\(position.column)")
    let excerpt = Excerpt(of: span, in: source)
    lines.append("\(padded(position.line, like: gutter)) | \(excerpt.text)")
    let mark =
      String(repeating: " ", count: excerpt.indent)
      + String(repeating: "^", count: excerpt.width)
    let hints = hint?.split(separator: "\n").map { escaped(String($0)) } ?? []
    lines.append("\(gutter) | \(mark)\(hints.first.map { " hint: \($0)" } ?? "")")
    for more in hints.dropFirst() { lines.append("\(gutter) = \(more)") }
    for (label, place) in shownLabels {
      let excerpt = Excerpt(of: label.span, in: source)
      if place.line != position.line {
        lines.append("\(padded(place.line, like: gutter)) | \(excerpt.text)")
      }
      let mark =
        String(repeating: " ", count: excerpt.indent)
        + String(repeating: "-", count: excerpt.width)
      lines.append("\(gutter) | \(mark) \(escaped(label.text))")
    }
    for line in detail?.split(separator: "\n", omittingEmptySubsequences: false) ?? [] {
      lines.append("\(gutter) = \(escaped(String(line)))")
    }
    return lines.joined(separator: "\n")
  }

  /// Where it is shown, from the first place to the one behind the last.
  public func place(
    in source: SourceText
  ) -> (start: SourceText.Position, end: SourceText.Position) {
    let span = source.visible(span)
    return (source.position(of: span), source.position(at: max(Int(span.end), Int(span.start))))
  }

  private func padded(_ line: Int, like gutter: String) -> String {
    let text = String(line)
    return String(repeating: " ", count: max(0, gutter.utf8.count - text.utf8.count)) + text
  }

  private func escaped(_ text: String) -> String {
    text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
      ? DisplayedText(Array(text.utf8)[...]).cells.map(\.text).joined() : text
  }
}

/// The line that a span starts on as it is displayed, and where in it the span lies.
struct Excerpt {
  static let widthMax = 160

  let text: String
  /// Units: display columns.
  let indent: Int
  let width: Int

  init(of span: Span, in source: SourceText) {
    let line = source.lineRange(at: Int(span.start))
    let start = min(max(Int(span.start), line.lowerBound), line.upperBound)
    let end = min(max(Int(span.end), start), line.upperBound)
    let before = DisplayedText(source.text[line.lowerBound..<start])
    let marked = DisplayedText(source.text[start..<end], from: before.width)
    let after = DisplayedText(
      source.text[end..<line.upperBound], from: before.width + marked.width)
    guard before.width + marked.width + after.width > Excerpt.widthMax else {
      text = before.text + marked.text + after.text
      indent = before.width
      width = max(1, marked.width)
      return
    }
    // A long line shows what is marked and what stands around it.
    let shownBefore = before.suffix(width: 60)
    let shownMarked = marked.prefix(width: 60)
    let shownAfter = after.prefix(
      width: marked.width > 60 ? 0 : Excerpt.widthMax - shownBefore.width - shownMarked.width)
    let leading = shownBefore.width < before.width ? "..." : ""
    let isCut = shownMarked.width < marked.width || shownAfter.width < after.width
    text = leading + shownBefore.text + shownMarked.text + shownAfter.text + (isCut ? "..." : "")
    indent = leading.utf8.count + shownBefore.width
    width = max(1, shownMarked.width)
  }
}

/// Bytes as a terminal may show them.
package struct DisplayedText {
  struct Cell {
    let text: String
    let width: Int
  }

  static let tabWidth = 4

  private(set) var cells: [Cell] = []
  package private(set) var width = 0

  package var text: String { cells.map(\.text).joined() }

  package init(_ bytes: ArraySlice<UInt8>, from column: Int = 0) {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = bytes.startIndex
    decoding: while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar):
        append(scalar, at: column)
        offset += UTF8.width(scalar)
      case .error:
        // One byte a time: the decoder may have swallowed several.
        append(Cell(text: DisplayedText.hexadecimal(UInt32(bytes[offset])), width: 4))
        offset += 1
        decoder = UTF8()
        iterator = bytes[offset...].makeIterator()
      case .emptyInput: break decoding
      }
    }
  }

  private init(cells: [Cell]) {
    self.cells = cells
    width = cells.reduce(0) { $0 + $1.width }
  }

  private mutating func append(_ cell: Cell) {
    cells.append(cell)
    width += cell.width
  }

  private mutating func append(_ scalar: Unicode.Scalar, at column: Int) {
    switch scalar.value {
    case 0x09:
      let count = DisplayedText.tabWidth - (column + width) % DisplayedText.tabWidth
      append(Cell(text: String(repeating: " ", count: count), width: count))
    case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF:
      let text = DisplayedText.hexadecimal(scalar.value)
      append(Cell(text: text, width: text.utf8.count))
    default:
      append(Cell(text: String(scalar), width: DisplayedText.width(of: scalar)))
    }
  }

  package func prefix(width limit: Int) -> DisplayedText {
    var used = 0
    return DisplayedText(
      cells: Array(
        cells.prefix { cell in
          used += cell.width
          return used <= limit
        }))
  }

  /// The text in lines of at most so many columns; a character that is wider stands alone.
  package func pieces(width limit: Int) -> [DisplayedText] {
    var pieces: [DisplayedText] = []
    var line: [Cell] = []
    var used = 0
    for cell in cells {
      if used + cell.width > limit, !line.isEmpty {
        pieces.append(DisplayedText(cells: line))
        line = []
        used = 0
      }
      line.append(cell)
      used += cell.width
    }
    if !line.isEmpty || pieces.isEmpty { pieces.append(DisplayedText(cells: line)) }
    return pieces
  }

  func suffix(width limit: Int) -> DisplayedText {
    var used = 0
    var count = 0
    for cell in cells.reversed() {
      used += cell.width
      guard used <= limit else { break }
      count += 1
    }
    return DisplayedText(cells: cells.suffix(count))
  }

  private static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return value < 0x100
      ? "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits : "\\u{\(digits)}"
  }

  /// East Asian wide characters and pictographs take two columns, marks over a letter none.
  private static func width(of scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x0300...0x036F, 0x20D0...0x20FF, 0xFE00...0xFE0F: 0
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
      0x1F900...0x1F9FF, 0x1FA70...0x1FAFF,
      0x20000...0x3FFFD:
      2
    default: 1
    }
  }
}
