// Where a value of a record goes: a column, or a place inside a nested one.

internal import HeadraceColumns
import HeadraceFoundations

/// As planners of decoders see it.
struct ColumnTarget {
  var plan: TypePlan
  var field: Int
  var isStored: Bool
  var builder: ColumnBuilder?
  var slot: UnsafeMutablePointer<FieldSlot>

  init(_ field: Int, _ fields: [FormatField], _ table: FieldSlots) {
    plan = table.plans[field]
    self.field = field
    isStored = fields[field].isNeeded
    builder = isStored ? table.nested(field) : nil
    slot = table.slots + field
  }

  func child(_ index: Int) -> ColumnTarget {
    var inner = self
    inner.plan = plan.children[index]
    inner.builder = builder?.children[index]
    inner.field = -1
    return inner
  }
}

/// As decoders see it. Trivial, so that a plan is run from raw memory without counting references.
struct ValueTarget {
  /// Of the column; `unknown`: the value belongs to none.
  var kind = ValueKind.unknown
  var isStored = false
  var field: Int32 = -1
  /// A column of one value a record.
  var slot: UnsafeMutablePointer<FieldSlot>
  /// A nested one, or a value inside it.
  var builder: Unmanaged<ColumnBuilder>?

  /// Of no column.
  init(_ table: FieldSlots) { slot = table.slots }

  init(_ target: ColumnTarget) {
    kind = target.plan.kind
    isStored = target.isStored
    field = Int32(target.field)
    slot = target.slot
    builder = target.builder.map { Unmanaged.passUnretained($0) }
  }
}

extension FieldSlots {
  /// `records`: what views are of.
  func put(_ value: Scalar, _ target: ValueTarget, row: Int, records: ByteBuffer) {
    guard target.isStored, target.kind != .unknown else { return }
    if let builder = target.builder {
      builder._withUnsafeGuaranteedRef {
        $0.append(value, target.kind, records: records, spill: spill)
      }
    } else if case .wide(let decimal) = value {
      target.slot.pointee.store(decimal.unscaled128, row)
    } else {
      store(value, field: Int(target.field), row: row, base: UnsafePointer(records.base))
    }
  }

  /// Keeps bytes that are no part of the records.
  func spilled(_ bytes: UnsafeRawBufferPointer) -> Scalar {
    let start = spill.count
    spill.append(bytes)
    return .spilled(start: start, length: bytes.count)
  }

  func spilled(_ text: String) -> Scalar {
    let start = spill.count
    spill.append(text: text)
    return .spilled(start: start, length: spill.count - start)
  }

  func spilled(_ number: Int64) -> Scalar {
    let start = spill.count
    spill.append(number: number)
    return .spilled(start: start, length: spill.count - start)
  }
}
