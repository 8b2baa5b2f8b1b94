// What a plan for reading messages is made of: one field of a message and where its values go.
// Trivial, so that a plan is run from raw memory without counting references.

internal import HeadraceColumns

/// What the loop over the outermost message does with plain values; all else is `general`.
enum ProtobufCode: UInt8 {
  case general
  case long, int, intAsLong, unsignedAsLong, zigzagLong, zigzagInt, zigzagIntAsLong, boolean
  case fixedLong, fixedInt, fixedIntAsLong, fixedUnsignedAsLong, double, floatAsDouble
  case string, bytes
  /// Read over; of the declared wire type all values are good.
  case passedVarint, passedFour, passedEight, passedBytes, passedString
}

struct ProtobufStep {
  var code = ProtobufCode.general
  var type = ProtobufType.mismatch
  /// Of a wrapper's value.
  var inner = ProtobufType.mismatch
  var wire = ProtobufWire.bytes
  var isRepeated = false
  /// A repeated message whose entries become a MAP.
  var isMap = false
  /// Being absent is NULL; else it is the type's default.
  var hasPresence = false
  /// Number and wire type as most records have them, if they fit into one byte; 0: they do not.
  var tag: UInt8 = 0
  /// Of the message: which of its oneofs it belongs to; -1: none.
  var oneof: Int32 = -1
  /// Of the value, among the plan's messages.
  var message: Int32 = 0
  /// Into the plan's enums or mismatches.
  var text: Int32 = 0
  /// Into the plan's decimals.
  var decimal: Int32 = -1
  /// Into the plan's names: a step of the path in reasons.
  var name: Int32 = -1
  var target: ValueTarget

  init(_ target: ValueTarget) { self.target = target }
}

/// What one column, or one part of a nested one, gets of a message.
struct ProtobufOutput {
  /// The field; -1: the column is that of a oneof, or there is no field.
  var step: Int32
  /// Of a oneof: its steps in the plan's members.
  var first: Int32 = 0
  var count: Int32 = 0
  var builder: Unmanaged<ColumnBuilder>?
}

/// The fields of one message.
struct ProtobufMessagePlan {
  /// In the plan's steps, by their numbers.
  var first: Int32 = 0
  var count: Int32 = 0
  /// In the plan's outputs.
  var outputs: Int32 = 0
  var outputCount: Int32 = 0
  /// In the plan's places: for each number below `denseCount` the place of its step, -1 for none.
  var dense: Int32 = 0
  var denseCount: Int32 = 0
  /// In the plan's numbers: of the steps behind.
  var sparse: Int32 = 0
  var sparseCount: Int32 = 0
  /// Of the first of them.
  var sparseFirst: Int32 = 0
  var oneofCount: Int32 = 0
  /// Numbers that are found without a search.
  static let denseMax = 256
}
