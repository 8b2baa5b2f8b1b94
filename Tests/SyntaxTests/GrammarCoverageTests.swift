// Every production of the grammar, and every alternative and option inside one, occurs in some script under
// Tests/SQL; and the grammar derives every statement of the scripts that the parser takes.

import Foundation
import Testing

@testable import HeadraceSyntax

/// The statements of a script: what stands under a directive, up to `----` or a blank line.
private func statements(_ script: String) -> [String] {
  var result: [String] = []
  var lines = script.components(separatedBy: "\n")[...]
  while let line = lines.popFirst() {
    let word = line.split(separator: " ").first ?? ""
    guard ["statement", "query", "explain", "submit"].contains(word) else { continue }
    let body = lines.prefix { !$0.isEmpty && $0 != "----" }
    lines = lines.dropFirst(body.count)
    result.append(body.joined(separator: "\n"))
  }
  return result
}

@Test func everyAlternativeOccursInAScript() throws {
  let grammar = try Grammar.load()
  let folder = Grammar.root.appendingPathComponent("Tests/SQL")
  var seen: Set<String> = []
  for file in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
  where file.hasSuffix(".slt") {
    let script = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
    for text in statements(script) {
      guard (try? Parser.parse(statement: SourceText(name: file, text))) != nil else { continue }
      guard let trace = GrammarRecognizer.derivation(grammar, text) else {
        Issue.record("\(file): the grammar has no derivation of\n\(text)")
        continue
      }
      seen.formUnion(trace)
    }
  }
  let missing = GrammarRecognizer.alternatives(grammar).subtracting(seen)
  #expect(missing.sorted() == [])
}
