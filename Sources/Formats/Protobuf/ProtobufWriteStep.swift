// What a plan for writing messages is made of: one field of a message, and the column that it comes
// from.

internal import HeadraceColumns

/// Trivial, as `ProtobufStep`.
struct ProtobufWriteStep {
  var type = ProtobufType.mismatch
  /// Of a wrapper's value.
  var inner = ProtobufType.mismatch
  var isRepeated = false
  /// Numbers of a repeated field stand behind one length.
  var isPacked = false
  /// A MAP as repeated entries.
  var isMap = false
  /// Written although it is the type's default; NULL is said by being absent.
  var writesDefaults = false
  /// NULL cannot be said.
  var isRequired = false
  /// A oneof: `first` and `count` are its fields, of which the first that is not NULL is written.
  var isOneof = false
  /// Of a oneof between whose fields others stand: the one that this step may write; -1: any.
  var only: Int32 = -1
  /// The number and wire type of the field, the first byte lowest.
  var tag: UInt64 = 0
  var tagBytes: Int32 = 0
  /// In the flat list of columns.
  var column: Int32 = 0
  /// Of a message or an entry: its fields by number. Of a repeated one: also the steps of the
  /// items.
  var first: Int32 = 0
  var count: Int32 = 0
  /// A step of a path; -1: none.
  var name: Int32 = -1
  /// The constants of an enum.
  var symbols: Int32 = -1
  var scale: Int32 = 0
}
