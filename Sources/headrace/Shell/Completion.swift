// What Tab offers. The parser says what may stand behind the text before the cursor: words, marks,
// a name, an expression, a type. Where it takes a name, the place says whose: sources behind FROM,
// columns of the sources in scope in an expression, properties in WITH. Names that only the user
// can know (new ones, literals) are offered by nobody.
//
// Order: what belongs to this place first, then the words of the language, then marks.

import Headrace
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

struct Completion {
  struct Offer: Equatable {
    var candidates: [String] = []
    /// What is said above them: how a function is called.
    var note: String?
  }

  /// A statement that is longer gets no words that are forced by the first one: each of them is a
  /// parse.
  private static let lookaheadBytesMax = 4096

  let names: CatalogNames

  func candidates(before: String, prefix: String, after: String = "") -> [String] {
    offer(before: before, prefix: prefix, after: after).candidates
  }

  /// For the word that begins with `prefix`. `before`: all that was typed up to it; `after`: what
  /// follows the cursor.
  func offer(before: String, prefix: String, after: String = "") -> Offer {
    let start = before.trimmingBlanks()
    let isStart = start.isEmpty || start.hasSuffix(";")
    if start.isEmpty, prefix.hasPrefix(".") {
      return Offer(candidates: matching(prefix, DotCommand.names, isLower: true))
    }
    if start.hasPrefix(".") || start.hasPrefix("\\") { return command(before, prefix) }
    let place = CompletionPlace(before: before, after: after, names)
    if let open = place.openQuote { return Offer(candidates: quoted(place, open, prefix)) }
    if let dot = prefix.lastIndex(of: ".") {
      // What is before the point is not completed anew.
      let head = prefix[...dot]
      let tail = String(prefix[prefix.index(after: dot)...])
      var offer = offer(before: before + head, prefix: tail, after: after)
      offer.candidates = offer.candidates.map { head + $0 }
      return offer
    }
    let found = Parser.expectations(after: SourceText(name: "shell", place.text))
    guard let found else {
      // What is before is no beginning of a statement; a name may be meant all the same.
      guard !prefix.isEmpty else { return Offer() }
      return Offer(
        candidates: matching(
          prefix, place.columns() + names.sources.map(\.name).map(Self.written) + Keywords.all,
          isLower: isLower(prefix, place)))
    }
    var all = ranked(place, found, isStart: isStart, prefix)
    // Nothing else stands at the start but a statement and the shell's own words.
    if isStart, !prefix.isEmpty { all += ["EXIT", "HELP", "QUIT"] }
    let candidates = matching(prefix, all, isLower: isLower(prefix, place))
    let note = place.calledFunction.flatMap { prefix.isEmpty ? Self.usage(of: $0) : nil }
    return Offer(candidates: candidates, note: note)
  }

  // MARK: - Commands

  private func command(_ before: String, _ prefix: String) -> Offer {
    let words = before.split(whereSeparator: \.isWhitespace).map { String($0) }
    guard let name = words.first else { return Offer() }
    if [".read", ".save", "\\i", "\\w"].contains(name) {
      let typed = before.dropFirst(name.utf8.count).drop { $0.isWhitespace || $0 == "'" }
      return Offer(candidates: FileNames.candidates(typed: String(typed), prefix: prefix))
    }
    guard words.count == 1 else { return Offer() }
    if ["\\d", "\\d+", ".schema"].contains(name) {
      return Offer(
        candidates: matching(
          prefix, names.sources.map(\.name).map(Self.written), isLower: isLowerCase(prefix)))
    }
    return Offer(
      candidates: matching(prefix, DotCommand.candidates(behind: name), isLower: true))
  }

  // MARK: - Ranking

