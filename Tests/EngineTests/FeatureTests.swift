// Docs/Features.md is made from the scripts under Tests/SQL/features, which other tests run. There a comment `# feature:`
// names what the blocks behind it show: their statements are on the page, and `statement error` makes it a "no".
// Set HEADRACE_BLESS=1 to write the page anew.

import Foundation
import Testing

@Suite struct FeatureTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let folder = root.appendingPathComponent("Tests/SQL/features")

  private struct Feature {
    var name: String
    var blocks: [ScriptBlock] = []

    var refusal: ScriptBlock? { blocks.first { $0.words.first == "error" } }
    /// What the error says: its id.
    var refusalID: String? {
      refusal?.expected?.first?.firstMatch(of: /^error\[([a-z-]+)\]/).map { String($0.1) }
    }
    /// What it takes, without the queries that show what came of it.
    var text: String {
      let statements = blocks.filter { $0.directive == "statement" }
      return (statements.isEmpty ? Array(blocks.prefix(1)) : statements)
        .flatMap(\.input).joined(separator: " ")
    }
  }

  private struct Section {
    var file: ScriptFile
    var title: String
    var features: [Feature]

    init(_ url: URL) throws {
      file = try ScriptFile(path: url.path)
      let lines = try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n")
      title = String(lines[0].dropFirst(2))
      features = []
      let mark = "# feature: "
      let starts = lines.indices.filter { lines[$0].hasPrefix(mark) }
      for (place, start) in starts.enumerated() {
        let end = place + 1 < starts.count ? starts[place + 1] : lines.count
        // The line of a block counts from 1.
        let blocks = file.blocks.filter { $0.line > start + 1 && $0.line <= end }
        features.append(
          Feature(name: String(lines[start].dropFirst(mark.count)), blocks: blocks))
      }
    }
  }

  private func sections() throws -> [Section] {
    try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
      .filter { $0.hasSuffix(".slt") }.sorted()
      .map { try Section(Self.folder.appendingPathComponent($0)) }
  }

  @Test func everyRefusalIsLocated() throws {
    var names: Set<String> = []
    for section in try sections() {
      #expect(!section.features.isEmpty, "\(section.file.name)")
      for feature in section.features {
        #expect(names.insert(feature.name).inserted, "\(feature.name) stands twice")
        #expect(!feature.blocks.isEmpty, "\(feature.name)")
        guard let refusal = feature.refusal else { continue }
        #expect(feature.refusalID != nil, "\(feature.name)")
        let place = "--> \(section.file.name):"
        #expect(
          refusal.expected?.contains { $0.contains(place) } == true, "\(feature.name)")
      }
    }
  }

  @Test func documentationIsCurrent() throws {
    let file = Self.root.appendingPathComponent("Docs/Features.md")
    var text = """
      # Features

      Statements as they are written for other engines, and whether Headrace runs them. This page is made from the scripts
      that it names, which lie in [Tests/SQL/features](../Tests/SQL/features); the tests run them under every configuration.
      Behind a "yes" the script has the rows that come out, where any do; behind a "no" it has the error, with its place in
      the statement.

      The statements read these streams and tables:

      ```sql

      """
    let all = try sections()
    for block in all[0].file.blocks.prefix(4) { text += block.input.joined(separator: "\n") + "\n" }
    text += "```\n"
    for section in all {
      let name = section.file.name
      text += "\n## \(section.title)\n\n| Feature | Statement | Headrace |\n|---|---|---|\n"
      for feature in section.features {
        let statement = feature.text.replacing("|", with: "\\|")
        let answer = feature.refusalID.map { "no: `\($0)`" } ?? "yes"
        text += "| \(feature.name) | `\(statement)` | \(answer), "
        text += "[\(name)](../Tests/SQL/features/\(name)) |\n"
      }
    }
    if ProcessInfo.processInfo.environment["HEADRACE_BLESS"] == "1" {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    let written = try String(contentsOf: file, encoding: .utf8)
    #expect(written == text, "Docs/Features.md is old: run this test with HEADRACE_BLESS=1")
  }
}
