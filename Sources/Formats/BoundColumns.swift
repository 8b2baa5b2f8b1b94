// Columns as raw pointers, for encoders that go row by row over many columns at once.
// Invariant: the pointers live only inside the closure that `withBound` calls.

internal import HeadraceColumns
import HeadraceFoundations

/// One column; trivial, so that a row's loop reads it without counting references.
struct BoundColumn {
  var kind = ValueKind.built
  /// Digits after the point of a DECIMAL.
  var scale = 0
  /// ARRAY and MAP: the offsets.
  var values: UnsafeRawPointer
  /// STRING and BYTES only, as is `arena`; `values` holds their starts.
  var lengths: UnsafePointer<UInt32>
  var arena: UnsafePointer<UInt8>
  /// nil: no row is NULL.
  var validity: UnsafePointer<UInt64>?

  @inline(__always)
  func isNull(_ row: Int) -> Bool {
    guard let validity else { return false }
    return validity[row &>> 6] &>> UInt64(truncatingIfNeeded: row & 63) & 1 == 0
  }

  @inline(__always)
  func value<T: BitwiseCopyable>(_ row: Int, as type: T.Type) -> T {
    values.assumingMemoryBound(to: type)[row]
  }

  /// INT, BIGINT and what is stored like them.
  @inline(__always)
  func integer(_ row: Int) -> Int64 {
    switch kind {
    case .int, .date, .time: Int64(value(row, as: Int32.self))
    default: value(row, as: Int64.self)
    }
  }

  @inline(__always)
  func bytes(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
      start: arena + Int(value(row, as: UInt32.self)), count: Int(lengths[row]))
  }
}

/// Calls `body` with the columns bound, in order.
func withBound(_ columns: [Column], _ plans: [TypePlan], _ body: ([BoundColumn]) -> Void) {
  bind(columns, plans, 0, [], body)
}

/// What columns of another kind point to.
private let nothing = ByteBuffer(capacity: 0)

private func bind(
  _ columns: [Column], _ plans: [TypePlan], _ index: Int, _ done: [BoundColumn],
  _ body: ([BoundColumn]) -> Void
) {
  guard index < columns.count else { return body(done) }
  let placeholder = nothing.base
  var bound = BoundColumn(
    scale: plans[index].scale, values: UnsafeRawPointer(placeholder),
    lengths: UnsafeRawPointer(placeholder).assumingMemoryBound(to: UInt32.self),
    arena: UnsafePointer(placeholder))
  func values<T>(_ column: Fixed<T>) {
    column.values.withUnsafeBytes { raw in
      bound.kind = plans[index].kind
      if let base = raw.baseAddress { bound.values = base }
      validity(column.validity)
    }
  }
  func offsets(_ offsets: [UInt32], _ mask: Bitmap?) {
    offsets.withUnsafeBytes { raw in
      if let base = raw.baseAddress { bound.values = base }
      validity(mask)
    }
  }
  func validity(_ mask: Bitmap?) {
    guard let mask else { return bind(columns, plans, index + 1, done + [bound], body) }
    mask.words.withUnsafeBufferPointer { words in
      bound.validity = words.baseAddress
      bind(columns, plans, index + 1, done + [bound], body)
    }
  }
  switch columns[index] {
  case .boolean(let column): values(column)
  case .int(let column): values(column)
  case .bigint(let column): values(column)
  case .double(let column): values(column)
  case .decimal(let column): values(column)
  case .bytes(let column):
    column.lengths.withUnsafeBufferPointer { lengths in
      if let base = lengths.baseAddress { bound.lengths = base }
      bound.arena = UnsafePointer(column.arena.base)
      values(Fixed(column.starts, validity: column.validity))
    }
  case .array(let column): offsets(column.offsets, column.validity)
  case .map(let column): offsets(column.offsets, column.validity)
  case .wideDecimal, .structure: validity(columns[index].validity)
  }
}