  private func ranked(
    _ place: CompletionPlace, _ found: Expectations, isStart: Bool, _ prefix: String
  ) -> [String] {
    var own: [String] = []
    let wanted = Array(prefix.uppercased().utf8)
    switch place.role(found) {
    case .sources:
      own =
        named(prefix, place.given + names.sources.map(\.name)) + ["UNNEST(", "GENERATE_SERIES("]
    case .given: own = named(prefix, place.given)
    case .topics: own = names.topics.map(Self.resource)
    case .queries: own = names.queries
    case .functions: own = names.functions
    case .columns(let columns): own = named(prefix, columns)
    case .types: own = Self.types
    case .properties(let used):
      let known = place.isCopy ? ["FORMAT", "HEADER", "ROWTIME"] : names.withProperties
      own = known.filter { !used.contains($0) }
    case .values(let property):
      return values(of: property, place).map { "'\($0)'" } + plain(property)
    case .settings: return SessionProperty.all.map { "'\($0.name)'" }
    case .settingValues(let name):
      return SessionProperty.named(name)?.candidates.map { "'\($0)'" } ?? []
    case .expression:
      own = place.columns(Self.namesMax) { Self.begins($0, wanted) }.map(Self.written)
    case .new, .files: break
    }
    own = Self.beginning(with: prefix, own)
    let words = phrases(found.meant.filter { Self.begins($0, wanted) }, place, isNarrow: true)
    let others = phrases(
      found.keywords.filter { Self.begins($0, wanted) && !found.meant.contains($0) }, place,
      isNarrow: !prefix.isEmpty || isStart)
    let marks = prefix.isEmpty ? self.marks(found, place) : []
    guard found.takesExpression else {
      var all = prefix.isEmpty ? found.meantSymbols : []
      all += words
      all += marks.prefix { $0 == "*" }
      all += own
      if own.isEmpty { all += marks.prefix(3) }
      all += others
      return all + marks
    }
    // Words of this place alone come before those that begin any expression, and so does the end of
    // a call without any.
    let special = others.filter { !Self.starters.contains($0) }
    let isEmptyCall = prefix.isEmpty && Self.takesNothing(place.calledFunction)
    var all = prefix.isEmpty ? found.meantSymbols : []
    all += words
    if isEmptyCall { all.append(")") }
    all += marks.prefix { $0 == "*" }
    all += own.prefix(special.isEmpty ? 4 : 3)
    if prefix.isEmpty, place.isBehindOperator { all.append("(") }
    all += special
    all += own
    all += others
    all += functions(prefix)
    return all + marks
  }

  /// A bare Tab would drown what is the user's own. Those that are used most come first.
  private func functions(_ prefix: String) -> [String] {
    guard !prefix.isEmpty else { return [] }
    let found = Self.beginning(with: prefix, names.functions)
    let usual = Self.usualFunctions.filter { found.contains($0) }
    return (usual + found).map { $0 + "(" }
  }

  private static let usualFunctions = [
    "COUNT", "SUM", "AVG", "MIN", "MAX", "COALESCE", "ROUND", "SUBSTRING", "ROW_NUMBER", "LAG",
    "LEAD", "RANK", "STRING_AGG", "ARRAY_AGG", "COLLECT_LIST", "COUNT_DISTINCT", "TOPK", "ABS",
    "CONCAT", "LEN", "TRIM", "UCASE", "LCASE", "REPLACE", "SPLIT", "NULLIF", "GREATEST", "LEAST",
    "LATEST_BY_OFFSET", "EARLIEST_BY_OFFSET", "ARRAY_LENGTH", "EXTRACTJSONFIELD",
    "FORMAT_TIMESTAMP",
    "PARSE_TIMESTAMP", "TIMESTAMPTOSTRING", "EXPLODE",
  ]

  private static let starters: Set<String> = [
    "ARRAY", "CASE", "CAST", "EXISTS", "FALSE", "MAP", "NOT", "NULL", "STRUCT", "TRUE",
    "DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "MONTHS", "YEARS",
  ]

  /// As they must be written, those alone that begin so.
  private func named(_ prefix: String, _ names: [String]) -> [String] {
    Self.beginning(with: prefix, names).prefix(Self.namesMax).map(Self.written)
  }

  /// More are not looked through.
  private static let namesMax = 500

  private static func beginning(with prefix: String, _ names: [String]) -> [String] {
    let wanted = Array(prefix.uppercased().utf8)
    return names.filter { begins($0, wanted) }
  }

