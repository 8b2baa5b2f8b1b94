// Every .slt under Tests/SQL, under every configuration. HEADRACE_BLESS=1 writes the answers of the default
// configuration into the files; HEADRACE_SLT chooses files by words of their names,
// HEADRACE_SLT_UNDER one configuration.

import Foundation
import Testing

@testable import Headrace

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

private func scriptPaths() -> [String] {
  let folder = root.appendingPathComponent("Tests/SQL")
  let words = (ProcessInfo.processInfo.environment["HEADRACE_SLT"] ?? "").split(separator: " ")
  let found = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
  return (found?.compactMap { ($0 as? URL)?.path } ?? []).filter { path in
    path.hasSuffix(".slt") && (words.isEmpty || words.contains { path.contains($0) })
  }.sorted()
}

@Suite struct ScriptTests {
  @Test(arguments: scriptPaths())
  func script(_ path: String) throws {
    let file = try ScriptFile(path: path)
    #expect(!file.blocks.isEmpty, "\(file.name) has no block")
    if ProcessInfo.processInfo.environment["HEADRACE_BLESS"] == "1" {
      let (differences, answers) = try ScriptRunner(file, ScriptConfiguration.all[0]).run()
      if !differences.isEmpty { try file.bless(answers) }
      return
    }
    let under = ProcessInfo.processInfo.environment["HEADRACE_SLT_UNDER"]
    for configuration in ScriptConfiguration.all
    where under.map({ $0 == configuration.name }) ?? true {
      let (differences, _) = try ScriptRunner(file, configuration).run()
      Self.report(differences, file, path, configuration)
    }
  }

  /// A script that runs is not refused before its first statement.
  @Test(arguments: scriptPaths())
  func isNotRefusedBeforehand(_ path: String) throws {
    let runner = ScriptRunner(try ScriptFile(path: path), ScriptConfiguration.all[0])
    _ = try runner.run()
    let engine = try Engine.open(EngineOptions())
    defer { try? engine.close() }
    let trial = LocalConnection(sharing: engine, isBatch: true)
    #expect(trial.certainError(runner.succeeded) == nil)
  }

  static let paths = scriptPaths()

  static func report(
    _ differences: [ScriptDifference], _ file: ScriptFile, _ path: String,
    _ configuration: ScriptConfiguration
  ) {
    for difference in differences {
      Issue.record(
        """
        under \(configuration.name), line \(difference.line):
        expected:
        \(difference.expected.joined(separator: "\n"))
        actual:
        \(difference.actual.joined(separator: "\n"))
        """,
        sourceLocation: SourceLocation(
          fileID: "EngineTests/\(file.name)", filePath: path, line: difference.line, column: 1))
    }
  }
}
