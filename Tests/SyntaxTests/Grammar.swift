// Reads Grammar/Headrace.ebnf, so that tests use the very file that readers see.

import Foundation

/// The productions of the grammar file, in order.
struct Grammar {
  indirect enum Node {
    case terminal(String)
    case token(String)
    case production(Int)
    case sequence([Node])
    case choice([Node])
    case optional(Node)
    case repetition(Node)
  }

  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  private(set) var names: [String] = []
  private(set) var bodies: [Node] = []

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func load() throws -> Grammar {
    let file = root.appendingPathComponent("Grammar/Headrace.ebnf")
    return try Grammar(String(contentsOf: file, encoding: .utf8))
  }

  init(_ text: String) throws {
    var reader = GrammarReader(text)
    names = reader.leftSides()
    guard Set(names).count == names.count else {
      throw Problem(description: "a production is defined twice")
    }
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    while !reader.isAtEnd {
      _ = try reader.next()
      try reader.expect("=")
      bodies.append(try reader.choice(numbers))
      try reader.expect(";")
    }
  }
}

private struct GrammarReader {
  private var words: [String] = []
  private var index = 0

  init(_ text: String) {
    var rest = Substring(text)
    while let first = rest.first {
      if rest.hasPrefix("(*") {
        let end = rest.range(of: "*)")?.upperBound ?? rest.endIndex
        rest = rest[end...]
      } else if first.isWhitespace {
        rest = rest.dropFirst()
      } else if first == "'" {
        let body = rest.dropFirst().prefix { $0 != "'" }
        words.append("'" + body)
        rest = rest.dropFirst(body.count + 2)
      } else if first.isLetter {
        let body = rest.prefix { $0.isLetter || $0 == "_" }
        words.append(String(body))
        rest = rest.dropFirst(body.count)
      } else {
        words.append(String(first))
        rest = rest.dropFirst()
      }
    }
  }

  var isAtEnd: Bool { index >= words.count }

  func leftSides() -> [String] {
    words.indices.dropLast().filter { words[$0 + 1] == "=" }.map { words[$0] }
  }

  mutating func next() throws -> String {
    guard !isAtEnd else { throw Grammar.Problem(description: "the grammar ends too early") }
    index += 1
    return words[index - 1]
  }

  mutating func expect(_ word: String) throws {
    let found = try next()
    guard found == word else {
      throw Grammar.Problem(description: "expected \(word), found \(found)")
    }
  }

  mutating func choice(_ numbers: [String: Int]) throws -> Grammar.Node {
    var branches = [try sequence(numbers)]
    while !isAtEnd, words[index] == "|" {
      index += 1
      branches.append(try sequence(numbers))
    }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence(_ numbers: [String: Int]) throws -> Grammar.Node {
    var parts: [Grammar.Node] = []
    while !isAtEnd, !["|", ")", "]", "}", ";"].contains(words[index]) {
      parts.append(try part(numbers))
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func part(_ numbers: [String: Int]) throws -> Grammar.Node {
    let word = try next()
    switch word {
    case "(":
      let inner = try choice(numbers)
      try expect(")")
      return inner
    case "[":
      let inner = try choice(numbers)
      try expect("]")
      return .optional(inner)
    case "{":
      let inner = try choice(numbers)
      try expect("}")
      return .repetition(inner)
    default: break
    }
    if word.hasPrefix("'") { return .terminal(String(word.dropFirst())) }
    if word == word.uppercased() { return .token(word) }
    guard let number = numbers[word] else {
      throw Grammar.Problem(description: "production \(word) is used but not defined")
    }
    return .production(number)
  }
}
