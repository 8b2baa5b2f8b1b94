// Of rows that come again and again the last one of each key, at the place of the key's first row: what a query that is read
// once answers for its groups. Rows stay columns; those that others have replaced go when they are most of what is held.

public import HeadraceColumns
import HeadraceFoundations

public struct LastRows {
  private let types: [DataType]
  private let keyCount: Int
  private let index = KeyIndex()
  private var pieces: [[Column]] = []
  /// Of each key its row, counted through all pieces.
  private var rows: [Int32] = []
  private var held = 0
  private static let heldMin = 1 << 16

  /// `types`: of the columns, the first `keyCount` of which are the key.
  public init(types: [DataType], keyCount: Int) {
    self.types = types
    self.keyCount = keyCount
  }

  /// Keys so far.
  public var count: Int { rows.count }

  public mutating func add(_ batch: RecordBatch) {
    var slots: [Int32] = []
    index.insert(
      RowCodec.encode(Array(batch.columns.prefix(keyCount)), count: batch.count), slots: &slots
    ) { _ in }
    rows.grow(to: index.slotCount, 0)
    for (row, slot) in slots.enumerated() { rows[Int(slot)] = Int32(held + row) }
    pieces.append(batch.columns)
    held += batch.count
    if held > max(2 * rows.count, Self.heldMin) { compact() }
  }

  /// Keeps the last rows alone, in the order of their keys.
  private mutating func compact() {
    pieces = [
      types.indices.map { column in
        Column.concatenate(pieces.map { $0[column] }, types[column]).gather(rows)
      }
    ]
    held = rows.count
    rows = (0..<Int32(held)).map { $0 }
  }

  /// The columns of all rows in the order of their keys' first ones.
  public mutating func columns() -> [Column] {
    guard !rows.isEmpty else { return types.map { Column.from([], $0) } }
    compact()
    return pieces[0]
  }
}
