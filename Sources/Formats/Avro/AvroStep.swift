// What a plan is made of: how one value of the writer's schema is read and where it goes. Trivial,
// so that a plan is run from raw memory without counting references.

internal import HeadraceColumns

/// What the loop over the fields of a record does with plain values; all else is `general`.
enum AvroCode: UInt8 {
  case general
  case long, int, intAsLong, time, double, floatAsDouble, boolean, string, bytes
  /// Read and not stored.
  case passedLong, passedInt, passed4, passed8, passedBoolean, passedString, passedBytes
}

/// What stands in the record.
enum AvroWire: UInt8 {
  /// No bytes: null, and records and fixeds without contents.
  case nothing
  case boolean, int, long, float, double, bytes, string, fixed, enumeration
  case array
  /// A map, or an array of entries with key and value: the same bytes.
  case map
  /// Of other branches than null and one more.
  case union
  case record
  /// A type that the column cannot be read from.
  case mismatch
}

struct AvroStep {
  var code = AvroCode.general
  var wire = AvroWire.nothing
  /// Of the column; `unknown`: the value belongs to none.
  var kind = ValueKind.unknown
  var isStored = false
  /// A union of null and what `wire` says. `nullBranch` is -1 where there is no null.
  var isNullable = false
  var nullBranch: Int8 = -1
  var valueBranch: Int8 = 0
  /// The branches in one byte, as they mostly are. `noTag`: there is no null, or it reads as
  /// something else.
  var nullTag = noTag
  var valueTag: UInt8 = 0
  /// ARRAY: the item; MAP: key, value; STRUCT: the fields as they are written; union: the branches.
  var first: Int32 = 0
  var count: Int32 = 0
  /// fixed: bytes; array, map: the least bytes of an item.
  var size = 0
  /// Into the plan's names, symbols or problems.
  var text: Int32 = 0
  /// Into the plan's decimals; -1: the value is none.
  var decimal: Int32 = -1
  /// What a null reads as, in the plan's constants; a negative length: NULL.
  var defaultStart: Int32 = 0
  var defaultLength: Int32 = -1
  /// A column of one value a record.
  var slot: UnsafeMutablePointer<FieldSlot>
  var field: Int32 = -1
  /// A nested one, or a value inside it.
  var builder: Unmanaged<ColumnBuilder>?

  /// No byte.
  static let noTag: UInt16 = 0x100

  init(slot: UnsafeMutablePointer<FieldSlot>) { self.slot = slot }
}

/// How the unscaled number of a record becomes that of a column.
struct AvroDecimal {
  var writtenScale: Int
  var fits: WrittenDecimal
}
