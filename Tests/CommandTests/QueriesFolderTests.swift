// Declared files: whatever happens to them and to the server, what there is comes to be what they say.

import Foundation
import HeadraceTestSupport
import Testing

@testable import Headrace

private final class Declared {
  let scratch: Scratch
  let folder: String
  let data: String
  private(set) var server: RunningServer?

  init() throws {
    scratch = try Scratch()
    folder = scratch.path + "/queries"
    data = scratch.path + "/data"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  func start() throws { server = try RunningServer(data, ["--queries-dir", folder]) }

  /// With SIGTERM, or with SIGKILL at any moment.
  func stop(kills: Bool = false) throws {
    if kills { try server?.kill() } else { #expect(try server?.stop().status == 0) }
    server = nil
  }

  /// nil: removes it. Renamed into its place, or written where it stands.
  func put(_ name: String, _ text: String?, renames: Bool = true) throws {
    let target = folder + "/" + name + ".sql"
    guard let text else { return try FileManager.default.removeItem(atPath: target) }
    try text.write(toFile: target, atomically: renames, encoding: .utf8)
  }

  func status(_ name: String) -> [String: Any]? {
    guard
      let data = FileManager.default.contents(atPath: folder + "/" + name + ".status.json")
    else { return nil }
    return try? JSONSerialization.jsonObject(with: data) as? [String: Any]
  }

  /// Until the file stands like this; `says`: part of the error.
  func expect(
    _ name: String, _ state: String?, says: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isThere = eventually {
      let status = status(name)
      guard let state else { return status == nil }
      return status?["state"] as? String == state
        && (says.isEmpty || (status?["error"] as? String ?? "").contains(says))
    }
    #expect(
      isThere, "\(name): \(String(describing: status(name)))", sourceLocation: sourceLocation)
  }

  /// Until the file's text is what runs.
  func settle(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let isThere = eventually {
      guard let status = status(name), let text = try? scratch.text("queries/\(name).sql") else {
        return false
      }
      return status["running_sha256"] as? String == SHA256.hash(Array(text.utf8))
        && status["state"] as? String == "running"
    }
    #expect(
      isThere, "\(name): \(String(describing: status(name)))", sourceLocation: sourceLocation)
  }

  func ask(_ sql: String) throws -> String {
    let outcome = try headrace("--data", data, "-c", sql)
    #expect(outcome.status == 0, "\(outcome.err)")
    return outcome.out
  }
}

private let input =
  "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"

