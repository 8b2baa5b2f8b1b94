// The conformance score must not fall below what Tests/Conformance/score.txt records. Skipped where the
// suite's data is not beside the repository.

import Foundation
import Testing

@Suite struct ConformanceTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static var data: URL {
    if let path = ProcessInfo.processInfo.environment["HEADRACE_CONFORMANCE"] {
      return URL(fileURLWithPath: path)
    }
    return root.deletingLastPathComponent().appendingPathComponent("shared/conformance")
  }

  private static var isPresent: Bool {
    FileManager.default.fileExists(atPath: data.appendingPathComponent("qtt").path)
  }

  @Test(.enabled(if: isPresent, "the conformance suite's data is not beside the repository"))
  func scoreHolds() throws {
    // Beside the test bundle.
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let runner = URL(fileURLWithPath: bundle).deletingLastPathComponent()
      .appendingPathComponent("headrace-conformance")
    try #require(FileManager.default.isExecutableFile(atPath: runner.path))
    let process = Process()
    process.executableURL = runner
    process.arguments = [Self.data.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = output.split(separator: "\n").map(String.init)
    func numbers(_ prefix: String) -> [Int] {
      lines.first { $0.hasPrefix(prefix) }?.split { !$0.isNumber }.compactMap { Int($0) } ?? []
    }
    let positive = try #require(numbers("positive:").first)
    let errors = numbers("errors:")
    let oracle = try #require(numbers("schema oracle:").first)
    let reached = [
      "positive": positive, "rejected": errors.first ?? 0, "words": errors.last ?? 0,
      "oracle": oracle, "schemas": numbers("schemas of columns:").first ?? 0,
      "rqtt": numbers("RQTT:").first ?? 0,
      "sqltests": numbers("SQL tests:").first ?? 0,
    ]
    for line in lines where line.hasPrefix("superseded:") {
      let proof = try #require(line.split(separator: "(").last?.dropLast())
      #expect(
        FileManager.default.fileExists(
          atPath: Self.root.appendingPathComponent(String(proof)).path), "\(line)")
    }
    let recorded = try String(
      contentsOf: Self.root.appendingPathComponent("Tests/Conformance/score.txt"), encoding: .utf8)
    for line in recorded.split(separator: "\n") {
      let words = line.split(separator: " ")
      let name = String(words[0])
      let least = try #require(Int(words[1]))
      #expect(reached[name] ?? 0 >= least, "\(name): \(reached[name] ?? 0), recorded \(least)")
    }
  }
}
