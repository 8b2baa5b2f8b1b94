// Statements written for ksqlDB must parse. The cases lie outside of the repository; without
// them the test says so and passes.

import Foundation
import Testing

@testable import HeadraceSyntax

@Test func statementsOfPositiveCasesRoundTrip() throws {
  let files = corpusFiles()
  guard !files.isEmpty else {
    print("no conformance cases found: set HEADRACE_CONFORMANCE to their folder")
    return
  }
  var statements = 0
  for file in files {
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
      guard let test = object as? [String: Any], let texts = test["statements"] as? [String],
        test["expectedException"] == nil, test["expectedError"] == nil
      else { continue }
      for text in texts where roundTrip(text.replacing("{FORMAT}", with: "JSON")) != nil {
        statements += 1
      }
    }
  }
  print("\(statements) statements of \(files.count) conformance files parse and print")
  #expect(statements > 1_000)
}

private func corpusFiles() -> [URL] {
  let folder =
    ProcessInfo.processInfo.environment["HEADRACE_CONFORMANCE"].map(URL.init(fileURLWithPath:))
    ?? Grammar.root.deletingLastPathComponent().appendingPathComponent("shared/conformance")
  guard
    let found = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
  else { return [] }
  return found.compactMap { $0 as? URL }.filter { $0.pathExtension == "jsonl" }
    .sorted { $0.path < $1.path }
}
