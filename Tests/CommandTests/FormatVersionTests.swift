// Data directories that earlier format versions wrote open in this one, with all that was committed: one that was
// closed, and one whose owner was killed, so that its journal is read as well.

import Foundation
import Testing

@Suite struct FormatVersionTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures").path

  private static func unpack(_ name: String, into scratch: Scratch) throws {
    let unpack = Process()
    unpack.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    unpack.arguments = ["tar", "-xzf", fixtures + "/" + name, "-C", scratch.path]
    try unpack.run()
    unpack.waitUntilExit()
    #expect(unpack.terminationStatus == 0)
  }

  /// A directory of a version that wrote its statements, queries and states as format 2 has them: sources of all kinds,
  /// joins, windows, a query that was rebuilt, one that was paused, a bad record; its server was killed. What that
  /// version answered is in `statements.out`.
  @Test func statementsOfFormerVersionsAreReplayed() throws {
    let scratch = try Scratch()
    try Self.unpack("statements.tar.gz", into: scratch)
    let found = try headrace(
      "run", "--data", scratch.path + "/statements", "-c",
      """
      SELECT * FROM by_page ORDER BY page; SELECT k, page, name FROM named ORDER BY k, page;
      SELECT k, n FROM visits ORDER BY k, n; SELECT page, n FROM windows ORDER BY page, n;
      SELECT k, x, y FROM pairs ORDER BY k, x, y; SHOW QUERIES; SHOW ERRORS;
      """)
    let expected = try String(contentsOfFile: Self.fixtures + "/statements.out", encoding: .utf8)
    #expect(found.out == expected, "\(found.err)")
  }

  /// A directory of a version that kept all state in memory, opened with memory for a part of it: the changelogs are read
  /// into files, queries go on from there, and a second start begins with the files.
  @Test func statesOfFormerVersionsGoIntoFiles() throws {
    let scratch = try Scratch()
    try Self.unpack("state.tar.gz", into: scratch)
    let data = scratch.path + "/spilled"
    for (time, n) in [(1_700_000, 2), (1_700_010, 3)] {
      let run = try headrace(
        "run", "--data", data, "--state-bytes-max", "64KiB", "-c",
        """
        INSERT INTO s (ROWTIME, k, v) VALUES (\(time), 17, 5), (\(time + 1), 1400, 7), (\(time + 2), 9000, 1);
        """)
      #expect(run.status == 0, "\(run.err)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: data + "/stores").count == 8)
      // A pull query has no files.
      let found = try headrace(
        "run", "--data", data, "-c",
        """
        SELECT SUM(n) AS n, SUM(total) AS t, COUNT(*) AS c FROM sums;
        SELECT k, n, total FROM sums WHERE k IN (17, 1400, 9000) ORDER BY k;
        SELECT SUM(n) AS n FROM windows;
        SELECT k, vs FROM sets WHERE k IN (17, 1400, 9000) ORDER BY k;
        SELECT COUNT(*) AS n FROM named;
        """)
      #expect(
        found.out == """
          N,T,C
          \(1497 + 3 * n),\(70830 - 13 + 13 * n),1501

          K,N,TOTAL
          17,\(n),\(12 + 5 * n)
          1400,\(n),\(35 + 7 * n)
          9000,\(n - 1),\(n - 1)

          N
          \(1497 + 3 * n)

          K,VS
          17,"[17,5]"
          1400,"[42,7]"
          9000,[1]

          N
          \(1498 + 2 * n)

          """, "\(found.err)")
    }
  }

  @Test func formerVersionsOpen() throws {
    let scratch = try Scratch()
    try Self.unpack("format-1.tar.gz", into: scratch)
    for (name, people, sums) in [
      ("clean", "1,ann\n2,bob\n", "1,12\n2,6\n"),
      ("killed", "1,ann\n2,bob\n3,eve\n", "1,12\n2,6\n3,9\n"),
    ] {
      let data = scratch.path + "/" + name
      // Version 2 is written by the first open and read by the second.
      for _ in 1...2 {
        let found = try headrace(
          "run", "--data", data, "-c",
          "SELECT * FROM people ORDER BY id; SELECT * FROM sums ORDER BY id;")
        #expect(found.out == "ID,NAME\n\(people)\nID,TOTAL\n\(sums)", "\(name): \(found.err)")
        #expect(try headrace("topic", "verify", "--data", data).out.hasSuffix("no damage\n"))
      }
      let settings = try headrace("topic", "settings", "--data", data, "clicks")
      #expect(settings.out.contains("\nretention.ms,99999999999\n"), "\(settings.err)")
      #expect(settings.out.contains("\ndelete.retention.ms,86400000\n"))
      #expect(try headrace("topic", "compact", "--data", data, "--erase").status == 0)
      let after = try headrace("run", "--data", data, "-c", "SELECT * FROM sums ORDER BY id;")
      #expect(after.out == "ID,TOTAL\n" + sums, "\(name): \(after.err)")
    }
  }
}
