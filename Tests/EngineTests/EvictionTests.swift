// State that leaves memory and comes back leaves no trace: outputs, changelogs and snapshots are those of an engine that
// keeps all of it in memory.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics
import HeadraceTestSupport
import Testing

@testable import Headrace
@testable import HeadraceExecutor

@Suite struct EvictionTests {
  @Test(arguments: 0..<8 as Range<UInt64>) func drawnRows(seed: UInt64) throws {
    let plain = try DrawnRows.outcome(seed)
    for every in [nil, 1, 2] {
      let stores = EvictingStores(seed: seed &+ 100)
      let evicted = try DrawnRows.outcome(seed, undoesEvery: every, stores: stores)
      Self.compare(evicted, plain, "undoing \(every ?? 0)")
      #expect(stores.counts.left > 300)
      #expect(stores.counts.returned > 300)
    }
  }

  /// Over files, with all of the state or half of it out of memory before each slice.
  @Test(arguments: 0..<8 as Range<UInt64>) func drawnRowsInFiles(seed: UInt64) throws {
    let plain = try DrawnRows.outcome(seed)
    let ways: [(Int?, Double, gradually: Bool, renewing: Bool)] = [
      (nil, 1, false, false), (nil, 0.5, true, false), (nil, 0.4, true, true),
      (1, 1, false, false), (2, 0.3, true, false), (3, 0.6, true, true),
    ]
    for (every, share, gradually, renewing) in ways where (every == nil) == (seed / 2 % 2 == 0) {
      let trial = SpillTrial(
        share: share, memtableBytes: 300, fillsInPieces: gradually, renews: renewing)
      let spilled = try DrawnRows.outcome(seed, undoesEvery: every, spills: trial)
      Self.compare(spilled, plain, "undoing \(every ?? 0), \(trial)")
    }
  }

  private static func compare(
    _ outcome: [String: [String]], _ plain: [String: [String]], _ how: String
  ) {
    #expect(plain.keys.sorted() == outcome.keys.sorted())
    for place in plain.keys.sorted() {
      let (expected, found) = (rows(plain[place]), rows(outcome[place]))
      // A store keeps rows that have expired until it comes by them.
      let isBuffer = place.contains(" stage-0-left") || place.contains(" stage-0-right")
      guard isBuffer ? !Set(expected).isSubset(of: found) : expected != found else { continue }
      Issue.record("\(place), \(how): \(found) instead of \(expected)")
    }
  }

  /// Without the records of the times, which a store has where rows say the same.
  private static func rows(_ records: [String]?) -> [String] {
    (records ?? []).filter { !$0.hasPrefix(" ") && !$0.hasPrefix("0 ") }
  }

  /// Of every kind of state something has left memory and come back.
  @Test func everyKindOfStateMoves() throws {
    let stores = EvictingStores(seed: 7)
    _ = try DrawnRows.outcome(3, stores: stores)
    for kind in [
      "aggregate", "join", "left", "outer", "right", "session", "table",
    ] {
      #expect(stores.counts.kinds.contains(kind), "nothing of \(kind) came back")
    }
  }

  /// A group comes back into the slot that another one has had in the same epoch: undoing restores both.
  @Test func returnsIntoAUsedSlot() throws {
    let store = EvictingStore("groups", SplitMix(state: 1), EvictionCounts())
    let content = AccumulatedGroups([])
    let state = GroupedState(name: "groups", content: content, isWindowed: true, store: store)
    func slots(_ keys: [Int64]) throws -> [Int32] {
      var slots: [Int32] = []
      try state.findSlots(
        RowCodec.encode([.bigint(Fixed(keys))], count: keys.count, extra: keys), &slots)
      state.touch(slots)
      return slots
    }
    func records(_ state: GroupedState<AccumulatedGroups>) throws -> [String] {
      var lines: [String] = []
      var pieces = SnapshotPieces { lines += DeliveryReplay.lines($0) }
      try state.snapshot(into: &pieces)
      try pieces.finish()
      return lines.sorted()
    }
    func drain() {
      var records = RawRecords.none
      records.buffer = ByteBuffer(capacity: 256)
      while !state.drainChanges(into: &records) {}
      state.stage(records)
    }
    state.recordUndo()
    let first = try slots([1, 2])
    for slot in first { content.rowtimes[Int(slot)] = 100 + Int64(slot) }
    drain()
    state.commitEpoch()
    store.commit()
    store.chooses = { _ in [first[1]] }
    #expect(try state.evict())
    let committed = try records(state)

    #expect(state.takeSlots(at: 1) == [first[0]])
    state.remove(Int(first[0]))
    let returned = try slots([2])
    #expect(returned == [first[0]])
    content.rowtimes[Int(returned[0])] = 999
    drain()
    #expect(try records(state) != committed)
    store.undo()
    try state.undoEpoch()
    #expect(try records(state) == committed)
  }
}
