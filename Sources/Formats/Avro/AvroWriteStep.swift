// What a plan for writing is made of: one value of the written schema, and the column that it comes
// from.

internal import HeadraceColumns

/// What the loop over the fields of a record does with plain values; all else is `general`.
enum AvroWriteCode: UInt8 {
  case general
  case long, int, double, float, boolean, bytes, decimal
  /// A field that no column is for.
  case constant
}

/// Trivial, as `AvroStep`.
struct AvroWriteStep {
  var code = AvroWriteCode.general
  var wire = AvroWire.nothing
  /// A union of null and what `wire` says.
  var isNullable = false
  /// The branches in one byte; `hasNull` is false where the union has no null.
  var hasNull = false
  var nullTag: UInt8 = 0
  var valueTag: UInt8 = 0
  /// Among the columns and those inside them, each followed by what is inside.
  var column: Int32 = 0
  /// ARRAY: the item; MAP: key, value; STRUCT: the fields as they are written; union: the branches.
  var first: Int32 = 0
  var count: Int32 = 0
  /// fixed: bytes.
  var size = 0
  var isDecimal = false
  /// Bytes without their length.
  var isBare = false
  /// A step of a path, or the symbols of an enum; -1: none.
  var name: Int32 = -1
  var symbols: Int32 = -1
  /// NULL, which the field cannot hold, is written as its default.
  var hasDefault = false
  /// In the plan's constants, for `constant` and `hasDefault`.
  var constantStart: Int32 = 0
  var constantLength: Int32 = 0
}
