// Every sample runs and gives the answers in its `expected` folder, which an independent engine computed.

import HeadraceColumns
import Headrace
import Foundation
import HeadraceFunctions
import HeadraceSyntax
import Testing

@Suite struct SampleTests {
  @Test(arguments: [1, 1024, 16_384]) func flights(sliceRows: Int) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let sample = root.appendingPathComponent("Samples/flights")
    let text = try String(contentsOf: sample.appendingPathComponent("run.sql"), encoding: .utf8)
    let expected = try String(
      contentsOf: sample.appendingPathComponent("expected/answers.csv"), encoding: .utf8)
    var options = EngineOptions()
    options.sliceRows = sliceRows
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    session.define("data", sample.appendingPathComponent("data").path)
    var answers = ""
    let source = SourceText(name: "run.sql", text)
    for range in Session.statements(source) {
      let result = CollectedResult()
      do throws(EngineError) {
        try session.execute(statement: source.part(range), result)
      } catch {
        Issue.record("\(error)")
        return
      }
      guard !result.rows.isEmpty else { continue }
      for row in result.rows {
        answers +=
          zip(row.values, result.columns).map { value, column in
            value.isNull ? "" : HeadraceFunctions.text(of: value, column.type)
          }.joined(separator: ",") + "\n"
      }
      answers += "\n"
    }
    #expect(engine.queryFailures.isEmpty)
    try engine.close()
    // Sums of doubles depend on the order of addition in their last digits.
    for (line, (mine, theirs)) in zip(
      answers.split(separator: "\n"), expected.split(separator: "\n")
    )
    .enumerated() {
      let a = mine.split(separator: ",", omittingEmptySubsequences: false)
      let b = theirs.split(separator: ",", omittingEmptySubsequences: false)
      let same =
        a.count == b.count
        && zip(a, b).allSatisfy { x, y in
          if x == y { return true }
          guard let p = Double(x), let q = Double(y) else { return false }
          return abs(p - q) <= 1e-9 * max(abs(p), abs(q))
        }
      #expect(same, "answer \(line): \(mine) is not \(theirs)")
    }
    #expect(answers.split(separator: "\n").count == expected.split(separator: "\n").count)
  }
}
