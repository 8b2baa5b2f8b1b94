// What the scripts under Tests/SQL have: every function, every keyword of the grammar, and every error id. That
// they have every production too is tested beside the grammar's other tests.

import Foundation
import HeadraceFunctions
import Testing

@Suite struct CoverageTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func texts(_ folder: String, _ suffix: String) throws -> String {
    let base = root.appendingPathComponent(folder)
    let names = try FileManager.default.subpathsOfDirectory(atPath: base.path)
    return try names.filter { $0.hasSuffix(suffix) }.sorted().map {
      try String(contentsOf: base.appendingPathComponent($0), encoding: .utf8)
    }.joined(separator: "\n")
  }

  private static func words(_ text: String) -> Set<String> {
    Set(text.uppercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
  }

  @Test func functions() throws {
    let words = Self.words(try Self.texts("Tests/SQL", ".slt"))
    let registry = FunctionRegistry.builtin
    let names = Set(registry.names)
    #expect(names.subtracting(words).sorted() == [])
  }

  @Test func keywords() throws {
    let words = Self.words(try Self.texts("Tests/SQL", ".slt"))
    let grammar = try String(
      contentsOf: Self.root.appendingPathComponent("Grammar/Headrace.ebnf"), encoding: .utf8)
    let keywords = grammar.matches(of: /'([A-Z_]+)'/).map { String($0.1) }
    let missing = Set(keywords).subtracting(words)
    #expect(missing.sorted() == [])
  }

  @Test func errors() throws {
    let sources = try Self.texts("Sources", ".swift")
    var ids = Set(
      sources.matches(of: /(?:PlanError|[^a-z]error)\(\s*"([a-z][a-z-]+)"/).map { String($0.1) })
    ids.formUnion(sources.matches(of: /\bid: "([a-z][a-z-]+)"/).map { String($0.1) })
    #expect(ids.count > 50)
    let scripts = try Self.texts("Tests/SQL", ".slt")
    var seen = Set(scripts.matches(of: /error\[([a-z-]+)\]/).map { String($0.1) })
    // Statements at a limit and one beyond are too long to be written down; others need a connector of the tests.
    for name in [
      "LimitTests", "ConnectorTests", "SchemaRegistryTests", "RegistryStatementTests",
    ] {
      let tests = try String(
        contentsOf: Self.root.appendingPathComponent("Tests/EngineTests/\(name).swift"),
        encoding: .utf8)
      seen.formUnion(tests.matches(of: /says: "([a-z-]+)"/).map { String($0.1) })
    }
    // What needs two logs, or a cluster.
    let copies = try Self.texts("Tests", "Tests.swift")
      .matches(of: /log-copy-[a-z-]+/).map { String($0.output) }
    seen.formUnion(copies)
    // What the command line says, and not a statement.
    let commands = try Self.texts("Tests/CommandTests", "ScriptTests.swift")
    for list in commands.matches(of: /ids: \[([^\]]+)\]/) {
      seen.formUnion(list.1.matches(of: /[a-z]+(-[a-z]+)*/).map { String($0.0) })
    }
    let pipes = try Self.texts("Tests/CommandTests", "PipeTests.swift")
    seen.formUnion(pipes.matches(of: /error\[([a-z-]+)\]/).map { String($0.1) })
    let declared = try Self.texts("Tests/CommandTests", "QueriesFolderTests.swift")
    seen.formUnion(declared.matches(of: /"([a-z]+(?:-[a-z]+)+)"/).map { String($0.1) })
    let clusters = try Self.texts("Tests/EngineTests", "KafkaEngineTests.swift")
    seen.formUnion(clusters.matches(of: /"([a-z]+(?:-[a-z]+)+)"/).map { String($0.1) })
    seen.formUnion(clusters.matches(of: /error\[([a-z-]+)\]/).map { String($0.1) })
    #expect(ids.subtracting(seen).sorted() == [])
  }
}
