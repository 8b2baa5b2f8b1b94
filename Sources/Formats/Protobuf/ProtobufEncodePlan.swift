// How rows of these columns become messages of a written schema: an array of steps, made once,
// fields by their numbers. A field takes the column of its name; one without column is absent.

internal import HeadraceColumns
import HeadraceFoundations

final class ProtobufEncodePlan {
  private let schema: ProtobufSchema
  private(set) var steps: [ProtobufWriteStep] = []
  private(set) var names: [String] = []
  private(set) var enums: [[(name: [UInt8], number: Int32)]] = []
  /// The steps of the outermost message's fields.
  private(set) var top = 0..<0
  /// What stands before the message: which one of its schema it is.
  private(set) var path: [UInt8] = []
  /// As the list of columns has them (`ColumnPlace`).
  let plans: [TypePlan]

  init(
    _ registered: RegisteredSchema, _ fields: [FormatField], fullName: String?
  ) throws(SchemaProblem) {
    schema = try ProtobufSchema(registered)
    let columns: [ColumnPlace]
    (columns, plans) = ColumnPlace.all(fields)
    let (index, path) = try schema.message(named: fullName)
    guard !path.isEmpty else {
      throw SchemaProblem(
        "the message \(schema.messages[index].name) is of another schema, which records cannot name"
      )
    }
    ProtobufText.append(path, to: &self.path)
    top = try self.fields(schema.messages[index], columns)
    if steps.isEmpty { steps.append(ProtobufWriteStep()) }
  }

  // MARK: - Messages

  /// Steps for the fields of a message, from columns or the fields of a STRUCT.
  private func fields(
    _ message: ProtobufSchema.Message, _ columns: [ColumnPlace]
  ) throws(SchemaProblem) -> Range<Int> {
    var open = columns
    func take(_ name: String) -> ColumnPlace? {
      open.firstIndex { isWritten($0.name, into: name) }.map { open.remove(at: $0) }
    }
    var planned: [(number: Int, step: ProtobufWriteStep)] = []
    for (oneof, name) in message.oneofs.enumerated() {
      guard let column = take("\(name)_\(oneof)") else { continue }
      let alternatives = message.fields.filter { $0.oneof == oneof }
      planned += try self.oneof(alternatives, column, in: message)
    }
    for field in message.plainFields {
      guard let column = take(field.name) else {
        guard !field.isRequired else {
          throw SchemaProblem("no column is there for the required field \(field.name)")
        }
        continue
      }
      planned.append((field.number, try step(field, column, in: message)))
    }
    if let column = open.first {
      throw SchemaProblem("the schema has no field for \(column.name)")
    }
    planned.sort { $0.number < $1.number }
    let first = steps.count
    steps += planned.map(\.step)
    return first..<steps.count
  }

  /// One step, or where the numbers of other fields lie between, one for each alternative.
  private func oneof(
    _ alternatives: [ProtobufSchema.Field], _ column: ColumnPlace,
    in message: ProtobufSchema.Message
  ) throws(SchemaProblem) -> [(number: Int, step: ProtobufWriteStep)] {
    guard column.plan.names.texts.count > 0 else {
      throw SchemaProblem("cannot write \(column.plan.type) as a oneof")
    }
    var group = ProtobufWriteStep()
    group.isOneof = true
    group.column = Int32(column.column)
    group.name = name(column.name)
    // In the order of the STRUCT, of which the first that is not NULL is meant.
    var members: [ProtobufWriteStep] = []
    var numbers: [Int] = []
    for place in column.plan.children.indices {
      let child = column.child(place)
      guard let field = alternatives.first(where: { isWritten(child.name, into: $0.name) }) else {
        throw SchemaProblem("the schema has no field for \(column.name)->\(child.name)")
      }
      members.append(try step(field, child, in: message))
      numbers.append(field.number)
    }
    group.first = Int32(steps.count)
    group.count = Int32(members.count)
    steps += members
    let range = (numbers.min() ?? 0)...(numbers.max() ?? 0)
    let isApart = message.fields.contains { field in
      range.contains(field.number) && !numbers.contains(field.number)
    }
    guard isApart else { return [(range.lowerBound, group)] }
    return numbers.enumerated().map { index, number in
      var one = group
      one.only = Int32(index)
      return (number, one)
    }
  }

