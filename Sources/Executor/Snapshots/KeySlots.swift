// Keys numbered as they first come: what joins, sets and subqueries of a query that is read once
// look up.

public import HeadraceColumns
import HeadraceFoundations

public struct KeySlots {
  private let index = KeyIndex()
  private let types: [DataType]
  private let omitsNulls: Bool

  /// `omitsNulls`: a key of which some part is NULL has no slot; otherwise NULLs are equal.
  public init(_ types: [DataType], omitsNulls: Bool) {
    self.types = types
    self.omitsNulls = omitsNulls
  }

  /// One more than the highest slot.
  public var count: Int { index.slotCount }
  /// Memory; bytes.
  public var byteCount: Int { index.byteCount }

  /// The slot of each row's key, made where the key is new; -1: it has none.
  public func insert(_ columns: [Column], count: Int) -> [Int32] {
    withSlots(columns, count) { keys in
      var slots: [Int32] = []
      index.insert(keys, slots: &slots) { _ in }
      return slots
    }
  }

  /// The slot of each row's key; -1: it has none.
  public func find(_ columns: [Column], count: Int) -> [Int32] {
    withSlots(columns, count) { keys in
      var slots: [Int32] = []
      slots.reserveCapacity(keys.count)
      index.find(keys, 0..<keys.count) { slots.append($0) }
      return slots
    }
  }

  private func withSlots(
    _ columns: [Column], _ count: Int, _ slots: (EncodedRows) -> [Int32]
  ) -> [Int32] {
    let validities = omitsNulls ? columns.compactMap(\.validity) : []
    guard !validities.isEmpty else { return slots(encoded(columns, count)) }
    let rows = (0..<Int32(count)).filter { row in validities.allSatisfy { $0[Int(row)] } }
    var result = [Int32](repeating: -1, count: count)
    let found = slots(encoded(columns.map { $0.gather(rows) }, rows.count))
    for (row, slot) in zip(rows, found) { result[Int(row)] = slot }
    return result
  }

  private func encoded(_ columns: [Column], _ count: Int) -> EncodedRows {
    RowCodec.encode(zip(columns, types).map { $0.canonical($1) }, count: count)
  }
}

extension Column {
  /// Equal values have one form, maps whatever the order of their entries.
  fileprivate func canonical(_ type: DataType) -> Column {
    guard type.containsMap else { return type.containsDoubles ? withCanonicalDoubles : self }
    return .from((0..<count).map { value($0, type).canonicalForm }, type)
  }
}
