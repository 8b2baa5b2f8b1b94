// State that leaves memory and comes back leaves no trace: outputs, changelogs and snapshots are those of an engine that
// keeps all of it in memory.

import HeadraceFoundations
import Testing

@testable import Headrace

@Suite struct EvictionTests {
  @Test(arguments: 0..<8 as Range<UInt64>) func drawnRows(seed: UInt64) throws {
    let plain = try DrawnRows.outcome(seed)
    for every in [nil, 1, 2] {
      let stores = EvictingStores(seed: seed &+ 100)
      let evicted = try DrawnRows.outcome(seed, undoesEvery: every, stores: stores)
      #expect(plain.keys.sorted() == evicted.keys.sorted())
      for (place, records) in plain
      where evicted[place] != records {
        Issue.record("\(place): \(evicted[place] ?? []) instead of \(records)")
      }
      #expect(stores.counts.left > 500)
      #expect(stores.counts.returned > 300)
    }
  }

  /// Of every kind of state something has left memory and come back.
  @Test func everyKindOfStateMoves() throws {
    let stores = EvictingStores(seed: 7)
    _ = try DrawnRows.outcome(3, stores: stores)
    for kind in [
      "aggregate", "join", "left", "left-references", "outer", "right", "session", "table",
    ] {
      #expect(stores.counts.kinds.contains(kind), "nothing of \(kind) came back")
    }
  }
}
