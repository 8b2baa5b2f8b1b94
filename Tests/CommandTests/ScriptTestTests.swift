// `headrace test`: what holds, what does not and how that is told.

import Foundation
import Testing

@Suite struct ScriptTestTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// On an embedded log, and on the cluster that KAFKA names.
  @Test(arguments: ["", ProcessInfo.processInfo.environment["KAFKA"]].compactMap { $0 })
  func sampleHolds(_ cluster: String) throws {
    let path = Self.root.appendingPathComponent("Samples/testing/tests.sql").path
    let place = cluster.isEmpty ? [] : ["--kafka", cluster]
    let outcome = try Command(["test", path] + place).finish()
    #expect(outcome.status == 0)
    #expect(
      outcome.out == """
        ok     a late click still counts in its window
        ok     a row that no longer passes is a tombstone
        ok     the key must be projected
        3 passed, 0 failed

        """, "\(outcome.out)\(outcome.err)")
  }

  @Test func differencesAreShown() throws {
    let scratch = try Scratch()
    let path = try scratch.file(
      "t.sql",
      """
      --@test: first
      CREATE STREAM s (id INT KEY, a INT, b STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
      INSERT INTO s VALUES (1, 2, 'x');
      ASSERT VALUES s (id, a, b) VALUES (1, 3, 'y');
      --@test: second
      --@expected.error: any
      CREATE STREAM s (id INT KEY, a INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
      --@test: third
      --@expected.message: other words
      SELECT * FROM nothing;
      --@test: fourth
      CREATE STREAM s (id INT KEY, a INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
      ASSERT VALUES s (id) VALUES (1);
      """)
    let outcome = try headrace("test", path)
    #expect(outcome.status == 1)
    #expect(
      outcome.out.contains(
        "FAILED first\n  error[assertion-failed]: Expected record does not match"))
    #expect(outcome.out.contains("t.sql:4:39\n"), "\(outcome.out)")
    #expect(outcome.out.contains("A: expected 3, got 2"))
    #expect(outcome.out.contains("B: expected y, got x"))
    #expect(outcome.out.contains("FAILED second\n  every statement ran; expected an error\n"))
    #expect(
      outcome.out.contains("FAILED third\n  expected an error with the words \"other words\", got:")
    )
    #expect(outcome.out.contains("but all records were already read"))
    #expect(outcome.out.hasSuffix("0 passed, 4 failed\n"))
  }

  @Test func filterAndUsage() throws {
    let scratch = try Scratch()
    let path = try scratch.file(
      "t.sql", "--@test: one\nSHOW STREAMS;\n--@test: two\nSHOW TABLES;\n")
    #expect(try headrace("test", path, "--filter", "two").out == "ok     two\n1 passed, 0 failed\n")
    #expect(try headrace("test", path, "--filter", "three").status == 2)
    #expect(try headrace("test", scratch.path + "/missing.sql").status == 3)
  }
}
