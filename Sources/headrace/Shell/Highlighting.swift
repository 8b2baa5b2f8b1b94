// How each byte of what is being typed is shown: keywords, strings, numbers, comments, the bracket
// that belongs to the one at the cursor, and names that nothing has.
//
// A name is marked only when it is surely wrong: whatever the catalog or the statement itself
// knows, in whatever place, is left alone, and so is the word that is being typed.

import CHeadraceReadline
import Headrace
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct Highlighting {
  /// Longer texts are shown plainly: to look at all of it with every key would be felt.
  static let bytesMax = 64 << 10

  let names: KnownNames

  /// `point`: where the cursor is.
  func styles(_ bytes: [UInt8], point: Int) -> [UInt8] {
    var styles = [UInt8](repeating: UInt8(HEADRACE_PLAIN.rawValue), count: bytes.count)
    guard bytes.count <= Self.bytesMax, let first = bytes.first(where: { $0 > 0x20 }),
      first != UInt8(ascii: "."), first != UInt8(ascii: "\\")
    else { return styles }
    let source = SourceText(name: "shell", text: bytes)
    let marks = Parser.marks(in: source)
    func put(_ style: headrace_style, _ range: Range<Int>) {
      for index in range where index < styles.count { styles[index] = UInt8(style.rawValue) }
    }
    for mark in marks {
      switch mark.kind {
      case .keyword: put(HEADRACE_KEYWORD, mark.range)
      case .string: put(HEADRACE_STRING, mark.range)
      case .number: put(HEADRACE_NUMBER, mark.range)
      case .comment: put(HEADRACE_COMMENT, mark.range)
      case .name, .quotedName, .symbol: break
      }
    }
    for range in unknown(source, marks, point) { put(HEADRACE_UNKNOWN, range) }
    for index in Self.brackets(bytes, marks, point) { put(HEADRACE_BRACKET, index..<index + 1) }
    return styles
  }

  // MARK: - Brackets

  /// The bracket before the cursor, or at it, and the other one of the pair.
  private static func brackets(_ bytes: [UInt8], _ marks: [TextMark], _ point: Int) -> [Int] {
    let symbols = marks.filter { $0.kind == .symbol && $0.range.count == 1 }
    var open: [Int] = []
    for mark in symbols {
      let place = mark.range.lowerBound
      switch bytes[place] {
      case UInt8(ascii: "("), UInt8(ascii: "["): open.append(place)
      case UInt8(ascii: ")"), UInt8(ascii: "]"):
        guard let other = open.popLast() else { continue }
        let fits = (bytes[other] == UInt8(ascii: "(")) == (bytes[place] == UInt8(ascii: ")"))
        let isNear = [other, place].contains { $0 == point - 1 || $0 == point }
        if fits, isNear { return [other, place] }
      default: break
      }
    }
    return []
  }

  // MARK: - Names

  private func unknown(
    _ source: SourceText, _ marks: [TextMark], _ point: Int
  ) -> [Range<Int>] {
    guard !names.isEmpty else { return [] }
    let words = marks.filter { $0.kind != .comment }
    var statement = StatementNames()
    for mark in words { statement.note(mark.word(in: source), mark) }
    guard statement.isChecked else { return [] }
    return words.enumerated().compactMap { index, mark in
      guard mark.kind == .name, !(mark.range.lowerBound..<mark.range.upperBound + 1).contains(point)
      else { return nil }
      let name = mark.word(in: source)
      let before = index > 0 ? words[index - 1].word(in: source) : ""
      if before == "->" || names.contains(name) || statement.made.contains(name) { return nil }
      return mark.range
    }
  }
}

/// Every name that the catalog and the language know, in upper case.
struct KnownNames {
  private static let types = [
    "BIGINT", "BOOLEAN", "BYTES", "DOUBLE", "INT", "INTEGER", "STRING", "VARCHAR",
  ]

  private var names: Set<String> = []

  init(_ catalog: CatalogNames) {
    for source in catalog.sources {
      names.insert(source.name.uppercased())
      for column in source.columns { names.insert(column.uppercased()) }
    }
    for list in [
      catalog.functions, catalog.topics, catalog.queries, catalog.withProperties, Self.types,
    ] {
      for name in list { names.insert(name.uppercased()) }
    }
    names.formUnion(SystemColumn.all)
  }

  var isEmpty: Bool { names.isEmpty }
  func contains(_ name: String) -> Bool { names.contains(name) }
}

/// The names that a statement makes itself.
private struct StatementNames {
  private(set) var made: Set<String> = []
  private var first = ""
  /// The last words, the latest one first.
  private var before: [String] = []
  private var last: TextMark.Kind?
  /// Between the parentheses behind a new name, as in `AS e (x, n)`.
  private var isInList = false

  /// Names in queries are known somewhere; elsewhere most are new.
  var isChecked: Bool { ["SELECT", "WITH", "INSERT", "DESCRIBE", "EXPLAIN"].contains(first) }

  mutating func note(_ word: String, _ mark: TextMark) {
    if first.isEmpty { first = word }
    defer {
      last = mark.kind
      before = [word] + before.prefix(2)
    }
    let previous = before.first ?? ""
    switch word {
    case "=>", ":=": made.insert(previous)
    case "(":
      isInList = made.contains(previous)
      // A common table.
      if previous == "AS", before.count > 1 { made.insert(before[1]) }
    case ")": isInList = false
    default: break
    }
    guard mark.kind == .name || mark.kind == .keyword && !mark.isReserved else { return }
    if isInList || isAlias(after: previous) { made.insert(word) }
  }

  /// Behind AS, and behind a source or an expression, where nothing but an alias can stand.
  private func isAlias(after word: String) -> Bool {
    if ["AS", "WITH", "WINDOW", ")", "]"].contains(word) { return true }
    switch last {
    case .name, .quotedName, .number, .string: return true
    case .keyword, .comment, .symbol, nil: return false
    }
  }
}
