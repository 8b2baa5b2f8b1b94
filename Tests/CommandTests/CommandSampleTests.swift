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

  /// Whether Scripts/broker can start one, which it takes from PyPI.
  static let hasBroker = (try? bash(["\(root.path)/../Scripts/broker", "true"])) == 0

  private static func bash(_ arguments: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// The same with slices of one row, of many, and as they come; each is killed in its middle.
  @Test(arguments: names.filter { $0 != "kafka" }, [nil, 1, 1024])
  func transcript(name: String, slice: Int?) throws { try compare(name, slice) }

  @Test(
    .enabled(if: hasBroker, "Scripts/broker starts none: no PyPI or no python3-venv"),
    arguments: [nil, 1])
  func overABroker(slice: Int?) throws { try compare("kafka", slice) }

  /// What a sample writes is what its README shows.
  private func compare(_ name: String, _ slice: Int?) throws {
    let expected = try runs(name, "run", slice: slice)
    let text = try String(
      contentsOf: Self.root.appendingPathComponent(name + "/run.sh"), encoding: .utf8)
    #expect(text.contains("stop -KILL"))
    let readme = try String(
      contentsOf: Self.root.appendingPathComponent(name + "/README.md"), encoding: .utf8)
    #expect(readme.contains("Samples/\(name)/run.sh"))
    #expect(readme.contains("```\n" + expected + "```"), "README.md shows another transcript")
  }

  /// The big run of the transfers, made small.
  @Test func load() throws { _ = try runs("transfers", "load", "400") }

  /// The comparisons with plain computations, made small.
  @Test(arguments: ["orders", "email"]) func check(name: String) throws {
    _ = try runs(name, "check", "300")
  }

  /// Runs a script of a sample; returns what it is expected to write.
  private func runs(
    _ name: String, _ script: String, _ arguments: String..., slice: Int? = nil
  ) throws -> String {
    let sample = Self.root.appendingPathComponent(name)
    let expected = try String(
      contentsOf: sample.appendingPathComponent("expected/\(script).txt"), encoding: .utf8)
    let scratch = try Scratch()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [sample.appendingPathComponent("\(script).sh").path] + arguments
    process.environment = [
      "HEADRACE": Command.binary, "HOME": scratch.path, "PATH": "/usr/bin:/bin",
      "TMPDIR": scratch.path,
    ]
    process.environment?["HEADRACE_SLICE"] = slice.map { "\($0)" }
    _ = try scratch.file("out", "")
    process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/out")
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(try scratch.text("out") == expected)
    return expected
  }

  /// Every section of the index names a file and a statement in it that the sample's command executes, or says
  /// that it is not there yet.
  @Test func index() throws {
    let text = try String(
      contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("- ") }
    // Every chapter and section, in the book's order.
    let entries = text.split(separator: "\n").filter { $0.hasPrefix("### ") || $0.hasPrefix("- ") }
    #expect(entries.count == BookSections.lines.count)
    for (entry, title) in zip(entries, BookSections.lines) {
      #expect(entry == "### \(title)" || entry.hasPrefix("\(title): "), "\(title)")
    }
    var named = 0
    for line in lines where !line.contains(": not yet: ") {
      guard let found = line.wholeMatch(of: /- .*: \[([^\]]+)\]\(([^)]+)\), `([^`]+)`: .+\./) else {
        Issue.record("the index has an entry that names nothing: \(line)")
        continue
      }
      #expect(found.1 == found.2)
      let file = Self.root.appendingPathComponent(String(found.1))
      let content = try String(contentsOf: file, encoding: .utf8)
      #expect(content.contains(found.3), "\(found.1) has no \(found.3)")
      let sample = String(found.1.split(separator: "/")[0])
      #expect(Self.names.contains(sample))
      if file.pathExtension == "sql" {
        let command = try String(
          contentsOf: Self.root.appendingPathComponent(sample + "/run.sh"), encoding: .utf8)
        #expect(command.contains(file.lastPathComponent), "\(sample)/run.sh leaves out \(found.1)")
      }
      named += 1
    }
    #expect(named >= 69, "\(named) of \(lines.count) sections are shown")
  }

  @Test func thereAreSamples() { #expect(Self.names.contains("orders")) }
}
