// Every statement of Samples and Tests/SQL, cut at each of its tokens: is the next one among the first five that Tab offers?
//
// Of a word the first two letters are typed (of a short one the first), of a mark nothing. Words of the language, marks, and
// names that exist - in the catalog as the statements before have left it, or earlier in the statement - count. Strings and
// numbers do not, nor do names that the statement gives: to sources, columns, aliases, fields, windows and variables.

import Foundation
import Headrace
import HeadraceSyntax
import Testing

@testable import HeadraceCommand

@Suite struct CompletionCorpusTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  struct Score {
    var word = (found: 0, all: 0)
    var mark = (found: 0, all: 0)
    var name = (found: 0, all: 0)
    var newNames = 0
    var literals = 0
    var misses: [String] = []

    mutating func add(_ other: Score) {
      for path in [\Score.word, \.mark, \.name] {
        self[keyPath: path].found += other[keyPath: path].found
        self[keyPath: path].all += other[keyPath: path].all
      }
      newNames += other.newNames
      literals += other.literals
      misses += other.misses
    }

    var found: Int { word.found + mark.found + name.found }
    var all: Int { word.all + mark.all + name.all }
  }

  @Test func nextTokensAreOffered() async throws {
    let score = try await withThrowingTaskGroup(of: Score.self) { group in
      for paths in try Self.files() { group.addTask { try Self.score(paths) } }
      return try await group.reduce(into: Score()) { $0.add($1) }
    }
    #expect(score.all > 20_000)
    let rate = Double(score.found) / Double(score.all)
    #expect(
      rate >= 0.97,
      "\(score.word) \(score.mark) \(score.name)\n\(score.misses.joined(separator: "\n"))")
    if ProcessInfo.processInfo.environment["COMPLETION_SCORE"] != nil {
      print(score.word, score.mark, score.name, score.newNames, score.literals, rate)
      print(score.misses.joined(separator: "\n"))
    }
  }

  private static func score(_ paths: [String]) throws -> Score {
    var score = Score()
    var seen: Set<String> = []
    let connection = try LocalConnection.batch(EngineOptions(directory: nil))
    var names = connection.names()
    for statement in try paths.flatMap({ try statements($0) }) {
      let isDefinition = ["CREATE", "ALTER", "DROP"].contains(
        statement.drop(while: \.isWhitespace).prefix { $0.isLetter }.uppercased())
      if (try? Parser.parse(statement: SourceText(name: "s", statement))) != nil,
        seen.insert(statement).inserted
      {
        measure(statement, names, &score)
      }
      guard isDefinition else { continue }
      // Whatever is wrong with one is tested elsewhere.
      try? connection.execute(SourceText(name: "s", statement), CollectedResult())
      names = connection.names()
    }
    try connection.close()
    return score
  }

  // MARK: - Texts

  /// Those together that build on one another: all of a sample, each test.
  private static func files() throws -> [[String]] {
    var found: [[String]] = []
    for folder in ["Samples", "Tests/SQL"] {
      let base = root.appendingPathComponent(folder).path
      let names = try FileManager.default.subpathsOfDirectory(atPath: base).sorted()
      var groups: [String: [String]] = [:]
      for name in names where name.hasSuffix(".sql") || name.hasSuffix(".slt") {
        let sample = String(name.prefix { $0 != "/" })
        groups[folder == "Samples" ? sample : name, default: []].append(base + "/" + name)
      }
      found += groups.sorted { $0.key < $1.key }.map(\.value)
    }
    return found
  }

  private static func statements(_ path: String) throws -> [String] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    guard path.hasSuffix(".slt") else { return split(text) }
    var found: [String] = []
    var block: String?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if block == nil {
        let isSQL = line == "statement ok" || line.hasPrefix("query")
        if isSQL { block = "" }
      } else if line.isEmpty || line == "----" {
        found += split(block ?? "")
        block = nil
      } else {
        block? += line + "\n"
      }
    }
    return found + split(block ?? "")
  }

  private static func split(_ text: String) -> [String] {
    let source = SourceText(name: "s", text + "\n;")
    return Parser.split(source).statements.map {
      String(decoding: source.text[$0], as: UTF8.self)
    }
  }

  // MARK: - Measuring

  private static func measure(_ statement: String, _ names: CatalogNames, _ score: inout Score) {
    let source = SourceText(name: "s", statement)
    let completion = Completion(names: names)
    let marks = Parser.marks(in: source).filter { $0.kind != .comment }
    let words = marks.map { String(decoding: source.text[$0.range], as: UTF8.self) }
    var known = known(names)
    for (index, mark) in marks.enumerated() {
      let word = words[index]
      let isName = mark.kind == .name || mark.kind == .quotedName
      defer { known.insert(bare(word).uppercased()) }
      if mark.kind == .string || mark.kind == .number {
        score.literals += 1
        continue
      }
      let isNew =
        isName && !known.contains(bare(word).uppercased())
        || (isName || !mark.isReserved) && isGiven(words, index)
      if isNew {
        score.newNames += 1
        continue
      }
      let isMark = mark.kind == .symbol
      let typed = isMark ? "" : String(bare(word).prefix(word.count > 2 ? 2 : 1))
      let before = String(decoding: source.text[..<mark.range.lowerBound], as: UTF8.self)
      let start = mark.kind == .quotedName ? before + word.prefix(1) : before
      let rest = String(decoding: source.text[mark.range.upperBound...], as: UTF8.self)
      let offered = completion.candidates(
        before: start, prefix: typed, after: isName ? " " + rest : "")
      let isFound = offered.prefix(5).contains { fits($0, word) }
      func note(_ count: inout (found: Int, all: Int)) {
        count.all += 1
        count.found += isFound ? 1 : 0
      }
      if isMark {
        note(&score.mark)
      } else if isName {
        note(&score.name)
      } else {
        note(&score.word)
      }
      if !isFound, score.misses.count < 4000 {
        score.misses.append(
          "\(before.suffix(60).replacing("\n", with: " ")) >\(word)< \(offered.prefix(6))")
      }
    }
  }

  private static func fits(_ candidate: String, _ word: String) -> Bool {
    let (candidate, word) = (bare(candidate).uppercased(), bare(word).uppercased())
    guard candidate.hasPrefix(word) else { return false }
    let rest = candidate.dropFirst(word.count)
    return rest.isEmpty || rest.hasPrefix(" ") || rest == "(" || rest == "<" || rest == "`"
  }

  private static func bare(_ word: String) -> String {
    guard let first = word.first, "`\"".contains(first), word.count > 1 else { return word }
    return String(word.dropFirst().dropLast())
  }

  private static func known(_ names: CatalogNames) -> Set<String> {
    var known: Set<String> = [
      "STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN", "BYTES", "VARCHAR", "INTEGER", "ROWTIME",
      "WINDOWSTART", "WINDOWEND", "ROWPARTITION", "ROWOFFSET",
    ]
    for source in names.sources {
      known.insert(source.name.uppercased())
      for column in source.columns { known.insert(column.uppercased()) }
    }
    for list in [names.functions, names.topics, names.queries, names.withProperties] {
      for name in list { known.insert(name.uppercased()) }
    }
    return known
  }

  /// Whether the word is a name that the statement gives, by where it stands.
  private static func isGiven(_ words: [String], _ index: Int) -> Bool {
    let before = index > 0 ? words[index - 1].uppercased() : ""
    let next = index + 1 < words.count ? words[index + 1].uppercased() : ""
    let first = words[0].uppercased()
    if next == ":=" || next == "=>" { return true }
    if before == "AS" { return !isInCast(words, index) && first != "ASSERT" }
    if ["DEFINE", "UNDEFINE", "WINDOW", "TYPE", "ADD", "COLUMN"].contains(before) { return true }
    if first == "WITH" || first == "CREATE" || first == "INSERT", next == "AS" || next == "(",
      before == "WITH" || before == ","
    {
      return true
    }
    if ["STREAM", "TABLE", "EXISTS"].contains(before), first == "CREATE" { return true }
    // Columns and fields with their types.
    if ["CREATE", "ASSERT"].contains(first), before == "(" || before == "," || before == "<",
      isType(next)
    {
      return true
    }
    if isListed(words, index) { return true }
    // Aliases without AS.
    let isBehindOperand =
      before.last.map { $0.isLetter || $0.isNumber || "_`\")".contains($0) } ?? false
    let isLanguage =
      Keywords.all.contains(before) || Keywords.all.contains(words[index].uppercased())
    return isBehindOperand && !isLanguage && !isType(words[index])
  }

  /// In the list behind an alias, as in `AS e (x, n)`.
  private static func isListed(_ words: [String], _ index: Int) -> Bool {
    guard let open = words[..<index].lastIndex(of: "("), open > 1,
      !words[open..<index].contains(")")
    else { return false }
    let alias = words[open - 1]
    let before = words[open - 2].uppercased()
    let isName = alias.first.map { $0.isLetter || "_`\"".contains($0) } ?? false
    return isName && !Keywords.reserved.contains(alias.uppercased())
      && [")", "AS", ","].contains(before) && words[(open + 1)..<index].allSatisfy { $0 != "(" }
      && (before == "AS" || before == ")")
  }

  private static func isType(_ word: String) -> Bool {
    [
      "STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN", "BYTES", "VARCHAR", "INTEGER", "TIMESTAMP",
      "DATE", "TIME", "DECIMAL", "ARRAY", "MAP", "STRUCT",
    ].contains(word.uppercased())
  }

  private static func isInCast(_ words: [String], _ index: Int) -> Bool {
    var depth = 0
    for place in (0..<index).reversed() {
      if words[place] == ")" { depth += 1 }
      if words[place] == "(" {
        if depth == 0 { return place > 0 && words[place - 1].uppercased() == "CAST" }
        depth -= 1
      }
    }
    return false
  }
}
