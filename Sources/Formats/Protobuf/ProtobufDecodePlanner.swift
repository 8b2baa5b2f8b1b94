// Makes the plan for a message and the columns of a source. A column takes the field, or the oneof,
// of its name; other columns are NULL, other fields are read over.
//
// Source of the types that a column is read from: ksqlDB's ConnectDataTranslator over Confluent's
// ProtobufData.

internal import HeadraceColumns
import HeadraceFoundations

struct ProtobufDecodePlanner {
  private let schema: ProtobufSchema
  private let fields: [FormatField]
  private let table: FieldSlots
  private(set) var messages: [ProtobufMessagePlan] = []
  private(set) var steps: [ProtobufStep] = []
  private(set) var outputs: [ProtobufOutput] = []
  private(set) var members: [Int32] = []
  private(set) var places: [Int32] = []
  private(set) var numbers: [Int32] = []
  private(set) var decimals: [WrittenDecimal] = []
  private(set) var names: [String] = []
  private(set) var mismatches: [String] = []
  private(set) var enums: [ProtobufEnumPlan] = []

  static func plan(
    _ schema: ProtobufSchema, _ message: Int, _ fields: [FormatField], _ table: FieldSlots
  ) -> ProtobufDecodePlan {
    var planner = ProtobufDecodePlanner(schema: schema, fields: fields, table: table)
    do throws(SchemaProblem) {
      try planner.top(message)
    } catch {
      return ProtobufDecodePlan(problem: error.message)
    }
    return ProtobufDecodePlan(planner)
  }

  private init(schema: ProtobufSchema, fields: [FormatField], table: FieldSlots) {
    self.schema = schema
    self.fields = fields
    self.table = table
  }

  private mutating func top(_ index: Int) throws(SchemaProblem) {
    let message = schema.messages[index]
    let columns = fields.indices.map { ColumnTarget($0, fields, table) }
    let taken = columnsTaking(message.columnNames, of: fields.map(\.name))
    let place = try self.message(message, columns, taken, fields.map(\.name), isTop: true)
    precondition(place == 0, "the outermost message comes first")
  }

  // MARK: - Messages

  /// A message whose fields go to `columns`; returns its place.
  private mutating func message(
    _ message: ProtobufSchema.Message, _ columns: [ColumnTarget], _ taken: [Int?],
    _ columnNames: [String], isTop: Bool
  ) throws(SchemaProblem) -> Int32 {
    let place = messages.count
    messages.append(ProtobufMessagePlan())
    // Those of a oneof matter even where no column takes them: each takes back what another one
    // said.
    var planned: [(field: ProtobufSchema.Field, target: ColumnTarget?, column: Int?)] = []
    var groups: [(column: Int, oneof: Int)] = []
    for (oneof, _) in message.oneofs.enumerated() {
      guard let column = taken[oneof] else { continue }
      groups.append((column, oneof))
      let alternatives = message.fields.filter { $0.oneof == oneof }
      let parts = columns[column].plan.names.texts
      let matched = columnsTaking(alternatives.map(\.name), of: parts)
      for (field, part) in zip(alternatives, matched) {
        planned.append((field, part.map { columns[column].child($0) }, nil))
      }
    }
    for (number, field) in message.plainFields.enumerated() {
      guard let column = taken[message.oneofs.count + number] else { continue }
      planned.append((field, columns[column], column))
    }
    planned.sort { $0.field.number < $1.field.number }
    let first = steps.count
    steps += repeatElement(ProtobufStep(ValueTarget(table)), count: planned.count)
    for (index, entry) in planned.enumerated() {
      steps[first + index] = try step(entry.field, entry.target, in: message)
      names.append(
        isTop ? entry.column.map { columnNames[$0] } ?? entry.field.name : "->\(entry.field.name)")
      steps[first + index].name = Int32(names.count - 1)
      if isTop { steps[first + index].code = code(steps[first + index]) }
    }
    var plan = ProtobufMessagePlan()
    plan.first = Int32(first)
    plan.count = Int32(planned.count)
    plan.oneofCount = Int32(message.oneofs.count)
    index(planned.map(\.field.number), &plan)
    output(planned, groups, columns, isTop: isTop, &plan, steps: first)
    messages[place] = plan
    return Int32(place)
  }

