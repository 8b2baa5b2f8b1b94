// What Tab offers, from the words before the cursor: a statement's first word, sources after FROM and JOIN,
// property names inside WITH (...), and columns, functions and keywords elsewhere.

import Headrace
import HeadraceFormats
import HeadraceFoundations
import HeadraceSyntax

struct Completion {
  private static let starts = [
    "ALTER", "ASSERT", "COPY", "CREATE", "DEFINE", "DESCRIBE", "DROP", "EXPLAIN", "INSERT INTO",
    "LIST", "PAUSE", "PRINT", "RESUME", "RUN SCRIPT", "SELECT", "SET", "SHOW", "TERMINATE",
    "UNDEFINE", "UNSET", "VALUES", "WITH",
  ]
  private static let listings = [
    "ALL TOPICS", "ERRORS", "FUNCTIONS", "PROCESSES", "PROPERTIES", "QUERIES", "STREAMS", "TABLES",
    "TOPICS", "TYPES", "VARIABLES",
  ]
  private static let formats = RecordFormats.all.map { "'\($0.name)'" }

  let names: CatalogNames

  /// Candidates for the word that begins with `prefix`, best first. `before`: the statement up to it.
  func candidates(before: String, prefix: String) -> [String] {
    if prefix.hasPrefix("."), before.allSatisfy(\.isWhitespace) {
      return matching(prefix, DotCommand.names)
    }
    let words = Self.words(before)
    guard let last = words.last, last != ";" else { return matching(prefix, Self.starts) }
    if let settings = Self.settings(before) { return matching(prefix, settings) }
    if let place = Self.openWith(words) { return matching(prefix, property(words, place)) }
    let sources = names.sources.map(\.name)
    switch last {
    case "FROM", "JOIN", "INTO", "DESCRIBE":
      return matching(prefix, sources)
    case "STREAM", "TABLE", "EXISTS":
      let isDrop = words.contains("DROP") || words.contains("ALTER")
      return matching(prefix, isDrop ? sources + ["IF EXISTS"] : ["IF NOT EXISTS"])
    case "PRINT": return matching(prefix, names.topics)
    case "TERMINATE", "PAUSE", "RESUME": return matching(prefix, names.queries + ["ALL"])
    case "EXPLAIN":
      return matching(
        prefix, names.queries + ["AST", "LOGICAL", "OPTIMIZED", "PHYSICAL", "SELECT"])
    case "SHOW", "LIST": return matching(prefix, Self.listings)
    case "CREATE":
      return matching(prefix, ["OR REPLACE", "SOURCE", "STREAM", "TABLE", "TYPE"])
    default:
      // Nothing typed yet: keywords would drown what is the user's own.
      let keywords = prefix.isEmpty ? [] : Keywords.all
      let functions = prefix.isEmpty ? [] : names.functions
      return matching(prefix, columns(words) + functions + sources + keywords)
    }
  }

  /// Columns of the sources that the statement names; of all while it names none.
  private func columns(_ words: [String]) -> [String] {
    let named = names.sources.filter { source in
      words.contains { $0 == source.name.uppercased() }
    }
    var seen: Set<String> = []
    return (named.isEmpty ? names.sources : named).flatMap(\.columns).filter {
      seen.insert($0).inserted
    }.sorted()
  }

  /// Names of properties behind SET and UNSET, and what the one takes that is named; nil elsewhere. They are in quotes,
  /// of which the first may be typed already.
  private static func settings(_ before: String) -> [String]? {
    let statement = before.split(separator: ";", omittingEmptySubsequences: false).last ?? ""
    // What stands between the quotes is at the odd places.
    let parts = statement.split(separator: "'", omittingEmptySubsequences: false).map {
      (text: $0, words: $0.uppercased().split(whereSeparator: \.isWhitespace))
    }
    guard let start = parts.first, start.words == ["SET"] || start.words == ["UNSET"],
      start.text.last?.isWhitespace ?? false,
      parts.count % 2 == 1 || parts[parts.count - 1].text.isEmpty
    else { return nil }
    let found: [String]
    switch parts.count {
    case 1, 2:
      found = SessionProperty.all.map(\.name)
    case 3, 4:
      guard start.words == ["SET"], !parts[1].text.isEmpty, parts[2].words == ["="] else {
        return nil
      }
      found = SessionProperty.named(String(parts[1].text))?.candidates ?? []
    default:
      return nil
    }
    return before.hasSuffix("'") ? found : found.map { "'\($0)'" }
  }

  /// The word that is open inside WITH ( ... ; nil outside of it.
  private static func openWith(_ words: [String]) -> Int? {
    guard let open = words.lastIndex(of: "("), open > 0, words[open - 1] == "WITH",
      !words[open...].contains(")")
    else { return nil }
    return open
  }

  private func property(_ words: [String], _ open: Int) -> [String] {
    if words.last == "=" {
      let isFormat = words[words.count - 2].hasSuffix("FORMAT")
      return isFormat ? Self.formats : []
    }
    let used = Set(words[open...])
    return names.withProperties.filter { !used.contains($0) }
  }

  /// Those that begin with the prefix, in the case in which it was typed.
  private func matching(_ prefix: String, _ all: [String]) -> [String] {
    let wanted = prefix.uppercased()
    let isLower = prefix.first?.isLowercase ?? false
    var seen: Set<String> = []
    return all.filter {
      $0.uppercased().hasPrefix(wanted) && seen.insert($0.uppercased()).inserted
    }.map { name in
      isLower && name == name.uppercased() ? name.lowercased() : name
    }
  }

  /// Words in upper case and single marks; strings count as one word.
  static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil }
        continue
      }
      if character.isLetter || character.isNumber || character == "_" || character == "." {
        word.append(character)
        continue
      }
      if !word.isEmpty { words.append(word.uppercased()) }
      word = ""
      if character == "'" || character == "\"" || character == "`" {
        quote = character
        words.append("'")
      } else if !character.isWhitespace {
        words.append(String(character))
      }
    }
    if !word.isEmpty { words.append(word.uppercased()) }
    if let end = words.lastIndex(of: ";") { words.removeFirst(end + 1) }
    return words
  }
}
