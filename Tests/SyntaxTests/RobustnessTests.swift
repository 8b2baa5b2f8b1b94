// No text makes the lexer, parser, printer or renderer trap, and what parses still round-trips.

import HeadraceTestSupport
import Testing

@testable import HeadraceSyntax

private let fragments = [
  "(", ")", "[", "]", "<", ">", ",", ".", ";", "'", "\"", "`", "-", "--", "/*", "*/", "->", "=>",
  ":=",
  "${v}", "${", "1e9", "9999999999999999999", "1abc", "\u{0}", "ï", "SELECT", "FROM", "NOT",
  "CASE", "ARRAY", "MAP", "STRUCT", "AS", "NULL", "WITH", "*", " ", "\n", "|", "!", "\u{7F}",
]

@Test(arguments: 1...2) func damagedSentencesNeverTrap(seed: Int) throws {
  var generator = SentenceGenerator(try Grammar.load(), seed: UInt64(seed) + 100)
  var random = SeededRandom(state: UInt64(seed))
  var accepted = 0
  for _ in 0..<5_000 {
    var bytes = Array(generator.sentence(budget: 60).utf8)
    for _ in 0...random.below(3) { damage(&bytes, &random) }
    let source = SourceText(name: "damaged", text: bytes)
    let (statements, diagnostics) = Parser.parse(script: source)
    for diagnostic in diagnostics {
      let rendered = diagnostic.rendered(in: source)
      let isClean = rendered.utf8.allSatisfy { $0 == 0x0A || ($0 >= 0x20 && $0 != 0x7F) }
      #expect(isClean && diagnostic.span.range.upperBound <= bytes.count + 1)
    }
    for statement in statements {
      let printed = SourceText(name: "printed", Printer.print(statement))
      let again = try Parser.parse(statement: printed)
      #expect(again == statement)
      accepted += 1
    }
    _ = Parser.split(source)
  }
  #expect(accepted > 0)
}

private func damage(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
  guard !bytes.isEmpty else { return }
  let place = random.below(bytes.count)
  switch random.below(6) {
  case 0: bytes.removeSubrange(place...)
  case 1: bytes.removeSubrange(..<place)
  case 2: bytes[place] = UInt8(random.below(256))
  case 3: bytes.remove(at: place)
  case 4:
    let end = min(bytes.count, place + random.below(20))
    bytes.insert(contentsOf: bytes[place..<end], at: random.below(bytes.count))
  default:
    bytes.insert(contentsOf: Array(fragments[random.below(fragments.count)].utf8), at: place)
  }
}

@Test func randomWordsNeverTrap() {
  var random = SeededRandom(state: 7)
  let words = fragments + Keywords.all
  for _ in 0..<5_000 {
    let text = (0...random.below(30)).map { _ in words[random.below(words.count)] }
      .joined(separator: random.below(2) == 0 ? " " : "")
    let source = SourceText(name: "random", text)
    for diagnostic in Parser.parse(script: source).diagnostics {
      #expect(!diagnostic.rendered(in: source).isEmpty)
    }
  }
}
