// Docs/Functions.md is made from the registry. Set HEADRACE_BLESS=1 to write it anew.

import HeadraceColumns
import Foundation
import HeadraceFunctions
import Testing

@Suite struct DocumentationTests {
  private var file: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Docs/Functions.md")
  }

  @Test func functionsFileIsCurrent() throws {
    let text = documentation(FunctionRegistry.builtin)
    if ProcessInfo.processInfo.environment["HEADRACE_BLESS"] == "1" {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    let written = try String(contentsOf: file, encoding: .utf8)
    #expect(written == text, "Docs/Functions.md is old: run this test with HEADRACE_BLESS=1")
  }

  private func documentation(_ registry: FunctionRegistry) -> String {
    var text = """
      # Functions

      This file is made from the functions themselves; the tests run every example in it.

      A function gives NULL where an argument is NULL unless its description says otherwise.
      Where it fails in a row, it gives NULL there too, which SHOW ERRORS tells. INTEGER
      arguments widen to BIGINT, DECIMAL and DOUBLE where only those are taken.

      """
    let families = Dictionary(grouping: registry.scalars.values, by: \.family)
    for (family, functions) in families.sorted(by: { $0.key < $1.key }) {
      text += "\n## \(family)\n"
      for function in functions.sorted(by: { $0.name < $1.name }) {
        text += entry(function.name, function.doc, function.overloads.map(\.signature))
        if let example = function.example {
          text += "\nExample: `\(example.expression)` gives `\(example.result)`.\n"
        }
      }
    }
    text += "\n## Table functions\n"
    for function in registry.tables.values.sorted(by: { $0.name < $1.name }) {
      text += entry(function.name, function.doc, function.overloads.map(\.signature))
    }
    text += """

      ## Aggregate functions

      DISTINCT before the arguments, as in `SUM(DISTINCT x)`, leaves out rows whose values the group has already;
      over a table a value counts until its last row goes. Unlike COUNT_DISTINCT it is exact for any number.

      FILTER behind a call, as in `COUNT(*) FILTER (WHERE x > 1)`, leaves out rows for which the condition is not true.
      Lists and texts take ORDER BY behind their arguments, as in `ARRAY_AGG(x ORDER BY y DESC, z)`, or in WITHIN GROUP.

      """
    for function in registry.aggregates.values.sorted(by: { $0.name < $1.name }) {
      text += entry(function.name, function.doc, function.overloads.map(\.signature))
      let literals = Set(function.overloads.map(\.literalCount)).subtracting([0])
      if let most = literals.max() {
        text += "\nThe last \(most == 1 ? "argument is" : "arguments may be") given as a literal.\n"
      }
    }
    return text
  }

  private func entry(_ name: String, _ doc: String, _ signatures: [Signature]) -> String {
    let forms = signatures.map { signature in
      var result = ""
      if case .pattern(let pattern) = signature.returns { result = " -> \(pattern)" }
      return "- `\(name)\(signature)\(result)`\n"
    }
    return "\n### \(name)\n\n\(doc)\n\n\(forms.joined())"
  }
}
