// The benchmarks run small, so that they do not rot; what they measure is nobody's business here.

import Foundation
import Testing

@Suite struct BenchmarkTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private func python(_ arguments: [String]) throws -> (status: Int32, out: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3"] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["HEADRACE": Command.binary]
    ) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }

  /// The endurance run: a few seconds of it, with two kills.
  @Test func soak() throws {
    let result = try python([
      Self.root.path + "/Scripts/soak", "--minutes", "0.02", "--kills", "--kill-seconds", "1",
      "--kills-min", "2", "--rate", "1000",
    ])
    #expect(result.status == 0, "\(result.out)")
    #expect(result.out.contains("nothing lost, nothing doubled"), "\(result.out)")
    #expect(result.out.contains("kill 2:"), "\(result.out)")
  }

  private func lines(_ count: Int, _ line: (Int) -> String) -> String {
    (0..<count).map { line($0) + "\n" }.joined()
  }

  /// A folder with every table of the set.
  private func data() throws -> Scratch {
    let scratch = try Scratch()
    let tables: [(String, (Int) -> String)] = [
      (
        "bid",
        {
          #"{"auction":\#($0 % 7),"bidder":\#($0 / 40),"price":\#($0 * 20_000),"channel":"c","#
            + #""url":"https://h/a/b/c?q=1&channel_id=2","dateTime":\#($0 * 500),"extra":"e"}"#
        }
      ),
      (
        "auction",
        {
          #"{"id":\#($0),"itemName":"i","description":"d","initialBid":1,"reserve":2,"#
            + #""dateTime":\#($0 * 500),"expires":9,"seller":\#($0 % 5),"category":10,"extra":"e"}"#
        }
      ),
      (
        "person",
        {
          #"{"id":\#($0 % 5),"name":"n","emailAddress":"m","creditCard":"x","city":"c","#
            + #""state":"OR","dateTime":\#($0 * 500),"extra":"e"}"#
        }
      ),
      (
        "orders",
        {
          #"{"order_id":\#($0),"customer_id":\#($0 % 4),"item":"i","quantity":1,"amount":5,"#
            + #""ts":\#($0 * 500)}"#
        }
      ),
      (
        "customers",
        {
          #"{"customer_id":\#($0 % 4),"name":"n","region":"r","tier":"t","updated_at":0}"#
        }
      ),
    ]
    for (table, line) in tables {
      try FileManager.default.createDirectory(
        atPath: scratch.path + "/" + table, withIntermediateDirectories: true)
      for part in 0..<2 {
        _ = try scratch.file("\(table)/part-\(part).json", lines(60) { line($0 * 2 + part) })
      }
    }
    return scratch
  }

  @Test func queriesRun() throws {
    let data = try data()
    let bench = Self.root.path + "/Benchmarks/bench.py"
    let counts = try python([bench, "--count", data.path])
    #expect(counts.status == 0, "\(counts.out)")
    let lines = counts.out.split(separator: "\n").map(String.init)
    #expect(lines.count == 27, "\(counts.out)")
    for line in lines {
      let words = line.split(separator: " ")
      if ["q0:", "q1:", "sj:"].contains(words[0]) { #expect(words[1] == "120", "\(line)") }
      #expect(words[1] != "0", "\(line)")
    }
  }

  @Test func programsRun() throws {
    let data = try data()
    let benchmarks = Self.root.path + "/Benchmarks/"
    for options in [["--sink", "discard"], ["--source", "topic", "--copies", "3"]] {
      let bench = try python(
        [benchmarks + "bench.py", "--peers", "", "--runs", "1"] + options + [data.path, "q0", "q8"])
      #expect(bench.status == 0 && bench.out.contains("q8"), "\(bench.out)")
    }
    let scale = try python([
      benchmarks + "scale.py", "--runs", "1", "--copies", "1,3", "--part", "keys",
      "--part", "copies", data.path,
    ])
    #expect(scale.status == 0 && scale.out.contains("q5 x 3"), "\(scale.out)")
    let latency = try python([
      benchmarks + "latency.py", "--rate", "200", "--seconds", "1", "--durability", "memory",
    ])
    #expect(latency.status == 0 && latency.out.contains("200 of 200 results"), "\(latency.out)")
    let beside = data.path + "/beside.sql"
    try """
    CREATE TABLE counts AS SELECT n, COUNT(*) AS c FROM events GROUP BY n;
    """.write(toFile: beside, atomically: true, encoding: .utf8)
    let waits = try python([
      benchmarks + "latency.py", "--rate", "200", "--seconds", "1", "--durability", "memory",
      "--beside", beside, "--state-bytes-max", "64KiB",
    ])
    #expect(waits.status == 0 && waits.out.contains("beside the other query: p50"), "\(waits.out)")
  }

  @Test(
    .enabled(
      if: CommandSampleTests.hasBroker, "Scripts/broker starts none: no PyPI or no python3-venv"))
  func kafkaRuns() throws {
    let result = try python([
      Self.root.path + "/Benchmarks/kafka/kafka.py", "--records", "2000", "--runs", "1",
      "--rate", "500", "--seconds", "1", "pass", "regroup",
    ])
    #expect(result.status == 0, "\(result.out)")
    // Each row is written, and of the second one what went through the exchange, too; to its changelog as often as it
    // committed.
    #expect(result.out.contains(#/pass +2000 /#), "\(result.out)")
    #expect(result.out.contains(#/regroup +[456]\d\d\d /#), "\(result.out)")
    #expect(result.out.contains("500 records a second, ms: p50 "), "\(result.out)")
    #expect(result.out.contains(#/pass +4 /#), "\(result.out)")
  }
}
