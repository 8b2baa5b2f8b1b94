// Whatever statements are accepted, the directory opens again, with the same sources and queries, and each query stands
// by itself: LIVE, PAUSED or FAILED. Sequences of statements over few names, so that they meet: topics are shared,
// deleted and made again with other partitions, ids of queries are used again.
// `HEADRACE_ROUNDS` says how many sequences; the seed of a round is its number.

import HeadraceExecutor
import Foundation
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax
import Testing

@testable import Headrace

/// Draws statements; the same seed draws the same ones.
private struct StatementSource {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func below(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }

  private mutating func one(of choices: [String]) -> String { choices[below(choices.count)] }

  private mutating func maybe(_ text: @autoclosure () -> String, oneIn count: Int = 2) -> String {
    below(count) == 0 ? text() : ""
  }

  private mutating func stream() -> String { one(of: ["s", "`é t`", "o"]) }
  private mutating func table() -> String { one(of: ["u", "`w-ü`", "n"]) }
  private mutating func source() -> String {
    one(of: ["s", "`é t`", "o", "u", "`w-ü`", "n"])
  }
  private mutating func replace() -> String { maybe("OR REPLACE ", oneIn: 4) }

  private mutating func properties(needsTopic: Bool) -> String {
    var items: [String] = []
    if needsTopic || below(2) == 0 {
      items.append("KAFKA_TOPIC='\(one(of: ["a", "b", "c"]))'")
    }
    if needsTopic {
      items.append("VALUE_FORMAT='JSON'")
      items.append("KEY_FORMAT='\(one(of: ["KAFKA", "JSON"]))'")
    }
    if below(2) == 0 { items.append("PARTITIONS=\(one(of: ["1", "2", "3"]))") }
    if below(6) == 0 { items.append("CLEANUP_POLICY='\(one(of: ["compact", "delete"]))'") }
    if below(8) == 0 { items.append("RETENTION_MS=1000") }
    return items.isEmpty ? "" : " WITH (\(items.joined(separator: ", ")))"
  }

  private mutating func query() -> String {
    switch below(8) {
    case 0: return "SELECT * FROM \(source())"
    case 1: return "SELECT k, v + 1 AS v FROM \(source()) WHERE v <> 3"
    case 2: return "SELECT v, COUNT(*) AS k FROM \(source()) GROUP BY v"
    case 3: return "SELECT k, COUNT(*) AS v FROM \(source()) GROUP BY k"
    case 4:
      return "SELECT k, COUNT(*) AS v FROM \(stream()) WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY k"
    case 5:
      return "SELECT x.k AS k, x.v AS v FROM \(stream()) x JOIN \(table()) y ON x.k = y.k"
    case 6:
      return "SELECT x.k AS k, y.v AS v FROM \(table()) x \(one(of: ["", "LEFT "]))JOIN "
        + "\(table()) y ON x.k = y.k"
    default: return "SELECT v, k FROM \(stream()) PARTITION BY \(one(of: ["v", "k", "NULL"]))"
    }
  }

  mutating func next() -> String {
    switch below(22) {
    case 0, 1, 2:
      return "CREATE \(replace())STREAM \(stream()) (k INT \(maybe("KEY", oneIn: 1)), v INT"
        + "\(maybe(", x STRING", oneIn: 4)))\(properties(needsTopic: true));"
    case 3, 4:
      return "CREATE \(replace())TABLE \(table()) (k INT PRIMARY KEY, v INT)"
        + "\(properties(needsTopic: true));"
    case 5, 6:
      return "CREATE \(replace())STREAM \(stream())\(properties(needsTopic: false)) AS \(query());"
    case 7, 8, 9:
      return "CREATE \(replace())TABLE \(table())\(properties(needsTopic: false)) AS \(query());"
    case 10: return "INSERT INTO \(stream()) \(query());"
    case 11:
      return "INSERT INTO \(stream()) WITH (QUERY_ID='\(one(of: ["q", "q-1"]))') \(query());"
    case 12, 13, 14, 15:
      return "INSERT INTO \(source()) (k, v) VALUES (\(one(of: ["1", "2", "7", "NULL"])), "
        + "\(one(of: ["1", "3", "NULL", "2147483647"])));"
    case 16:
      return "DROP \(one(of: ["STREAM", "TABLE"])) \(source()) "
        + "\(maybe("DELETE TOPIC", oneIn: 2));"
    case 17: return "DROP STREAM \(stream()) DELETE TOPIC;"
    case 18: return one(of: ["TERMINATE ALL;", "TERMINATE q;", "TERMINATE `q-1`;", "PAUSE ALL;"])
    case 19: return "RESUME ALL;"
    case 20: return "ALTER STREAM \(stream()) ADD COLUMN \(one(of: ["y", "z"])) INT;"
    default: return "CREATE TYPE IF NOT EXISTS p AS STRUCT<a INT>;"
    }
  }
}

@Suite struct DirectoryTests {
  /// What must be the same after a restart.
  private struct Standing: Hashable {
    var sources: [String]
    var queries: [String]

    init(_ engine: Engine) {
      sources = engine.sources.map { "\($0.name) \($0.topic) \($0.partitions) \($0.schema)" }
      queries = engine.queryStatus.map { "\($0.id) \($0.state.rawValue)" }
    }
  }

  private static var rounds: Int {
    ProcessInfo.processInfo.environment["HEADRACE_ROUNDS"].flatMap { Int($0) } ?? 60
  }

  @Test(arguments: 0..<rounds) func opensAgain(round: Int) throws {
    let directory = Engine.temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var statements = StatementSource(seed: UInt64(round) + 1)
    var accepted: [String] = []
    var engine = try open(directory)
    var session = Session(engine: engine)
    session.endsAtIdle = true
    for step in 1...40 {
      let text = statements.next()
      do {
        try session.execute(script: SourceText(name: "drawn", text), CollectedResult())
        accepted.append(text)
      } catch EngineError.statement {
        // Refused: it must not have changed anything, which the comparison after the restart shows.
      }
      try settle(session, &accepted)
      guard step % 5 == 0 else { continue }
      let before = Standing(engine)
      try engine.close()
      engine = try open(directory)
      session = Session(engine: engine)
      session.endsAtIdle = true
      try settle(session, &accepted)
      let after = Standing(engine)
      #expect(before == after, "\(accepted.joined(separator: "\n"))")
    }
    #expect(!accepted.isEmpty)
    try engine.close()
  }

  private func open(_ directory: String) throws -> Engine {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.workers = 1
    options.clock = { 1_600_000_000_000 }
    return try Engine.open(options)
  }

  /// Every query takes what there is, or fails by itself. Queries that feed each other have no end: they are stopped.
  private func settle(_ session: Session, _ accepted: inout [String]) throws {
    let engine = session.engine
    var steps = 0
    do {
      while steps < 100, try engine.step() { steps += 1 }
      if steps == 100 {
        try session.execute(
          script: SourceText(name: "drawn", "TERMINATE ALL;"), CollectedResult())
        accepted.append("TERMINATE ALL;")
      }
    } catch {
      Issue.record("\(error) after\n\(accepted.joined(separator: "\n"))")
      throw error
    }
    for query in engine.queryStatus {
      #expect(query.state != .catchingUp, "\(query.id): \(accepted.joined(separator: "\n"))")
    }
  }
}
