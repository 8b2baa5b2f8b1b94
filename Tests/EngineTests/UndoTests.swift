// Epochs that are undone leave no trace: the stores hold what those of an engine hold that never undid one.

import Foundation
import Testing

@Suite struct UndoTests {
  /// COUNT_DISTINCT writes its hashes in no order, so records with the same bytes in another one are equal.
  private static func areEqual(_ a: [String], _ b: [String]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || $0.sorted() == $1.sorted() }
  }

  @Test(arguments: ScriptTests.paths)
  func leavesNoTrace(_ path: String) throws {
    let file = try ScriptFile(path: path)
    func snapshots(undoesEvery: Int?) throws -> [String: [String]] {
      let runner = ScriptRunner(
        file,
        ScriptConfiguration(name: "undo", sliceRows: 3, workers: 1, undoesEvery: undoesEvery))
      _ = try runner.run()
      return runner.snapshots
    }
    let plain = try snapshots(undoesEvery: nil)
    for every in [1, 2] {
      let undone = try snapshots(undoesEvery: every)
      #expect(plain.keys.sorted() == undone.keys.sorted())
      for (store, records) in plain
      where undone[store].map({ !Self.areEqual($0, records) }) ?? true {
        Issue.record("\(file.name), \(store): \(undone[store] ?? []) instead of \(records)")
      }
    }
  }
}