  private func name(_ text: String) -> Int32 {
    names.append(text)
    return Int32(names.count - 1)
  }

  // MARK: - Fields

  private func step(
    _ field: ProtobufSchema.Field, _ column: ColumnPlace, in message: ProtobufSchema.Message
  ) throws(SchemaProblem) -> ProtobufWriteStep {
    guard !field.isUndefined else { throw schema.undefined(field, in: message) }
    var step = ProtobufWriteStep()
    step.name = name(column.name)
    step.column = Int32(column.column)
    step.type = field.type
    step.inner = field.inner
    step.writesDefaults = field.hasPresence || message.isMapEntry
    step.isRequired = field.isRequired
    step.isRepeated = field.isRepeated
    step.isPacked = field.isRepeated && field.type.isPackable && !field.isUnpacked
    setTag(&step, field.number, step.isPacked ? .bytes : field.type.wire)
    guard field.isRepeated else {
      try fill(&step, field, column)
      return step
    }
    if case .map = column.plan.type, field.type == .message {
      let message = schema.messages[field.index]
      guard let entry = message.entry else { throw mismatch(field, column) }
      step.isMap = true
      var parts = [column.child(0), column.child(1)]
      parts[0].name = entry.key.name
      parts[1].name = entry.value.name
      let range = try fields(message, parts)
      (step.first, step.count) = (Int32(range.lowerBound), Int32(range.count))
      return step
    }
    guard case .array = column.plan.type else { throw mismatch(field, column) }
    try fill(&step, field, column.child(0))
    return step
  }

  private func setTag(_ step: inout ProtobufWriteStep, _ number: Int, _ wire: ProtobufWire) {
    var rest = UInt64(number) << 3 | UInt64(wire.rawValue)
    repeat {
      let byte = rest & 0x7F | (rest > 0x7F ? 0x80 : 0)
      step.tag |= byte << UInt64(8 * step.tagBytes)
      step.tagBytes += 1
      rest >>= 7
    } while rest > 0
  }

  private func mismatch(_ field: ProtobufSchema.Field, _ column: ColumnPlace) -> SchemaProblem {
    SchemaProblem(
      "cannot write \(column.plan.type) as Protobuf \(field.isRepeated ? "repeated " : "")"
        + field.typeName)
  }

  /// One value, or the items of an array. An item's column is behind that of the array.
  private func fill(
    _ step: inout ProtobufWriteStep, _ field: ProtobufSchema.Field, _ column: ColumnPlace
  ) throws(SchemaProblem) {
    let type = field.type == .wrapper ? field.inner : field.type
    guard Self.accepts(type, column.plan.type) else { throw mismatch(field, column) }
    step.scale = Int32(column.plan.scale)
    switch field.type {
    case .enumeration:
      step.symbols = Int32(enums.count)
      enums.append(schema.enums[field.index].values.map { (Array($0.name.utf8), $0.number) })
    case .message:
      let parts = column.plan.children.indices.map(column.child)
      let range = try fields(schema.messages[field.index], parts)
      (step.first, step.count) = (Int32(range.lowerBound), Int32(range.count))
    default: break
    }
  }

  private static func accepts(_ type: ProtobufType, _ column: DataType) -> Bool {
    switch (type, column) {
    case (.int32, .int), (.sint32, .int), (.sfixed32, .int): true
    case (.int64, .bigint), (.sint64, .bigint), (.sfixed64, .bigint): true
    case (.uint64, .bigint), (.fixed64, .bigint), (.uint32, .bigint), (.fixed32, .bigint): true
    case (.double, .double), (.float, .double), (.boolean, .boolean), (.bytes, .bytes): true
    case (.string, .string), (.enumeration, .string), (.message, .structure): true
    case (.timestamp, .timestamp), (.date, .date), (.timeOfDay, .time): true
    case (.decimal, .decimal): true
    default: false
    }
  }
}