@Suite struct QueriesFolderTests {
  /// Created in any order, changed where it stands, rebuilt, made anew, removed when nobody reads it any more.
  @Test func life() throws {
    let declared = try Declared()
    try declared.put(
      "b", "CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM s WHERE v > 0 GROUP BY k;")
    try declared.start()
    declared.expect("b", "refused", says: "does not exist")
    try declared.put("c", input)
    declared.settle("c")
    declared.settle("b")
    _ = try declared.ask("INSERT INTO s VALUES (1, 1), (1, -5), (2, 4);")
    #expect(try declared.ask("SELECT * FROM c;") == "K,N\n1,1\n2,1\n")
    // Its state goes on: the row that the condition had dropped does not come back.
    try declared.put(
      "b", "CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM s WHERE v > -9 GROUP BY k;")
    #expect(
      eventually {
        (try? declared.scratch.text("queries/b.log"))?.contains("+     filter V > -9") ?? false
      })
    declared.settle("b")
    #expect(try declared.ask("SELECT * FROM c;") == "K,N\n1,1\n2,1\n")
    // Another aggregate has no state: the table is made anew beside the old one.
    try declared.put(
      "b", "CREATE TABLE c AS SELECT k, COUNT(*) AS n, SUM(v) AS t FROM s WHERE v > -9 GROUP BY k;")
    #expect(eventually { (try? declared.ask("SELECT * FROM c;")) == "K,N,T\n1,2,-4\n2,1,4\n" })
    declared.settle("b")
    // Other columns: nothing can go on.
    try declared.put("b", "CREATE TABLE c AS SELECT v, COUNT(*) AS n FROM s GROUP BY v;")
    declared.settle("b")
    #expect(try declared.ask("SELECT * FROM c;").hasPrefix("V,N\n"))
    // What is read by others stays until it is not.
    try declared.put("c", nil)
    declared.expect("c", "removing", says: "[B_")
    try declared.put("b", nil)
    declared.expect("b", nil)
    declared.expect("c", nil)
    #expect(try declared.ask("SHOW STREAMS;").split(separator: "\n").count == 1)
    try declared.stop()
  }

  private static let wrong: [(text: String, says: String)] = [
    ("SELECT 1;", "declares-nothing"), ("DROP STREAM s;", "declares-nothing"),
    ("INSERT INTO s VALUES (1, 2);", "declares-nothing"),
    ("CREATE STREAM x AS SELECT kk FROM s;", "cannot be resolved"),
    (input, "already exists"), ("CREATE TYPE t AS INT; CREATE TYPE t AS INT;", "declared-twice"),
    (
      "CREATE STREAM f (v INT) WITH (FILE='/etc/passwd', VALUE_FORMAT='JSON');",
      "path-outside-roots"
    ),
  ]

  /// What is refused says why, changes nothing, and what ran goes on running.
  @Test func refused() throws {
    let declared = try Declared()
    try declared.start()
    try declared.put("a", input)
    declared.settle("a")
    try declared.put("x", "CREATE STREAM x AS SELECT k, v FROM s;")
    declared.settle("x")
    for (text, says) in Self.wrong {
      try declared.put("x", text)
      declared.expect("x", "refused", says: says)
    }
    #expect(declared.status("x")?["running_sha256"] is String)
    _ = try declared.ask("INSERT INTO s VALUES (1, 7);")
    #expect(try declared.ask("SELECT * FROM x;") == "K,V\n1,7\n")
    // A query of somebody else stands in the way of what would have to be made anew.
    _ = try declared.ask("CREATE STREAM y AS SELECT * FROM x;")
    try declared.put("x", "CREATE STREAM x AS SELECT v AS w, k FROM s PARTITION BY v;")
    declared.expect("x", "refused", says: "nor can it be made anew: Cannot drop X")
    _ = try declared.ask("DROP STREAM y;")
    declared.settle("x")
    try FileManager.default.createSymbolicLink(
      atPath: declared.folder + "/link.sql", withDestinationPath: "/etc/passwd")
    declared.expect("link", "refused", says: "symbolic link")
    try declared.stop()
    declared.expect("x", "stopped")
  }

  /// Files that are added, changed and removed while the server runs, is stopped or is killed: in the end there is what they say.
  @Test(arguments: [1, 2]) func converges(seed: UInt64) throws {
    let rounds = ProcessInfo.processInfo.environment["HEADRACE_ROUNDS"].flatMap { Int($0) } ?? 40
    var random = SplitMix(state: seed)
    let declared = try Declared()
    var files: [String: String] = [:]
    for _ in 0..<rounds / 2 {
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let number = Int.random(in: 0..<6, using: &random)
        let name = "f\(number)"
        if files[name] != nil, Int.random(in: 0..<3, using: &random) == 0 {
          files[name] = nil
          try declared.put(name, nil)
        } else {
          files[name] = Self.text(number, &random)
          try declared.put(name, files[name], renames: Bool.random(using: &random))
        }
      }
      switch Int.random(in: 0..<4, using: &random) {
      case 0 where declared.server != nil: try declared.stop(kills: true)
      case 1 where declared.server != nil: try declared.stop()
      case _ where declared.server == nil: try declared.start()
      default: usleep(UInt32.random(in: 0..<300_000, using: &random))
      }
    }
    if declared.server == nil { try declared.start() }
    // With its first file every one of them stands.
    files["f0"] = Self.text(0, &random)
    try declared.put("f0", files["f0"])
    for name in files.keys.sorted() { declared.settle(name) }
    let sources = files.keys.map { $0.replacing("f", with: "S") }.sorted()
    let tables = try declared.ask("SHOW STREAMS; SHOW TABLES;")
    for number in 0..<6 {
      #expect(tables.contains("S\(number),") == sources.contains("S\(number)"), "\(tables)")
    }
    let statements = try declared.ask("SHOW QUERIES EXTENDED;")
    for (name, text) in files where name != "f0" {
      #expect(
        statements.contains(text.replacing("\n", with: " ")), "\(name): \(text) in \(statements)")
    }
    try declared.stop()
  }

  /// Number 0 is a stream; each other one a stream or table over it or over the one before.
  private static func text(_ number: Int, _ random: inout SplitMix) -> String {
    let name = "s\(number)"
    guard number > 0 else {
      let column = Bool.random(using: &random) ? ", w INT" : ""
      return
        "CREATE STREAM s0 (k INT KEY, v INT\(column)) WITH (KAFKA_TOPIC='s0', VALUE_FORMAT='JSON', PARTITIONS=1);"
    }
    let bound = Int.random(in: 0..<100, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return "CREATE STREAM \(name) AS SELECT k, v FROM s0 WHERE v > \(bound);"
    case 1: return "CREATE STREAM \(name) AS SELECT k, v + \(bound) AS v FROM s0;"
    case 2:
      return
        "CREATE TABLE \(name) AS SELECT k, COUNT(*) AS v FROM s0 WHERE v > \(bound) GROUP BY k;"
    default:
      return "CREATE TABLE \(name) AS SELECT k, SUM(v + \(bound)) AS v FROM s0 GROUP BY k;"
    }
  }
}
