// Hopping windows that overlap: a row belongs to size / advance of them, all given by its key and
// its pane, the stretch of one advance that it falls into. The slots of all windows of a pane are
// remembered together, so that a row asks one hash table once. Invariant: this is memory of what
// the index holds, never more; it is emptied when slots go.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

final class PaneSlots {
  /// Beyond this many panes everything is forgotten, and learned anew.
  private static let countMax = 1 << 18

  private let advance: Int64
  /// Windows of a pane.
  private let overlap: Int
  private var index = KeyIndex()
  /// `overlap` slots of each pane, the newest window first; -1: not asked for yet.
  private var slots: [Int32] = []
  private var paneOfRow: [Int32] = []
  private var key: [UInt8] = []

  /// nil where windows do not overlap or do not end where others start.
  init?(_ window: WindowSpec?) {
    guard case .hopping(let size, let advance) = window?.kind, size % advance == 0,
      2...64 ~= size / advance
    else { return nil }
    self.advance = advance
    overlap = Int(size / advance)
  }

  var byteCount: Int { index.byteCount + slots.count * 4 }

  func removeAll() {
    index = KeyIndex()
    slots.removeAll(keepingCapacity: true)
  }

  /// The slot of each pair of a row and a window that it falls into, and those that had to be made,
  /// in the order in which they come first.
  func findSlots(
    _ groups: [Column], _ rowtimes: [Int64], _ rows: [Int32], _ windows: [Int64],
    _ windowIndex: KeyIndex, _ found: inout [Int32]
  ) -> [Int] {
    if index.count > Self.countMax { removeAll() }
    let starts = rowtimes.map { $0 >= 0 ? $0 / advance * advance : 0 }
    let keys = RowCodec.encode(groups, count: rowtimes.count, extra: starts)
    index.insert(keys, slots: &paneOfRow) { _ in
      slots.append(contentsOf: repeatElement(-1, count: overlap))
    }
    found.removeAll(keepingCapacity: true)
    found.reserveCapacity(rows.count)
    var created: [Int] = []
    keys.withBytes { bytes in
      var entry = 0
      while entry < rows.count {
        let row = Int(rows[entry])
        // The windows of a row follow one another, oldest first; only the oldest may be missing.
        var place =
          Int(paneOfRow[row]) * overlap
          + Int(truncatingIfNeeded: (starts[row] - windows[entry]) / advance)
        while entry < rows.count, Int(rows[entry]) == row {
          if slots[place] < 0 {
            slots[place] = slot(bytes[row], windows[entry], windowIndex, &created)
          }
          found.append(slots[place])
          place -= 1
          entry += 1
        }
      }
    }
    return created
  }

  private func slot(
    _ paneKey: UnsafeRawBufferPointer, _ window: Int64, _ windowIndex: KeyIndex,
    _ created: inout [Int]
  ) -> Int32 {
    key.removeAll(keepingCapacity: true)
    key.append(contentsOf: paneKey.dropLast(8))
    withUnsafeBytes(of: window) { key.append(contentsOf: $0) }
    let (slot, isNew) = key.withUnsafeBytes { windowIndex.insert($0) }
    if isNew { created.append(slot) }
    return Int32(slot)
  }
}
