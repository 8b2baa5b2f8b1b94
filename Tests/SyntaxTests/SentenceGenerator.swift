// Makes random sentences of the grammar. The same seed gives the same sentences.
//
// A budget of productions bounds the size: once it is spent, every choice takes the branch that
// ends soonest, options are left out and repetitions stop.

import HeadraceTestSupport

typealias SeededRandom = SplitMix

struct SentenceGenerator {
  /// Words for NAME: plain ones and keywords that are not reserved, except those that begin
  /// nested types and constructors, which need quotes as names.
  static let names =
    ["a", "b1", "Total_ms", "_x", "k@2", "ROWTIME", "count", "varchar", "int", "e1"]
    + [
      "add", "alter", "any", "asc", "assert", "ast", "changes", "column", "copy", "cross", "Date",
      "day", "emit", "errors", "escape", "except", "explain", "final", "first", "for", "function",
      "grace", "header", "id", "if", "ignore", "intersect", "interval", "key", "last", "lateral",
      "nulls", "offset", "order", "ordinality", "over", "partition", "period", "primary",
      "replace", "respect", "rows", "schema", "session", "set", "show", "sink", "some", "source",
      "stdin", "string", "subject", "tables", "time", "timeout", "timestamp", "type", "union",
      "unnest", "year", "zone",
    ]
  static let quoted = [
    "`a`", "\"b c\"", "`back``tick`", "\"dou\"\"ble\"", "`SELECT`", "`ARRAY`", "\"map\"", "`1x`",
    "`ünï`", "`-- no comment`", "`COLUMN`", "\"STRUCT\"", "`;`",
  ]
  static let strings = [
    "'x'", "''", "'it''s'", "'/* no comment */'", "'a;b'", "'naïve ☃'", "'${v'", "'\n'", "'\\'",
  ]
  static let integers = ["0", "1", "7", "12", "2147483647", "2147483648", "9223372036854775807"]
  static let decimals = ["1.5", ".5", "1.", "0.00", "123456789012345678901234567890.5"]
  static let floatings = ["1e3", "1.5E-2", ".5e+1", "1.e0", "0E0"]
  static let blanks = [" ", " ", " ", " ", " ", " ", "\n", "\t", " /* c; */ ", " -- c;'\n"]

  let grammar: Grammar
  private let shortest: [Int]
  private var random: SeededRandom
  private var budget = 0
  private var words: [String] = []

  init(_ grammar: Grammar, seed: UInt64) {
    self.grammar = grammar
    random = SeededRandom(state: seed)
    shortest = SentenceGenerator.shortestSentences(of: grammar)
  }

  mutating func sentence(of production: String = "statement", budget: Int = 80) -> String {
    guard let start = grammar.names.firstIndex(of: production) else { return "" }
    self.budget = budget
    words.removeAll(keepingCapacity: true)
    walk(grammar.bodies[start])
    var text = ""
    for word in words {
      if !text.isEmpty { text += SentenceGenerator.blanks[random.below(10)] }
      text += word
    }
    return text
  }

  private mutating func walk(_ node: Grammar.Node) {
    switch node {
    case .terminal(let word): words.append(random.below(4) == 0 ? word.lowercased() : word)
    case .token(let kind): words.append(token(kind))
    case .production(let number):
      budget -= 1
      walk(grammar.bodies[number])
    case .sequence(let parts): for part in parts { walk(part) }
    case .choice(let branches): walk(branches[chosen(branches)])
    case .optional(let inner):
      if budget > 0, random.below(2) == 0 { walk(inner) }
    case .repetition(let inner):
      while budget > 0, random.below(3) == 0 { walk(inner) }
    }
  }

  private mutating func chosen(_ branches: [Grammar.Node]) -> Int {
    if budget > 0 { return random.below(branches.count) }
    var best = 0
    for index in branches.indices
    where length(branches[index]) < length(branches[best]) {
      best = index
    }
    return best
  }

  private mutating func token(_ kind: String) -> String {
    switch kind {
    case "NAME": pick(SentenceGenerator.names)
    case "QUOTED": pick(SentenceGenerator.quoted)
    case "DIGITS": "1R"
    case "VARIABLE": "${v}"
    case "STRING": pick(SentenceGenerator.strings)
    case "INTEGER": pick(SentenceGenerator.integers)
    case "DECIMAL": pick(SentenceGenerator.decimals)
    case "FLOATING": pick(SentenceGenerator.floatings)
    default: preconditionFailure("the grammar names an unknown token \(kind)")
    }
  }

  private mutating func pick(_ words: [String]) -> String { words[random.below(words.count)] }

  private func length(_ node: Grammar.Node) -> Int {
    SentenceGenerator.length(node, shortest)
  }

  /// How many tokens the shortest sentence of a node has.
  private static func length(_ node: Grammar.Node, _ shortest: [Int]) -> Int {
    switch node {
    case .terminal, .token: 1
    case .production(let number): shortest[number]
    case .sequence(let parts): parts.reduce(0) { min($0 + length($1, shortest), unknown) }
    case .choice(let branches): branches.map { length($0, shortest) }.min() ?? 0
    case .optional, .repetition: 0
    }
  }

  private static let unknown = 1 << 20

  private static func shortestSentences(of grammar: Grammar) -> [Int] {
    var shortest = [Int](repeating: unknown, count: grammar.bodies.count)
    var changed = true
    while changed {
      changed = false
      for (number, body) in grammar.bodies.enumerated() {
        let found = length(body, shortest)
        if found < shortest[number] {
          shortest[number] = found
          changed = true
        }
      }
    }
    return shortest
  }
}
