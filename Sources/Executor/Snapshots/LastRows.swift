// Of rows that come again and again the last one of each key, at the place of the key's first row:
// what a query that is read once answers for its groups. Rows stay columns; those that others have
// replaced go when they are most of what is held.

public import HeadraceColumns
import HeadraceFoundations

public struct LastRows {
  private static let heldMin = 1 << 16

  private let types: [DataType]
  private let keyCount: Int
  private let keys: KeySlots
  private var held: CollectedRows
  /// Of each key the number of its row.
  private var rows: [Int32] = []

  /// `types`: of the columns, the first `keyCount` of which are the key.
  public init(types: [DataType], keyCount: Int) {
    self.types = types
    self.keyCount = keyCount
    keys = KeySlots(Array(types.prefix(keyCount)), omitsNulls: false)
    held = CollectedRows(types)
  }

  /// Keys so far.
  public var count: Int { rows.count }
  /// What is kept; bytes.
  public var byteCount: Int { held.byteCount + keys.byteCount + rows.count * 4 }

  public mutating func add(_ batch: RecordBatch) {
    let slots = keys.insert(Array(batch.columns.prefix(keyCount)), count: batch.count)
    rows.grow(to: keys.count, 0)
    for (row, slot) in slots.enumerated() { rows[Int(slot)] = Int32(held.count + row) }
    held.append(batch.columns, count: batch.count)
    if held.count > max(2 * rows.count, Self.heldMin) { compact() }
  }

  /// Keeps the last rows alone, in the order of their keys.
  private mutating func compact() {
    held.close()
    var kept = CollectedRows(types)
    for first in stride(from: 0, to: rows.count, by: Self.heldMin) {
      let numbers = Array(rows[first..<min(first + Self.heldMin, rows.count)])
      kept.append(held.gather(numbers), count: numbers.count)
    }
    held = kept
    rows = (0..<Int32(rows.count)).map { $0 }
  }

  /// The rows in the order of their keys' first ones.
  public mutating func finish() -> CollectedRows {
    compact()
    held.close()
    return held
  }
}