  private mutating func index(_ sorted: [Int], _ plan: inout ProtobufMessagePlan) {
    let dense = sorted.filter { $0 < ProtobufMessagePlan.denseMax }
    plan.dense = Int32(places.count)
    plan.denseCount = Int32((dense.last ?? -1) + 1)
    var row = [Int32](repeating: -1, count: Int(plan.denseCount))
    for (place, number) in dense.enumerated() { row[number] = Int32(place) }
    places += row
    plan.sparse = Int32(numbers.count)
    plan.sparseCount = Int32(sorted.count - dense.count)
    plan.sparseFirst = Int32(dense.count)
    numbers += sorted[dense.count...].map { Int32($0) }
  }

  /// Columns of one value that a field of the outermost message gives need none.
  private mutating func output(
    _ planned: [(field: ProtobufSchema.Field, target: ColumnTarget?, column: Int?)],
    _ groups: [(column: Int, oneof: Int)], _ columns: [ColumnTarget], isTop: Bool,
    _ plan: inout ProtobufMessagePlan, steps first: Int
  ) {
    plan.outputs = Int32(outputs.count)
    for (column, target) in columns.enumerated() {
      let builder = target.builder.map { Unmanaged.passUnretained($0) }
      if let place = planned.firstIndex(where: { $0.column == column }) {
        if isTop, steps[first + place].code != .general { continue }
        outputs.append(ProtobufOutput(step: Int32(place), builder: builder))
      } else if let group = groups.first(where: { $0.column == column }) {
        var output = ProtobufOutput(step: -1, builder: builder)
        output.first = Int32(members.count)
        for (place, entry) in planned.enumerated() where entry.field.oneof == group.oneof {
          members.append(Int32(place))
        }
        output.count = Int32(members.count) - output.first
        outputs.append(output)
      } else if !isTop {
        // Nobody says anything for it.
        outputs.append(ProtobufOutput(step: -1, builder: builder))
      }
    }
    plan.outputCount = Int32(outputs.count) - plan.outputs
  }

  // MARK: - Fields

  private mutating func step(
    _ field: ProtobufSchema.Field, _ target: ColumnTarget?, in message: ProtobufSchema.Message
  ) throws(SchemaProblem) -> ProtobufStep {
    guard let target else {
      // Of a oneof: that it is there is all that counts.
      var step = ProtobufStep(ValueTarget(table))
      try describe(field, &step, in: message)
      return step
    }
    var step = ProtobufStep(ValueTarget(target))
    try describe(field, &step, in: message)
    step.isRepeated = field.isRepeated
    if field.isRepeated {
      if case .map = target.plan.type, let entry = mapEntry(field) {
        step.isMap = true
        step.message = try map(entry, field, target)
        return step
      }
      guard case .array = target.plan.type else { return mismatch(step, field, target) }
      try fill(&step, field, target.child(0))
    } else {
      try fill(&step, field, target)
    }
    if step.type == .mismatch { return mismatch(step, field, target) }
    return step
  }

  private func mapEntry(_ field: ProtobufSchema.Field) -> ProtobufSchema.Message? {
    guard field.type == .message else { return nil }
    let message = schema.messages[field.index]
    return message.entry == nil ? nil : message
  }

  private func describe(
    _ field: ProtobufSchema.Field, _ step: inout ProtobufStep, in message: ProtobufSchema.Message
  ) throws(SchemaProblem) {
    guard !field.isUndefined else { throw schema.undefined(field, in: message) }
    step.type = field.type
    step.inner = field.inner
    step.wire = field.type.wire
    step.hasPresence = field.hasPresence
    step.oneof = Int32(field.oneof ?? -1)
    let tag = field.number << 3 | Int(step.wire.rawValue)
    if tag < 0x80, !field.isRepeated { step.tag = UInt8(tag) }
  }

  private mutating func mismatch(
    _ given: ProtobufStep, _ field: ProtobufSchema.Field, _ target: ColumnTarget
  ) -> ProtobufStep {
    var step = given
    step.type = .mismatch
    step.isRepeated = false
    step.text = Int32(mismatches.count)
    let name = (field.isRepeated && field.typeName != "map" ? "repeated " : "") + field.typeName
    mismatches.append("cannot read Protobuf \(name) as \(target.plan.type)")
    return step
  }

