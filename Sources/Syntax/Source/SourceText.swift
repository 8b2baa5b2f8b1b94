// A text to be parsed, with its name for messages and an index of its line starts.
//
// A statement cut out of a larger text keeps its place there: `firstLine` and `firstColumn` are
// added to every position, so that diagnostics still name the line of the whole file.

import HeadraceFoundations

/// The text of a script, of one statement or of a configuration value.
public struct SourceText: Sendable {
  /// One-based; columns count Unicode scalars.
  public struct Position: Hashable, Sendable {
    public let line: Int
    public let column: Int
  }

  public let name: String
  public let text: [UInt8]
  public let firstLine: Int
  public let firstColumn: Int
  private let lineStarts: [Int]

  public init(name: String, text: [UInt8], firstLine: Int = 1, firstColumn: Int = 1) {
    self.name = name
    self.text = text
    self.firstLine = firstLine
    self.firstColumn = firstColumn
    var starts = [0]
    for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") {
      starts.append(offset + 1)
    }
    lineStarts = starts
  }

  public init(name: String, _ text: String, firstLine: Int = 1, firstColumn: Int = 1) {
    self.init(name: name, text: Array(text.utf8), firstLine: firstLine, firstColumn: firstColumn)
  }

  /// Complexity: O(log lines + length of the line).
  public func position(at offset: Int) -> Position {
    let offset = min(max(offset, 0), text.count)
    let line = lineIndex(at: offset)
    var column = 1
    for byte in text[lineStarts[line]..<offset] where byte & 0xC0 != 0x80 { column += 1 }
    if line == 0 { column += firstColumn - 1 }
    return Position(line: line + firstLine, column: column)
  }

  public func position(of span: Span) -> Position { position(at: Int(span.start)) }

  /// The bytes of the line that holds `offset`, without its line end.
  public func lineRange(at offset: Int) -> Range<Int> {
    let line = lineIndex(at: min(max(offset, 0), text.count))
    var end = line + 1 < lineStarts.count ? lineStarts[line + 1] - 1 : text.count
    if end > lineStarts[line], text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return lineStarts[line]..<end
  }

  /// Where a diagnostic is shown: the span; the first word where there is no span; never an empty
  /// line, but behind the last text before it, or at the first text of all.
  func visible(_ span: Span) -> Span {
    func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 }
    if span.start == 0, span.end == 0, text.count <= Self.searchedBytesMax,
      let word = Lexer(self).tokens.first
    {
      return word.span
    }
    let line = lineRange(at: Int(span.start))
    guard text[line].allSatisfy(isSpace) else { return span }
    let start = min(max(Int(span.start), 0), text.count)
    if let last = text[..<start].lastIndex(where: { !isSpace($0) }) {
      return Span((last + 1)..<(last + 2))
    }
    guard let first = text.firstIndex(where: { !isSpace($0) }) else { return span }
    return Span(first..<(first + 1))
  }

  private static let searchedBytesMax = 1 << 20

  /// The text under a span; damaged UTF-8 is repaired.
  public func string(in span: Span) -> String {
    String(decoding: text[span.range.clamped(to: 0..<text.count)], as: UTF8.self)
  }

  /// A part of this text as a text of its own that still reports positions in this one.
  public func part(_ range: Range<Int>) -> SourceText {
    let range = range.clamped(to: 0..<text.count)
    let position = position(at: range.lowerBound)
    return SourceText(
      name: name, text: Array(text[range]), firstLine: position.line,
      firstColumn: position.column)
  }

  private func lineIndex(at offset: Int) -> Int {
    var low = 0
    var high = lineStarts.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }
}
