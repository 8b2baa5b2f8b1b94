// The grammar file, the parser and the printer agree.

import Foundation
import Testing

@testable import HeadraceSyntax

@Test func everyProductionHasItsParseFunction() throws {
  let grammar = try Grammar.load()
  let folder = Grammar.root.appendingPathComponent("Sources/Syntax/Parser")
  var functions: [String] = []
  for file in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
    let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
    for match in text.matches(of: /func parse([A-Z]\w*)/) { functions.append(String(match.1)) }
  }
  let productions = grammar.names.map { name in
    name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
  #expect(productions.sorted() == functions.sorted())
}

@Test func everyProductionIsReachable() throws {
  let grammar = try Grammar.load()
  var reached: Set<Int> = []
  func visit(_ node: Grammar.Node) {
    switch node {
    case .terminal, .token: break
    case .production(let number):
      if reached.insert(number).inserted { visit(grammar.bodies[number]) }
    case .sequence(let nodes), .choice(let nodes): nodes.forEach(visit)
    case .optional(let inner), .repetition(let inner): visit(inner)
    }
  }
  visit(.production(0))
  let missing = grammar.names.indices.filter { !reached.contains($0) }.map { grammar.names[$0] }
  #expect(missing.isEmpty)
}

/// 100,000 sentences in all, cut in four so that they run beside one another.
@Test(arguments: 1...4) func sentencesOfTheGrammarRoundTrip(seed: Int) throws {
  var generator = SentenceGenerator(try Grammar.load(), seed: UInt64(seed))
  var kinds: Set<Int> = []
  var failures = 0
  for number in 0..<25_000 {
    let text = generator.sentence(budget: 10 + number % 120)
    guard let statement = roundTrip(text) else {
      failures += 1
      if failures >= 5 { break }
      continue
    }
    kinds.insert(kind(of: statement))
  }
  #expect(failures == 0)
  #expect(kinds.count == 32, "the sentences cover every kind of statement")
}

/// Parses, prints and reparses; the statement if all went well and both trees are equal.
func roundTrip(
  _ text: String, sourceLocation: SourceLocation = #_sourceLocation
) -> Statement? {
  let source = SourceText(name: "sentence", text)
  do {
    let statement = try Parser.parse(statement: source)
    let printed = Printer.print(statement)
    do {
      let again = try Parser.parse(statement: SourceText(name: "printed", printed))
      if again == statement { return statement }
      Issue.record("\(text)\nprints as another tree:\n\(printed)", sourceLocation: sourceLocation)
    } catch {
      Issue.record(
        "\(text)\nprints as\n\(printed)\n\(error)", sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("\(text)\n\(error.rendered(in: source))", sourceLocation: sourceLocation)
  }
  return nil
}

/// A number for the case of a statement.
func kind(of statement: Statement) -> Int {
  switch statement {
  case .query: 0
  case .createSource: 1
  case .createSourceAs: 2
  case .insertSelect: 3
  case .insertValues: 4
  case .dropSource: 5
  case .alterSource: 6
  case .createType: 7
  case .dropType: 8
  case .controlQuery: 9
  case .explain: 10
  case .describe: 11
  case .show: 12
  case .printTopic: 13
  case .setProperty: 14
  case .unsetProperty: 15
  case .alterSystem: 16
  case .defineVariable: 17
  case .undefineVariable: 18
  case .assertTopic: 19
  case .assertSchema: 20
  case .assertValues: 21
  case .assertSource: 22
  case .createConnector: 23
  case .dropConnector: 24
  case .runScript: 25
  case .copyFrom: 26
  case .copyTo: 27
  case .createSchema: 28
  case .checkSchema: 29
  case .alterSchema: 30
  case .dropSchema: 31
  }
}
