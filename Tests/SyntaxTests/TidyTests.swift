// Habits of the code that the compiler does not know of.

import Foundation
import Testing

@Suite struct TidyTests {
  private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

  /// Every Swift file of Sources with its lines, comments left out.
  private static func files() throws -> [(name: String, lines: [String])] {
    try FileManager.default.subpathsOfDirectory(atPath: sources.path)
      .filter { $0.hasSuffix(".swift") }.sorted()
      .map { name in
        let text = try String(
          contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
          line.drop { $0 == " " }.hasPrefix("//") ? "" : String(line)
        }
        return (name, lines)
      }
  }

  /// Texts are equal when their bytes are. Swift's `==`, `hasPrefix` and hashing of String go by canonical equivalence;
  /// Foundations has those that go by bytes, for files that import it.
  @Test func textsAreComparedByTheirBytes() throws {
    let compares = /(==|!=)|\bcase "|\.contains\(|firstIndex\(of|hasPrefix\(|hasSuffix\(/
    for (name, lines) in try Self.files() where !name.hasPrefix("Foundations/") {
      guard lines.contains(where: { $0.contains(compares) }) else { continue }
      #expect(
        lines.contains { $0.hasSuffix("import HeadraceFoundations") },
        "\(name) compares and does not import HeadraceFoundations")
    }
  }

  /// A dictionary or set asks for the hash that the standard library gives a String, so its keys are `TextKey`s. Not of
  /// data: names of files and topics in the log, which are ASCII, and texts for people.
  @Test func textsAreKeysByTheirBytes() throws {
    let keyed = /\[String ?:|Set<String>|Dictionary<String/
    let free = [
      "Foundations/", "LogStorage/", "headrace/", "Syntax/Parser/", "Syntax/Diagnostics/",
    ]
    for (name, lines) in try Self.files() where !free.contains(where: { name.hasPrefix($0) }) {
      for (number, line) in lines.enumerated() where line.contains(keyed) {
        Issue.record("\(name):\(number + 1) has a String as a key: \(line)")
      }
    }
  }

  /// Characters of a String are compared by canonical equivalence as well: what reads data goes by bytes or scalars.
  @Test func charactersDecideNothing() throws {
    let known: Set<String> = [
      // Names and signs of patterns and commands, all ASCII.
      "Functions/DateTime/DatePattern.swift", "Functions/Strings/Encodings.swift",
    ]
    let folders = ["Columns/", "Formats/", "Functions/", "Executor/"]
    for (name, lines) in try Self.files()
    where folders.contains(where: { name.hasPrefix($0) }) && !known.contains(name) {
      for (number, line) in lines.enumerated() where line.contains(/: Character\b|\[Character\]/) {
        Issue.record("\(name):\(number + 1) takes Characters: \(line)")
      }
    }
  }
}
