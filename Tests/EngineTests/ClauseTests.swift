// No clause is parsed and then forgotten. For each field of each syntax node there are two scripts that differ in that
// field alone; what they answer must differ, or the field is refused. A new field without its pair fails the test.

import HeadraceColumns
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace

/// Two scripts and the field in which they differ.
struct ClausePair: CustomTestStringConvertible, Sendable {
  var field: String
  var first: String
  var second: String
  /// The second script is refused in words that say so; so may the first be.
  var isRefused = false

  init(_ field: String, _ first: String, _ second: String, isRefused: Bool = false) {
    self.field = field
    self.first = first
    self.second = second
    self.isRefused = isRefused
  }

  var testDescription: String { field }
}

@Suite struct ClauseTests {
  private static let pairs = expressionClauses + queryClauses + statementClauses

  /// Fields that decide nothing in a session that runs a script, with the reason.
  private static let idle = [
    "AssertTopic.timeout": "a topic is there once the statement that makes it is answered",
    "WindowClause.name": "nothing can refer to a window",
    "PrintTopic.isFromBeginning": "a script prints what there is; only a session that stays waits",
  ]

  private static let setup = """
    CREATE STREAM s (k INT KEY, v INT, w INT, d DOUBLE, t STRING, a ARRAY<INT>, m MAP<STRING, INT>,
      z STRUCT<x INT, y INT>) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE STREAM r (k INT KEY, v INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE t (k INT PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);
    INSERT INTO s (ROWTIME, k, v, w, d, t, a, m, z) VALUES
      (1000, 1, 7, 1, 1.5, 'a_b', ARRAY[1, 2], MAP('p' := 1, 'q' := 2), STRUCT(x := 1, y := 2)),
      (2000, 2, 7, 2, 2.5, 'axb', ARRAY[3], MAP('p' := 3), STRUCT(x := 3, y := 4)),
      (9000, 3, 8, 3, NULL, 'c', ARRAY[4], MAP('q' := 4), STRUCT(x := 5, y := 6));
    INSERT INTO r (ROWTIME, k, v) VALUES (1500, 1, 70), (1000000, 2, 80), (500, 3, 90);
    INSERT INTO t (ROWTIME, k, n) VALUES (1, 1, 10), (2, 2, 20);
    """

  /// What the statements of a script answer, each with its messages, columns and rows, or its error.
  private func answers(_ script: String) throws -> (text: String, isError: Bool) {
    let directory = NSTemporaryDirectory() + "headrace-clauses-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    var options = EngineOptions(directory: directory + "/data")
    options.durability = .memory
    options.clock = { 1_600_000_000_000 }
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    session.workingDirectory = directory
    try "7,8\n".write(toFile: directory + "/a.csv", atomically: true, encoding: .utf8)
    try "9,10\n".write(toFile: directory + "/b.csv", atomically: true, encoding: .utf8)
    try "SELECT 1 AS x FROM t;".write(
      toFile: directory + "/a.sql", atomically: true, encoding: .utf8)
    try "SELECT 2 AS x FROM t;".write(
      toFile: directory + "/b.sql", atomically: true, encoding: .utf8)
    var text = ""
    var isError = false
    for part in [Self.setup, script] {
      let source = SourceText(name: "test", part)
      for range in Session.statements(source) {
        let result = CollectedResult()
        do {
          try session.execute(statement: source.part(range), result)
          if part == script { text += "\(result.messages)\(result.columns)\(result.rows)\n" }
        } catch {
          #expect(part == script, "\(error)")
          text += "\(error)\n"
          isError = true
        }
      }
    }
    for file in ["/out.csv", "/other.csv"] {
      text += (try? String(contentsOfFile: directory + file, encoding: .utf8)) ?? "-"
    }
    try engine.close()
    return (text, isError)
  }

  @Test(arguments: pairs) func changesSomething(_ pair: ClausePair) throws {
    let first = try answers(pair.first)
    let second = try answers(pair.second)
    if pair.isRefused {
      #expect(second.isError, "\(second.text)")
    } else {
      #expect(!first.isError, "\(first.text)")
      #expect(first.text != second.text, "\(pair.field) is read by nobody: \(first.text)")
    }
  }

  /// Fields of the syntax tree's nodes, as `Node.field`.
  private static func fields() throws -> Set<String> {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Sources/Syntax/AST")
    var found: Set<String> = []
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      var node: [String] = []
      for line in text.split(separator: "\n") {
        if let match = line.firstMatch(of: /^( *)public (?:indirect )?(?:struct|enum) (\w+)/) {
          node = (match.1.isEmpty ? [] : Array(node.prefix(1))) + [String(match.2)]
        } else if line == "  }" {
          node = Array(node.prefix(1))
        } else if let match = line.firstMatch(of: /^ +public let (\w+):/),
          !match.1.lowercased().hasSuffix("span")
        {
          found.insert((node + [String(match.1)]).joined(separator: "."))
        }
      }
    }
    return found
  }

  @Test func everyFieldHasItsPair() throws {
    let fields = try Self.fields()
    #expect(fields.count > 150)
    let paired = Set(Self.pairs.map(\.field)).union(Self.idle.keys)
    #expect(fields.subtracting(paired).sorted() == [])
    #expect(paired.subtracting(fields).sorted() == [])
  }
}