  /// In whatever case and quotes. `wanted`: in upper case.
  private static func begins(_ name: String, _ wanted: [UInt8]) -> Bool {
    var name = name.utf8[...]
    if name.first == UInt8(ascii: "`") || name.first == UInt8(ascii: "'") { name.removeFirst() }
    var iterator = name.makeIterator()
    for upper in wanted {
      guard let byte = iterator.next() else { return false }
      guard byte == upper || (isLowerASCII(byte) && byte - 0x20 == upper) else { return false }
    }
    return true
  }

  private static func isLowerASCII(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }

  private static let types = [
    "STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP", "DATE", "TIME", "BYTES", "VARCHAR",
    "INTEGER", "DECIMAL(", "ARRAY<", "MAP<", "STRUCT<",
  ]

  /// Words that are asked for most come first; behind those that force another one it is there too.
  private func phrases(
    _ keywords: [String], _ place: CompletionPlace, isNarrow: Bool
  ) -> [String] {
    let ranked = keywords.sorted { (Self.rank[$0] ?? 100, $0) < (Self.rank[$1] ?? 100, $1) }
    guard isNarrow, place.text.utf8.count <= Self.lookaheadBytesMax else { return ranked }
    return ranked.map { first in
      var phrase = first
      for _ in 0..<2 {
        let text = SourceText(name: "shell", place.text + " " + phrase + " ")
        guard let word = Parser.expectations(after: text)?.forced else { break }
        phrase += " " + word
      }
      return phrase
    }
  }

  private static let rank: [String: Int] = {
    let words = [
      "SELECT", "FROM", "AS", "WHERE", "AND", "GROUP", "EMIT", "CREATE", "INSERT", "SHOW", "JOIN",
      "ON",
      "WITH", "LEFT", "WINDOW", "LIMIT", "ORDER", "CHANGES", "BY", "STREAM", "TABLE",
      "PRIMARY", "KEY", "VALUES", "NOT", "NULL", "OR", "IN", "IS", "WHEN", "THEN", "ELSE", "END",
      "STREAMS", "TABLES", "TOPICS", "QUERIES", "CASE", "CAST", "DISTINCT", "TUMBLING", "SIZE",
      "SECONDS", "MINUTES", "HOURS", "DAYS",
      "ALL", "UNION", "DESC", "INNER", "IF", "HAVING", "OVER", "PARTITION", "BETWEEN", "LIKE",
      "WITHIN", "GRACE", "HOPPING", "SESSION", "TRUE", "FALSE", "DROP", "DESCRIBE", "EXPLAIN",
    ]
    return Dictionary(uniqueKeysWithValues: words.enumerated().map { ($1, $0) })
  }()

  /// The likeliest marks of the place first.
  private func marks(_ found: Expectations, _ place: CompletionPlace) -> [String] {
    var marks = found.symbols
    if found.isWhole { marks.append(";") }
    if found.takesString, !found.takesExpression { marks.append("'") }
    var rank: [String: Int] = [:]
    for (index, mark) in Self.order.enumerated() { rank[mark] = index }
    if found.takesExpression || place.lastWord == "." { rank["*"] = -1 }
    // Behind the name of a function, of a source, and where a condition has begun.
    if names.functions.contains(place.lastWord) { rank["("] = -1 }
    if place.isSourceName { rank["."] = -1 }
    if place.isInCondition { rank["="] = -2 }
    return marks.sorted { (rank[$0] ?? 50, $0) < (rank[$1] ?? 50, $1) }
  }

  private static let order = [
    ":=", "=>", ",", "]", ")", ";", ">", "=", "(", "+", "'", ".", "->", "[", "<", "-", "||", "*",
  ]

  // MARK: - Values

  private static let formatProperties = ["FORMAT", "KEY_FORMAT", "VALUE_FORMAT"]

  /// Of a property of WITH.
  private func values(of property: String, _ place: CompletionPlace) -> [String] {
    if Self.formatProperties.contains(property) { return RecordFormats.all.map(\.name) }
    switch property {
    case "KAFKA_TOPIC": return names.topics
    case "TIMESTAMP": return place.declared + place.columns()
    case "CLEANUP_POLICY": return ["delete", "compact", "compact,delete"]
    case "COMPRESSION_TYPE": return ["none", "lz4", "zstd"]
    case "KEY_DELIMITER", "VALUE_DELIMITER": return ["TAB", "SPACE"]
    case "KEY_PROTOBUF_NULLABLE_REPRESENTATION", "VALUE_PROTOBUF_NULLABLE_REPRESENTATION":
      return ["OPTIONAL", "WRAPPER"]
    case "VISIBILITY": return ["PUBLIC", "PRIVATE"]
    case "WINDOW_TYPE": return ["TUMBLING", "HOPPING", "SESSION"]
    default: return []
    }
  }

