// The command that a sample's README names writes what the README shows.

import Foundation
import Testing

@Suite struct CommandSampleTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Samples")

  /// Every sample with a run.sh.
  static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []).filter {
      FileManager.default.fileExists(atPath: root.appendingPathComponent($0 + "/run.sh").path)
    }.sorted()

  @Test(arguments: names) func transcript(name: String) throws {
    let sample = Self.root.appendingPathComponent(name)
    let expected = try String(
      contentsOf: sample.appendingPathComponent("expected/run.txt"), encoding: .utf8)
    let scratch = try Scratch()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [sample.appendingPathComponent("run.sh").path]
    process.environment = [
      "HEADRACE": Command.binary, "HOME": scratch.path, "PATH": "/usr/bin:/bin",
      "TMPDIR": scratch.path,
    ]
    _ = try scratch.file("out", "")
    process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/out")
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(try scratch.text("out") == expected)
    let readme = try String(contentsOf: sample.appendingPathComponent("README.md"), encoding: .utf8)
    #expect(readme.contains("Samples/\(name)/run.sh"))
    #expect(readme.contains("```\n" + expected + "```"), "README.md shows another transcript")
  }

  @Test func thereAreSamples() { #expect(Self.names.contains("orders")) }
}
