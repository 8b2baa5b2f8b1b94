// Recorded sessions: what .record writes holds when it is run again, and what has changed is found.

import Foundation
import Testing

@testable import HeadraceCommand

@Suite struct RecordTests {
  private static let session = [
    createS, "INSERT INTO s VALUES (1), (2);", "SELECT *\nFROM s;", "SELECT aa FROM s;",
    ".operations on", "SELECT a FROM s EMIT CHANGES LIMIT 2;", ".mode csv", "\\d s", ".tabels",
    "SET 'ssl.key.password' = 'hidden';", "SELECT 'headrace> SELECT 1;' AS t, 'x\ny\\' AS u;",
    ".timer on", "help",
  ]

  /// On a pipe; the file is verified, and each answer that is changed is told with its line.
  @Test func roundTrip() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/session.txt"
    let typed = [".record \(path)"] + Self.session + [".record off", "SELECT 7 AS seven;"]
    let outcome = try headrace("shell", input: typed.joined(separator: "\n") + "\n")
    #expect(outcome.out.contains("7"), "\(outcome.err)")
    let text = try scratch.text("session.txt")
    #expect(!text.contains("hidden") && !text.contains("seven"))
    #expect(try headrace("test", "--verify", path).out == "ok     \(path)\n1 passed, 0 failed\n")
    let lines = text.components(separatedBy: "\n")
    let answers = lines.indices.filter { index in
      !lines[index].isEmpty && !lines[index].hasPrefix("headrace> ")
        && !lines[index].hasPrefix("      ... ")
    }
    #expect(answers.count > 20)
    for index in stride(from: 0, to: answers.count, by: 7) {
      var changed = lines
      changed[answers[index]] += "x"
      let other = try scratch.file("other.txt", changed.joined(separator: "\n"))
      let outcome = try headrace("test", "--verify", other)
      #expect(outcome.status == 1 && outcome.out.contains("recorded:"), "\(outcome.out)")
      changed[answers[index]] = "..."
      _ = try scratch.file("other.txt", changed.joined(separator: "\n"))
      #expect(try headrace("test", "--verify", other).status == 0)
    }
  }

  private static let answers: [(recorded: [String], now: [String], holds: Bool)] = [
    ([], [], true), (["a"], ["a"], true), (["a"], ["b"], false), (["a"], [], false),
    (["..."], [], true), (["..."], ["a", "b"], true), (["a", "...", "d"], ["a", "b", "d"], true),
    (["a", "...", "d"], ["a", "b", "c"], false), (["...", "b", "..."], ["a", "b"], true),
    (["A", "1", "cancelled after 1 row"], ["A", "1", "2"], true),
    (["A", "1", "cancelled after 1 row"], ["A", "2"], false),
    (
      ["┌┐", "│1│", "└┘", "(1 row, cancelled)", "cancelled after 1 row"],
      ["┌┐", "│1│", "│2│", "└┘"], true
    ),
  ]

  @Test(arguments: answers) func holds(_ recorded: [String], _ now: [String], _ holds: Bool) {
    let entry = RecordedSession.Entry(line: 1, text: "", answer: recorded)
    #expect(entry.holds(now) == holds)
  }

  @Test func refused() throws {
    let scratch = try Scratch()
    let path = try scratch.file("there.txt", "x\n")
    let outcome = try headrace("shell", input: ".record \(path)\n")
    #expect(outcome.status == 1 && outcome.err.contains("exists"), "\(outcome.err)")
    #expect(try headrace("test", "--verify", path).err.contains("there.txt:1: a recorded session"))
  }
}
