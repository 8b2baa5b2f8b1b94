// The undo of an epoch in the rows of a table: whatever an epoch has put, removed and swept, after it is undone the table
// holds what the last commit left, and goes on from there as a table does that never saw the epoch. Two tables share
// an index, as those of a join do, so that slots change hands between keys.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics
import HeadraceTestSupport
import Testing

@testable import HeadraceExecutor

@Suite struct TableUndoTests {
  private struct Change {
    var table: Int
    var key: Int64
    /// nil: the key is removed.
    var value: Int64?
  }

  private struct Pair {
    let tables: [TableState]

    init(recordsUndo: Bool) {
      let index = KeyIndex()
      tables = ["left", "right"].map {
        let table = TableState(name: $0, types: [.bigint], index: index)
        if recordsUndo { table.recordUndo() }
        return table
      }
    }

    func apply(_ changes: [Change]) {
      for change in changes {
        let table = tables[change.table]
        let keys = RowCodec.encode([.bigint(Fixed([change.key]))], count: 1)
        var slots: [Int32] = []
        table.index.insert(keys, slots: &slots) { _ in }
        if let value = change.value {
          let entries = table.rows.add([.bigint(Fixed([value]))], rowtimes: [value])
          table.put(slots[0], entries[0])
        } else {
          table.remove(slots[0])
        }
      }
      sweep()
    }

    func sweep() {
      tables[0].sweep { tables[1].entry($0) >= 0 }
      tables[1].sweep { tables[0].entry($0) >= 0 }
    }

    func undo() {
      for table in tables { table.undoEpoch() }
      sweep()
    }

    /// Each table's records, in the order of their texts.
    func content() throws -> [[String]] {
      try tables.map { table in
        var lines: [String] = []
        var pieces = SnapshotPieces { lines += TableUndoTests.lines($0) }
        try table.snapshot(into: &pieces)
        try pieces.finish()
        return lines.sorted()
      }
    }

    /// What each table gives its changelog, in the order of the texts.
    func changes() -> [[String]] {
      tables.map { table in
        var records = RawRecords(buffer: ByteBuffer(capacity: 64))
        while !table.drainChanges(into: &records) {}
        return TableUndoTests.lines(records).sorted()
      }
    }
  }

  private static func lines(_ records: RawRecords) -> [String] {
    (0..<records.count).map { record in
      let key = records.key(record).map { Array($0) } ?? []
      return "\(key) \(records.value(record).map { "\(Array($0))" } ?? "-") "
        + "@\(records.timestamps[record])"
    }
  }

  private func epoch(_ random: inout SplitMix) -> [[Change]] {
    (0..<Int.random(in: 1...3, using: &random)).map { _ in
      (0..<Int.random(in: 1...20, using: &random)).map { _ in
        Change(
          table: Int.random(in: 0...1, using: &random), key: .random(in: 0...12, using: &random),
          value: Bool.random(using: &random) ? .random(in: 0...1000, using: &random) : nil)
      }
    }
  }

  @Test(arguments: 0..<200) func sameAsNeverUndone(seed: Int) throws {
    var random = SplitMix(state: UInt64(seed))
    let undone = Pair(recordsUndo: true)
    let plain = Pair(recordsUndo: false)
    for _ in 0..<30 {
      let committed = try plain.content()
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        for slice in epoch(&random) {
          undone.apply(slice)
          // The changes of an epoch that fails may have been given out or not.
          if Bool.random(using: &random) { _ = undone.changes() }
        }
        undone.undo()
        #expect(try undone.content() == committed)
        #expect(undone.changes() == [[], []])
      }
      for slice in epoch(&random) {
        undone.apply(slice)
        plain.apply(slice)
        #expect(undone.changes() == plain.changes())
      }
      for table in undone.tables { table.commitEpoch() }
      #expect(try undone.content() == plain.content())
      #expect(undone.tables.map(\.recordCount) == plain.tables.map(\.recordCount))
    }
    // What was undone holds no keys and no rows.
    #expect(undone.tables[0].index.count == plain.tables[0].index.count)
  }

  /// The entries of replaced rows come back to the slab when an epoch ends, whichever way.
  @Test(arguments: [false, true]) func rowsAreReused(undoes: Bool) {
    let pair = Pair(recordsUndo: true)
    var times: [Int] = []
    for round in 0..<50 {
      pair.apply((0..<8).map { Change(table: 0, key: $0, value: Int64(round)) })
      if undoes, round > 0 {
        pair.undo()
      } else {
        pair.tables[0].commitEpoch()
        pair.sweep()
      }
      times.append(pair.tables[0].rows.times.count)
    }
    #expect(times.max() == 16)
  }
}
