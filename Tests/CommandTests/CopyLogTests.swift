// `headrace copy-log`: what it says, and that queries go on in the copy.

import Foundation
import Testing

@Suite struct CopyLogTests {
  private let statements = """
    CREATE STREAM s (id INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE TABLE totals AS SELECT id, SUM(v) AS t FROM s GROUP BY id;
    INSERT INTO s VALUES (1, 5); INSERT INTO s VALUES (2, 50);
    """

  @Test func queriesGoOnInTheCopy() throws {
    let scratch = try Scratch()
    let (data, copy) = (scratch.path + "/data", scratch.path + "/copy")
    #expect(try headrace("run", "--data", data, "--create", "-c", statements).status == 0)
    let made = try headrace("copy-log", "--data", data, "--to", copy)
    #expect(made.status == 0 && made.err == "", "\(made.err)")
    let lines = made.out.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("s: 2 partitions, 2 records, 23 bytes, checksum ") })
    #expect(
      lines.last?.hasPrefix("copied and compared: 3 topics, 6 records, ") ?? false, "\(made.out)")
    #expect(made.out.hasSuffix("; 2 statements, 1 query\n"))
    let insert = "INSERT INTO s VALUES (1, 7); SELECT * FROM totals;"
    for directory in [data, copy] {
      let answer = try headrace("run", "--data", directory, "--output", "csv", "-c", insert)
      #expect(answer.status == 0 && answer.out == "ID,T\n1,12\n2,50\n", "\(answer.err)")
    }
    // As every directory of the log has it.
    let attributes = try FileManager.default.attributesOfItem(atPath: copy)
    #expect(attributes[.posixPermissions] as? Int == 0o700)

    let again = try headrace("copy-log", "--data", data, "--to", copy)
    #expect(again.status == 1)
    #expect(
      again.err.hasPrefix("error[log-copy-target-holds]: the target already holds topic TOTALS\n"))
  }

  @Test func whatCannotBe() throws {
    let scratch = try Scratch()
    let (data, copy) = (scratch.path + "/data", scratch.path + "/copy")
    #expect(try headrace("run", "--data", data, "--create", "-c", statements).status == 0)
    let nothing = try headrace("copy-log", "--data", scratch.path + "/none", "--to", copy)
    #expect(nothing.status == 3 && nothing.err.hasPrefix("error[log-copy-no-source]: "))
    #expect(!scratch.exists("none") && !scratch.exists("copy"))
    #expect(try headrace("copy-log", "--data", data, "--to", data).status == 2)
    #expect(try headrace("copy-log", "--data", data).status == 2)
    let server = try RunningServer(data)
    let used = try headrace("copy-log", "--data", data, "--to", copy)
    #expect(used.status == 3 && used.err.contains("data directory in use"))
    #expect(!scratch.exists("copy"))
    #expect(try server.stop().status == 0)
  }
}
