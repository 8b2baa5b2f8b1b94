// `headrace repair`: what it says, that it asks, and that queries go on as they should.

import Foundation
import Testing

@Suite struct RepairCommandTests {
  private let statements = """
    CREATE STREAM s (id INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE totals AS SELECT id, SUM(v) AS t FROM s GROUP BY id;
    CREATE STREAM big AS SELECT * FROM s WHERE v > 10;
    INSERT INTO s VALUES (1, 5); INSERT INTO s VALUES (2, 50);
    """

  /// Four runs, so four epochs; then byte 150 of the only segment of a topic is changed.
  private func damaged(_ topic: String, _ scratch: Scratch) throws -> String {
    let data = scratch.path + "/data"
    #expect(try runHeadrace(["run", "--data", data, "--create", "-c", statements]).status == 0)
    for value in 1...3 {
      let insert = "INSERT INTO s VALUES (1, 10\(value)); INSERT INTO s VALUES (3, \(value));"
      #expect(try runHeadrace(["run", "--data", data, "-c", insert]).status == 0)
    }
    let names = FileManager.default.enumerator(atPath: data + "/topics")
    while let name = names?.nextObject() as? String {
      guard name.hasPrefix(topic), name.hasSuffix(".log") else { continue }
      let path = data + "/topics/" + name
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[150] ^= 0xFF
      try bytes.write(to: URL(fileURLWithPath: path))
    }
    return data
  }

  private func runHeadrace(_ arguments: [String]) throws -> Outcome {
    try Command(arguments).finish()
  }

  private func select(_ data: String, _ text: String) throws -> Outcome {
    try runHeadrace(["run", "--data", data, "--output", "csv", "-c", text])
  }

  @Test func anInputGoesOnWithoutWhatIsLost() throws {
    let scratch = try Scratch()
    let data = try damaged("s/", scratch)
    for arguments in [["--dry-run"], []] as [[String]] {
      let told = try runHeadrace(["repair", "--data", data] + arguments)
      #expect(told.status == 4)
      #expect(told.out.contains("left out: offsets 1..<2 of s, partition 0 (1 records at most)"))
      #expect(told.out.contains("query CTAS_TOTALS_0 has read them; what it made of them stays"))
      #expect(told.err.contains("--yes carries it out") == arguments.isEmpty)
    }
    let mended = try runHeadrace(["repair", "--data", data, "--yes"])
    #expect(mended.status == 0 && mended.out.contains("kept in \(data)/damaged/1"))
    #expect(scratch.exists("data/damaged/1/checkpoint"))
    let after = try select(data, "INSERT INTO s VALUES (2, 7); SELECT * FROM totals;")
    #expect(after.status == 0 && after.out == "ID,T\n1,311\n2,57\n3,6\n")
    let clean = try runHeadrace(["repair", "--data", data])
    #expect(clean.status == 0 && clean.out == "no damage\n")
    #expect(try runHeadrace(["topic", "verify", "--data", data]).status == 0)
  }

  @Test func aQueryWithoutItsStateFailsUntilItIsMadeAnew() throws {
    let scratch = try Scratch()
    let data = try damaged("_headrace-CTAS_TOTALS_0", scratch)
    let mended = try runHeadrace(["repair", "--data", data, "--yes"])
    #expect(mended.status == 0 && mended.out.contains("query CTAS_TOTALS_0 fails"))
    let insert = "INSERT INTO s VALUES (2, 70);"
    for _ in 0..<2 {
      let failed = try select(data, insert + "SELECT COUNT(*) AS n FROM big;")
      #expect(failed.status == 1 && failed.err.contains("a repair has left out changes"))
    }
    let rebuild =
      "CREATE OR REPLACE TABLE totals WITH (REBUILD=TRUE) AS SELECT id, SUM(v) AS t FROM s "
      + "GROUP BY id;"
    #expect(try select(data, rebuild).status == 0)
    let after = try select(data, "SELECT * FROM totals;")
    #expect(after.status == 0 && after.out == "ID,T\n1,311\n2,190\n3,6\n")
  }

  @Test func withoutACheckpointNothingCanBeDone() throws {
    let scratch = try Scratch()
    let data = try damaged("none", scratch)
    try FileManager.default.removeItem(atPath: data + "/checkpoint")
    let outcome = try runHeadrace(["repair", "--data", data, "--yes"])
    #expect(outcome.status == 4 && outcome.out.contains("restore a backup"))
  }
}
