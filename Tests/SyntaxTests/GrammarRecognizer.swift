// Whether the grammar file derives a statement, and through which productions and alternatives. It tries every
// derivation and knows nothing of the parser, so that the two check each other.

@testable import HeadraceSyntax

struct GrammarRecognizer {
  private struct Place: Hashable {
    var production: Int
    var start: Int
  }

  private let grammar: Grammar
  private let source: SourceText
  private let tokens: [Token]
  private var known: [Place: Set<Int>] = [:]

  private init(_ grammar: Grammar, _ source: SourceText, _ tokens: [Token]) {
    self.grammar = grammar
    self.source = source
    self.tokens = tokens
  }

  /// The alternatives of one derivation of the statement, as `production` or `production/branch/...`;
  /// nil: there is no derivation.
  static func derivation(_ grammar: Grammar, _ text: String) -> Set<String>? {
    let source = SourceText(name: "statement", text)
    let tokens = Lexer(source).tokens.filter {
      $0.kind != .semicolon && $0.kind != .endOfStatement
    }
    var recognizer = GrammarRecognizer(grammar, source, tokens)
    var trace: Set<String> = []
    guard recognizer.derive(.production(0), "", 0, tokens.count, &trace) else { return nil }
    return trace
  }

  /// Every alternative that the grammar has, under the names that `derivation` uses.
  static func alternatives(_ grammar: Grammar) -> Set<String> {
    var result: Set<String> = []
    func visit(_ node: Grammar.Node, _ path: String) {
      switch node {
      case .terminal, .token, .production: break
      case .sequence(let parts):
        for (index, part) in parts.enumerated() { visit(part, "\(path).\(index)") }
      case .choice(let branches):
        for (index, branch) in branches.enumerated() {
          result.insert("\(path)/\(index)")
          visit(branch, "\(path)/\(index)")
        }
      case .optional(let inner), .repetition(let inner):
        result.insert("\(path)?")
        visit(inner, "\(path)?")
      }
    }
    for (number, name) in grammar.names.enumerated() {
      result.insert(name)
      visit(grammar.bodies[number], name)
    }
    return result
  }

  private func fits(_ word: String, _ position: Int) -> Bool {
    guard position < tokens.count else { return false }
    let token = tokens[position]
    switch token.kind {
    case .quotedIdentifier, .stringLiteral: return false
    default: return source.string(in: token.span).uppercased() == word
    }
  }

  private func fits(token name: String, _ position: Int) -> Bool {
    guard position < tokens.count else { return false }
    let token = tokens[position]
    switch name {
    case "NAME": return token.kind == .word && token.isIdentifier
    case "QUOTED": return token.kind == .quotedIdentifier
    case "DIGITS": return token.kind == .digitIdentifier
    case "VARIABLE": return token.kind == .variable
    case "STRING": return token.kind == .stringLiteral
    case "INTEGER": return token.kind == .integerLiteral
    case "DECIMAL": return token.kind == .decimalLiteral
    case "FLOATING": return token.kind == .floatingLiteral
    default: return false
    }
  }

  /// Where the node may end if it begins at `start`.
  private mutating func ends(_ node: Grammar.Node, _ start: Int) -> Set<Int> {
    switch node {
    case .terminal(let word): return fits(word, start) ? [start + 1] : []
    case .token(let name): return fits(token: name, start) ? [start + 1] : []
    case .production(let number):
      let place = Place(production: number, start: start)
      if let found = known[place] { return found }
      let found = ends(grammar.bodies[number], start)
      known[place] = found
      return found
    case .sequence(let parts):
      var found: Set<Int> = [start]
      for part in parts {
        var next: Set<Int> = []
        for place in found { next.formUnion(ends(part, place)) }
        found = next
      }
      return found
    case .choice(let branches):
      var found: Set<Int> = []
      for branch in branches { found.formUnion(ends(branch, start)) }
      return found
    case .optional(let inner): return ends(inner, start).union([start])
    case .repetition(let inner):
      var found: Set<Int> = [start]
      var open = [start]
      while let place = open.popLast() {
        for end in ends(inner, place) where found.insert(end).inserted { open.append(end) }
      }
      return found
    }
  }

  /// Notes one derivation of the node over exactly these tokens.
  private mutating func derive(
    _ node: Grammar.Node, _ path: String, _ start: Int, _ end: Int, _ trace: inout Set<String>
  ) -> Bool {
    guard ends(node, start).contains(end) else { return false }
    switch node {
    case .terminal, .token: return true
    case .production(let number):
      trace.insert(grammar.names[number])
      return derive(grammar.bodies[number], grammar.names[number], start, end, &trace)
    case .sequence(let parts): return derive(parts[...], path, start, end, &trace)
    case .choice(let branches):
      for (index, branch) in branches.enumerated() {
        if derive(branch, "\(path)/\(index)", start, end, &trace) {
          trace.insert("\(path)/\(index)")
          return true
        }
      }
      return false
    case .optional(let inner):
      if start == end { return true }
      trace.insert("\(path)?")
      return derive(inner, "\(path)?", start, end, &trace)
    case .repetition(let inner):
      if start == end { return true }
      trace.insert("\(path)?")
      for place in ends(inner, start).sorted() where place > start {
        guard ends(node, place).contains(end) else { continue }
        return derive(inner, "\(path)?", start, place, &trace)
          && derive(node, path, place, end, &trace)
      }
      return false
    }
  }

  private mutating func derive(
    _ parts: ArraySlice<Grammar.Node>, _ path: String, _ start: Int, _ end: Int,
    _ trace: inout Set<String>
  ) -> Bool {
    guard let first = parts.first else { return start == end }
    let rest = Grammar.Node.sequence(Array(parts.dropFirst()))
    for place in ends(first, start).sorted(by: >) where ends(rest, place).contains(end) {
      return derive(first, "\(path).\(parts.startIndex)", start, place, &trace)
        && derive(parts.dropFirst(), path, place, end, &trace)
    }
    return false
  }
}