  /// One value; leaves `mismatch` where the type cannot be read as the column's.
  private mutating func fill(
    _ step: inout ProtobufStep, _ field: ProtobufSchema.Field, _ target: ColumnTarget
  ) throws(SchemaProblem) {
    // What is inside an array goes to the builder of its elements.
    if field.isRepeated { step.target = ValueTarget(target) }
    let type = field.type == .wrapper ? field.inner : field.type
    guard Self.isRead(type, as: target.plan.type) else {
      step.type = .mismatch
      return
    }
    switch type {
    case .enumeration:
      step.text = Int32(enums.count)
      enums.append(ProtobufEnumPlan(schema.enums[field.index]))
    case .decimal:
      step.decimal = Int32(decimals.count)
      decimals.append(WrittenDecimal(target.plan))
    case .message:
      let message = schema.messages[field.index]
      let columns = target.plan.children.indices.map { target.child($0) }
      let texts = target.plan.names.texts
      let taken = columnsTaking(message.columnNames, of: texts)
      step.message = try self.message(message, columns, taken, texts, isTop: false)
    default: break
    }
  }

  private static func isRead(_ type: ProtobufType, as column: DataType) -> Bool {
    switch (type, column) {
    case (.int32, .int), (.sint32, .int), (.sfixed32, .int): true
    case (.int32, .date), (.sint32, .date), (.sfixed32, .date): true
    case (.int32, .time), (.sint32, .time), (.sfixed32, .time): true
    case (.int32, .bigint), (.sint32, .bigint), (.sfixed32, .bigint): true
    case (.int64, .bigint), (.uint32, .bigint), (.uint64, .bigint), (.sint64, .bigint): true
    case (.fixed32, .bigint), (.fixed64, .bigint), (.sfixed64, .bigint): true
    case (.int64, .timestamp), (.uint32, .timestamp), (.uint64, .timestamp): true
    case (.sint64, .timestamp), (.fixed32, .timestamp), (.fixed64, .timestamp): true
    case (.sfixed64, .timestamp), (.timestamp, .timestamp), (.timestamp, .bigint): true
    case (.float, .double), (.double, .double), (.boolean, .boolean): true
    case (.bytes, .bytes), (.decimal, .decimal), (.date, .date), (.timeOfDay, .time): true
    case (.message, .structure): true
    case (_, .string):
      ![.bytes, .message, .timestamp, .date, .timeOfDay, .decimal, .mismatch].contains(type)
    default: false
    }
  }

  private mutating func map(
    _ message: ProtobufSchema.Message, _ field: ProtobufSchema.Field, _ target: ColumnTarget
  ) throws(SchemaProblem) -> Int32 {
    guard let entry = message.entry else { return 0 }
    let columns = [target.child(0), target.child(1)]
    let taken = message.columnNames.map { name in
      name == entry.key.name ? 0 : name == entry.value.name ? 1 : nil
    }
    return try self.message(message, columns, taken, ["key", "value"], isTop: false)
  }

  // MARK: - Plain values

  /// What the loop over the outermost message can do by itself.
  private func code(_ step: ProtobufStep) -> ProtobufCode {
    guard !step.isRepeated, !step.isMap, step.oneof < 0, step.target.builder == nil else {
      return .general
    }
    guard step.target.isStored else { return passedCode(step) }
    switch (step.type, step.target.kind) {
    case (.int64, .bigint), (.uint64, .bigint), (.int64, .timestamp), (.uint64, .timestamp):
      return .long
    case (.int32, .int), (.int32, .date): return .int
    case (.int32, .bigint): return .intAsLong
    case (.uint32, .bigint): return .unsignedAsLong
    case (.sint64, .bigint): return .zigzagLong
    case (.sint32, .int): return .zigzagInt
    case (.sint32, .bigint): return .zigzagIntAsLong
    case (.boolean, .boolean): return .boolean
    case (.fixed64, .bigint), (.sfixed64, .bigint): return .fixedLong
    case (.sfixed32, .int): return .fixedInt
    case (.sfixed32, .bigint): return .fixedIntAsLong
    case (.fixed32, .bigint): return .fixedUnsignedAsLong
    case (.double, .double): return .double
    case (.float, .double): return .floatAsDouble
    case (.string, .string): return .string
    case (.bytes, .base64): return .bytes
    default: return .general
    }
  }

  private func passedCode(_ step: ProtobufStep) -> ProtobufCode {
    switch step.type {
    case .int32, .sint32, .sfixed32, .fixed32, .uint32:
      if step.target.kind == .time { return .general }
      return step.wire == .varint ? .passedVarint : .passedFour
    case .int64, .uint64, .sint64, .boolean: return .passedVarint
    case .fixed64, .sfixed64, .double: return .passedEight
    case .float: return .passedFour
    case .string: return .passedString
    case .bytes: return .passedBytes
    case .enumeration: return .passedVarint
    case .message, .timestamp, .date, .timeOfDay, .decimal, .wrapper, .mismatch: return .general
    }
  }
}
