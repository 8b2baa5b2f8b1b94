// Epochs that are undone leave no trace: the stores hold what those of an engine hold that never undid one.

import Foundation
import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct UndoTests {
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
      where undone[store] != records {
        Issue.record("\(file.name), \(store): \(undone[store] ?? []) instead of \(records)")
      }
    }
  }

  @Test(arguments: 0..<6 as Range<UInt64>) func drawnRows(seed: UInt64) throws {
    let plain = try DrawnRows.outcome(seed)
    #expect(plain.values.contains { $0.count > 20 })
    for every in [1, 2, 3] {
      let undone = try DrawnRows.outcome(seed, undoesEvery: every)
      for (place, records) in plain
      where undone[place] != records {
        Issue.record("\(every), \(place): \(undone[place] ?? []) instead of \(records)")
      }
    }
  }
}
