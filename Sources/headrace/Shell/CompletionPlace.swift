// Where in a statement the cursor is: whose names stand there, and which columns are in scope.

import Headrace
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct CompletionPlace {
  /// Whose names the place takes.
  enum Role: Equatable {
    case sources, topics, queries, functions, types, settings, expression, files
    case columns([String])
    /// Of WITH, without those that are there.
    case properties(Set<String>)
    case values(String)
    case settingValues(String)
    /// The user's to invent.
    case new
    /// Those that the statement itself gives: common tables and windows.
    case given
  }

  struct Quote: Equatable {
    var mark: String
    /// What is inside of it so far, up to the word at the cursor.
    var text: String
  }

  struct Word {
    var kind: TextMark.Kind
    /// In upper case unless it is in quotes.
    var text: String
  }

  /// The statement up to the word at the cursor.
  let text: String
  let openQuote: Quote?
  /// Of `text`, without comments.
  private let words: [Word]
  /// Of the whole statement.
  private let all: [Word]
  private let names: CatalogNames

  init(before: String, after: String, _ names: CatalogNames) {
    self.names = names
    let source = SourceText(name: "shell", before)
    let split = Parser.split(source)
    text = String(decoding: source.text[split.rest], as: UTF8.self)
    var words = Self.words(text)
    var openQuote: Quote?
    if split.pending == .quote, let last = words.last, let mark = last.text.first,
      "'`\"".contains(mark)
    {
      openQuote = Quote(mark: String(mark), text: String(last.text.dropFirst()))
      words.removeLast()
    }
    self.openQuote = openQuote
    self.words = words
    let rest = after.prefix { $0 != ";" }
    all = openQuote == nil && !rest.isEmpty ? Self.words(text + " " + rest) : words
  }

  private static func words(_ text: String) -> [Word] {
    let source = SourceText(name: "shell", text)
    return Parser.marks(in: source).filter { $0.kind != .comment }.map {
      Word(kind: $0.kind, text: $0.word(in: source))
    }
  }

  var firstWord: String { String(text.drop(while: \.isWhitespace).prefix { $0.isLetter }) }

  private func word(_ back: Int) -> String {
    words.count > back ? words[words.count - 1 - back].text : ""
  }

  // MARK: - Roles

  func role(_ found: Expectations) -> Role {
    if let role = roleInWith { return role }
    if let role = roleInSet { return role }
    if found.takesType { return .types }
    if word(0) == "." { return .columns(columns(of: word(1))) }
    if found.takesExpression { return .expression }
    guard found.takesName else { return .new }
    return named
  }

  private var roleInSet: Role? {
    guard let first = words.first?.text, first == "SET" || first == "UNSET" else { return nil }
    if words.count == 1 { return .settings }
    return word(0) == "=" ? .settingValues(Self.bare(word(1))) : .new
  }

  /// Of a place for a name.
  private var named: Role {
    let first = words.first?.text ?? ""
    switch word(0) {
    case "FROM", "JOIN", "INTO", "COPY": return .sources
    case "PRINT", "TOPIC": return .topics
    case "TERMINATE", "PAUSE", "RESUME", "EXPLAIN", "LOGICAL", "OPTIMIZED", "PHYSICAL", "AST":
      return .queries
    case "DESCRIBE": return .sources
    case "OVER": return .given
    case "FUNCTION" where first == "DESCRIBE": return .functions
    case "FOR" where ["SHOW", "LIST"].contains(first) || word(1) == "WAIT": return .sources
    case "STREAM", "TABLE", "EXISTS":
      return ["DROP", "ALTER", "ASSERT"].contains(first) ? .sources : .new
    case "VALUES" where first == "ASSERT": return .sources
    case "(", ",":
      guard let open = openParenthesis, open > 1 else { return .new }
      let isList = ["INTO", "COPY", "VALUES"].contains(words[open - 2].text)
      return isList ? .columns(columns(of: words[open - 1].text)) : .new
    default: return .new
    }
  }

  /// The innermost one that is open.
  private var openParenthesis: Int? {
    var depth = 0
    for index in words.indices.reversed() {
      if words[index].text == ")" { depth += 1 }
      if words[index].text == "(" {
        if depth == 0 { return index }
        depth -= 1
      }
    }
    return nil
  }

  var isOpen: Bool { openParenthesis != nil }

  private var isInWith: Bool {
    guard let open = openParenthesis, open > 0 else { return false }
    return words[open - 1].text == "WITH"
  }

  private var roleInWith: Role? {
    guard isInWith, let open = openParenthesis else { return nil }
    switch word(0) {
    case "(", ",":
      return .properties(
        Set(
          words[open...].indices.dropFirst().filter { words[$0].text == "=" }.map {
            words[$0 - 1].text
          }))
    case "=": return .values(Self.bare(word(1)))
    default: return nil
    }
  }

  var lastWord: String { word(0) }
  var isCopy: Bool { words.first?.text == "COPY" }

  var isSourceName: Bool {
    let name = Self.bare(word(0))
    return scope.contains { $0.name == name }
      && !["FROM", "JOIN", "INTO", "AS", "DESCRIBE"].contains(word(1))
  }

  private static let comparisons = ["=", "<", ">", "<=", ">=", "<>", "!="]

  /// Behind a comparison, a sign or a word that an expression follows.
  var isBehindOperator: Bool {
    Self.comparisons.contains(word(0))
      || ["AND", "OR", "NOT", "IN", "+", "*", "/"].contains(word(0))
  }

  /// Of a condition there is an operand and no comparison.
  var isInCondition: Bool {
    var depth = 0
    for index in words.indices.reversed() {
      switch words[index].text {
      case ")": depth += 1
      case "(":
        if depth == 0 { return false }
        depth -= 1
      case "WHERE", "ON", "HAVING", "WHEN", "QUALIFY", "AND", "OR", "NOT":
        if depth == 0 { return index < words.count - 1 }
      case "IN", "LIKE", "IS", "BETWEEN", "SELECT", "THEN":
        if depth == 0 { return false }
      case let other:
        if depth == 0, Self.comparisons.contains(other) { return false }
      }
    }
    return false
  }

  /// The function whose arguments begin here.
  var calledFunction: String? {
    guard word(0) == "(", words.count > 1, words[words.count - 2].kind == .name else { return nil }
    return word(1)
  }

  /// Of the string that is open.
  var roleInString: Role {
    if let role = roleInSet { return role }
    if case .values(let property)? = roleInWith {
      return ["FILE", "SQLITE"].contains(property) ? .files : .values(property)
    }
    switch (words.first?.text ?? "", word(0)) {
    case ("COPY", "FROM"), ("COPY", "TO"), ("RUN", "SCRIPT"), ("CREATE", "FILE"), ("CHECK", "FILE"):
      return .files
    case (_, "PRINT"), (_, "TOPIC"): return .topics
    default: return .new
    }
  }

  /// Without its quotes.
  private static func bare(_ text: String) -> String {
    guard let first = text.first, "'`\"".contains(first), text.count > 1 else { return text }
    return String(text.dropFirst().dropLast())
  }

  // MARK: - Scope

  /// Names and columns of the sources that the statement names, by what it calls them. Nothing is
  /// known of the columns of what it makes itself.
  private var scope: [(name: String, columns: [String])] {
    var found: [(name: String, columns: [String])] = []
    for index in all.indices.dropLast()
    where ["FROM", "JOIN", "INTO", "COPY", "DESCRIBE"].contains(all[index].text) {
      let name = Self.bare(all[index + 1].text)
      let source = names.sources.first { $0.name == name }
      if let source { found.append((source.name, source.columns)) }
      if let alias = alias(behind: index + 1) { found.append((alias, source?.columns ?? [])) }
    }
    for index in all.indices where all[index].text == ")" {
      if let alias = alias(behind: index) { found.append((alias, [])) }
    }
    return found
  }

  /// `AS a` or `a`, behind a source or a parenthesis.
  private func alias(behind index: Int) -> String? {
    var next = index + 1
    // As it was at a time or offset.
    if next + 3 < all.count, all[next].text == "AS", all[next + 1].text == "OF" { next += 4 }
    if next < all.count, all[next].text == "AS" { next += 1 }
    guard next < all.count, [.name, .quotedName].contains(all[next].kind) else { return nil }
    return Self.bare(all[next].text)
  }

  private func columns(of name: String) -> [String] {
    let name = Self.bare(name)
    let known = scope.first { $0.name == name }?.columns
    if let known, !known.isEmpty { return known + Self.pseudo }
    return names.sources.first { $0.name == name }.map { $0.columns + Self.pseudo } ?? made + listed
  }

  /// Columns of the sources that the statement names; of all while it names none. Then the names
  /// that it makes itself, and those of its sources. Of those that are wanted, and at most so many.
  func columns(_ countMax: Int = .max, where isWanted: (String) -> Bool = { _ in true }) -> [String]
  {
    let scope = scope
    let isFree = scope.allSatisfy(\.columns.isEmpty) && openQuote == nil
    var seen: Set<String> = []
    var found: [String] = []
    func take(_ names: [String]) {
      for name in names where found.count < countMax && isWanted(name) {
        if seen.insert(name).inserted { found.append(name) }
      }
    }
    if isFree {
      for source in names.sources where found.count < countMax { take(source.columns) }
      found.sort()
    }
    for source in scope { take(source.columns) }
    take(made + listed + scope.map(\.name) + Self.pseudo)
    return found
  }

  /// Those that are asked for most come first.
  private static let pseudo =
    [SystemColumn.rowtime] + SystemColumn.windowBounds
    + [SystemColumn.partition, SystemColumn.offset]

  /// Columns in the list behind an alias, as in `AS e (x, n)`, and those that inner queries take as
  /// they are.
  private var listed: [String] {
    var result: [String] = []
    var isList = false
    for index in all.indices.dropFirst() {
      let word = all[index]
      if word.text == "(" {
        isList =
          index > 1 && [.name, .quotedName].contains(all[index - 1].kind)
          && ["AS", ")"].contains(all[index - 2].text)
      }
      if word.text == ")" { isList = false }
      let isPart = [.name, .quotedName].contains(word.kind)
      if isPart, isList || isPlainItem(index) { result.append(Self.bare(word.text)) }
    }
    return result
  }

  /// A name alone among the items of SELECT.
  private func isPlainItem(_ index: Int) -> Bool {
    let next = index + 1 < all.count ? all[index + 1].text : ""
    guard next == "," || next == "FROM" || next == "AS" else { return false }
    return ["SELECT", ",", "."].contains(all[index - 1].text)
  }

  /// Common tables and windows: a name, AS and a parenthesis.
  var given: [String] {
    all.indices.dropLast(2).filter { index in
      [.name, .quotedName].contains(all[index].kind) && all[index + 1].text == "AS"
        && all[index + 2].text == "("
    }.map { Self.bare(all[$0].text) }
  }

  /// What the statement gives a name to: behind AS, and the first word of a lambda.
  private var made: [String] {
    var seen: Set<String> = []
    var result: [String] = []
    for index in all.indices where all[index].kind == .name || all[index].kind == .quotedName {
      let before = index > 0 ? all[index - 1].text : ""
      let next = index + 1 < all.count ? all[index + 1].text : ""
      guard before == "AS" || next == "=>" || ["WITH"].contains(before) else { continue }
      let name = Self.bare(all[index].text)
      if seen.insert(name).inserted { result.append(name) }
    }
    return result
  }

  /// Columns of the list that CREATE gives.
  var declared: [String] {
    guard words.first?.text == "CREATE", let open = words.firstIndex(where: { $0.text == "(" })
    else {
      return []
    }
    var depth = 0
    var result: [String] = []
    for index in words.indices where index >= open {
      switch words[index].text {
      case "(", "<": depth += 1
      case ")", ">": depth -= 1
      default: break
      }
      if depth == 0 { break }
      let isFirst = ["(", ","].contains(words[index].text) && depth == 1
      if isFirst, index + 1 < words.count { result.append(Self.bare(words[index + 1].text)) }
    }
    return result
  }
}
