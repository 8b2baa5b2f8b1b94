// Data directories that earlier format versions wrote open in this one, with all that was committed: one that was
// closed, and one whose owner was killed, so that its journal is read as well.

import Foundation
import Testing

@Suite struct FormatVersionTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures").path

  @Test func formerVersionsOpen() throws {
    let scratch = try Scratch()
    let unpack = Process()
    unpack.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    unpack.arguments = ["tar", "-xzf", Self.fixtures + "/format-1.tar.gz", "-C", scratch.path]
    try unpack.run()
    unpack.waitUntilExit()
    #expect(unpack.terminationStatus == 0)
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