  /// Values without quotes.
  private func plain(_ property: String) -> [String] {
    ["HEADER", "REBUILD", "WRAP_SINGLE_VALUE", "ROWTIME"].contains(property)
      ? ["TRUE", "FALSE"] : []
  }

  // MARK: - Inside of quotes

  private func quoted(
    _ place: CompletionPlace, _ open: CompletionPlace.Quote, _ prefix: String
  ) -> [String] {
    let all: [String]
    if open.mark == "'" {
      switch place.roleInString {
      case .files: return FileNames.candidates(typed: open.text, prefix: prefix)
      case .settings: all = SessionProperty.all.map(\.name)
      case .settingValues(let name): all = SessionProperty.named(name)?.candidates ?? []
      case .values(let property): all = values(of: property, place)
      case .topics: all = names.topics
      default: all = []
      }
    } else {
      all = names.sources.map(\.name) + place.columns()
    }
    let typed = open.text + prefix
    var seen: Set<String> = []
    return all.filter {
      $0.lowercased().hasPrefix(typed.lowercased()) && seen.insert($0).inserted
    }.map { $0.dropFirst(open.text.count) + open.mark }
  }

  // MARK: - Words

  /// A topic, whose name keeps its case.
  private static func resource(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy {
      $0 == UInt8(ascii: "_") || ($0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z"))
    }
    return isPlain && !Keywords.reserved.contains(name.uppercased()) ? name : Printer.literal(name)
  }

  /// A name as it must be written.
  private static func written(_ name: String) -> String { Printer.quotedIfNeeded(name) }

  private func isLowerCase(_ text: String) -> Bool { text.first?.isLowercase ?? false }

  /// As what is typed; where nothing is, as the statement begins.
  private func isLower(_ prefix: String, _ place: CompletionPlace) -> Bool {
    isLowerCase(prefix.isEmpty ? place.firstWord : prefix)
  }

  /// Those that begin with the prefix. What is in quotes keeps its case.
  private func matching(_ prefix: String, _ all: [String], isLower: Bool) -> [String] {
    let wanted = prefix.uppercased()
    var seen: Set<String> = []
    let exact = prefix.isEmpty ? [] : all.filter { $0.uppercased() == wanted }
    return (exact + all).filter {
      $0.drop { $0 == "`" }.uppercased().hasPrefix(wanted) && seen.insert($0.uppercased()).inserted
    }.map { name in
      let isQuoted = name.hasPrefix("`") || name.hasPrefix("'")
      return isLower && !isQuoted && name == name.uppercased() ? name.lowercased() : name
    }
  }

  private static func signatures(of name: String) -> [Signature] {
    let registry = FunctionRegistry.builtin
    let key = name.uppercased()
    return registry.scalars[key].map { $0.overloads.map(\.signature) }
      ?? registry.aggregates[key].map { $0.overloads.map(\.signature) }
      ?? registry.tables[key].map { $0.overloads.map(\.signature) } ?? []
  }

  /// They belong to OVER and not to the registry.
  private static let rankings = ["ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST"]

  private static func takesNothing(_ function: String?) -> Bool {
    guard let function else { return false }
    return rankings.contains(function)
      || signatures(of: function).contains(where: \.parameters.isEmpty)
  }

  /// How the function is called.
  static func usage(of name: String) -> String? {
    let key = name.uppercased()
    let signatures = signatures(of: name)
    guard !signatures.isEmpty else { return nil }
    let shown = signatures.prefix(Self.signaturesMax).map { "\(key)\($0)" }
    let rest = signatures.count - shown.count
    return shown.joined(separator: "  ") + (rest > 0 ? "  and \(rest) more" : "")
  }

  private static let signaturesMax = 4
}
