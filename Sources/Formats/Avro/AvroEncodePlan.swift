// How rows of these columns become records of a written schema: an array of steps, made once. A
// field takes the column of its name; one without column is its default, or null; where it can be
// neither, no row can be written.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

final class AvroEncodePlan {
  private let schema: AvroSchema
  private(set) var steps: [AvroWriteStep] = []
  private(set) var names: [String] = []
  private(set) var symbols: [[[UInt8]]] = []
  private(set) var constants: [UInt8] = []
  /// The steps of the record's fields, or of the only value.
  private(set) var top = 0..<1 {
    didSet { fixedBytes = top.count * AvroWriter.numberBytesMax + 64 }
  }
  /// What a record takes, but for what is in its strings and nested values.
  private(set) var fixedBytes = AvroWriter.numberBytesMax + 64
  /// Before the fields: the branch of a union at the root.
  private(set) var prefix: UInt8?
  /// The columns and those inside them, in the order that steps count, and one more.
  let plans: [TypePlan]

  init(
    _ registered: RegisteredSchema, _ fields: [FormatField], isWrapped: Bool
  ) throws(SchemaProblem) {
    schema = try AvroSchemaParser.schema(registered)
    let columns: [ColumnPlace]
    (columns, plans) = ColumnPlace.all(fields)
    guard isWrapped else {
      reserve(1)
      guard let only = columns.first else { throw SchemaProblem("there is no column") }
      steps[0] = try step(schema.root, only)
      // A root of type bytes has no length, as Confluent's serializer writes it.
      steps[0].isBare = schema.isRootBytes
      names.append(only.name)
      steps[0].name = Int32(names.count - 1)
      return
    }
    var root = AvroWriteStep()
    let type = nullable(schema.root, &root)
    if root.isNullable { prefix = root.valueTag }
    guard case .record(let written) = schema[type].kind else {
      throw SchemaProblem(
        "the schema is of type \(schema[schema.root].kind.word), and no record with columns")
    }
    top = try self.fields(written, columns)
    if steps.isEmpty { reserve(1) }
  }

  @discardableResult
  private func reserve(_ count: Int) -> Int {
    let first = steps.count
    steps += repeatElement(AvroWriteStep(), count: count)
    return first
  }

  /// The one branch beside null, noted in the step; another type as it is.
  private func nullable(_ type: Int, _ step: inout AvroWriteStep) -> Int {
    guard case .union(let branches) = schema[type].kind else { return type }
    let others = branches.indices.filter { !schema.isNull(branches[$0]) }
    guard others.count == 1, branches.count <= 2 else { return type }
    step.isNullable = true
    step.hasNull = branches.count == 2
    step.valueTag = UInt8(others[0]) << 1
    step.nullTag = UInt8(1 - min(1, others[0])) << 1
    return branches[others[0]]
  }

  /// Steps of the fields of a record, from columns or the fields of a STRUCT.
  private func fields(
    _ written: [AvroSchema.Field], _ columns: [ColumnPlace]
  ) throws(SchemaProblem) -> Range<Int> {
    let first = reserve(written.count)
    var open = columns
    for (place, field) in written.enumerated() {
      // Most often they stand in the same order.
      if let index = open.firstIndex(where: { isWritten($0.name, into: field.name) }) {
        let column = open.remove(at: index)
        names.append(column.name)
        let name = Int32(names.count - 1)
        steps[first + place] = try step(field.type, column)
        steps[first + place].name = name
        if let value = field.defaultValue, !steps[first + place].hasNull {
          try setDefault(value, field, &steps[first + place])
          steps[first + place].hasDefault = true
        }
      } else {
        steps[first + place] = try constant(field)
      }
    }
    if let column = open.first {
      throw SchemaProblem("the schema has no field for \(column.name)")
    }
    return first..<first + written.count
  }

  private func constant(_ field: AvroSchema.Field) throws(SchemaProblem) -> AvroWriteStep {
    var step = AvroWriteStep()
    step.code = .constant
    if let value = field.defaultValue {
      try setDefault(value, field, &step)
    } else {
      step.constantStart = Int32(constants.count)
      let inner = nullable(field.type, &step)
      if step.isNullable && step.hasNull {
        constants.append(step.nullTag)
      } else if !schema.isNull(inner) {
        throw SchemaProblem("Missing default value for required Avro field: [\(field.name)]")
      }
      step.constantLength = Int32(constants.count) - step.constantStart
    }
    return step
  }

  private func setDefault(
    _ value: JSONNode, _ field: AvroSchema.Field, _ step: inout AvroWriteStep
  ) throws(SchemaProblem) {
    let bytes = try AvroDefault.bytes(value, of: field.type, schema, field.name)
    step.constantStart = Int32(constants.count)
    step.constantLength = Int32(bytes.count)
    constants += bytes
  }

  private func step(_ type: Int, _ target: ColumnPlace) throws(SchemaProblem) -> AvroWriteStep {
    var step = AvroWriteStep()
    let inner = nullable(type, &step)
    step.column = Int32(target.column)
    let entry = schema[inner]
    try fill(&step, inner, entry, target)
    switch step.wire {
    case .long: step.code = .long
    case .int: step.code = .int
    case .double: step.code = .double
    case .float: step.code = .float
    case .boolean: step.code = .boolean
    case .bytes where step.isDecimal && target.plan.kind == .decimal: step.code = .decimal
    case .string, .bytes: step.code = step.isDecimal ? .general : .bytes
    case .nothing, .fixed, .enumeration, .array, .map, .union, .record, .mismatch: break
    }
    return step
  }

  private func fill(
    _ step: inout AvroWriteStep, _ type: Int, _ entry: AvroSchema.Entry, _ target: ColumnPlace
  ) throws(SchemaProblem) {
    switch (entry.kind, target.plan.type, entry.logical) {
    case (.boolean, .boolean, nil): step.wire = .boolean
    case (.int, .int, nil), (.int, .date, .date?), (.int, .time, .time?): step.wire = .int
    case (.long, .bigint, nil), (.long, .timestamp, .timestamp?): step.wire = .long
    case (.float, .double, _): step.wire = .float
    case (.double, .double, _): step.wire = .double
    case (.string, .string, _): step.wire = .string
    case (.bytes, .bytes, nil): step.wire = .bytes
    case (.fixed(let size), .bytes, nil):
      step.wire = .fixed
      step.size = size
    case (.bytes, .decimal(_, let scale), .decimal(_, let written)?) where scale == written ?? 0:
      step.wire = .bytes
      step.isDecimal = true
    case (.fixed(let size), .decimal(_, let scale), .decimal(_, let written)?)
    where scale == written ?? 0:
      step.wire = .fixed
      step.size = size
      step.isDecimal = true
    case (.enumeration(let words, _), .string, nil):
      step.wire = .enumeration
      step.symbols = Int32(symbols.count)
      symbols.append(words.map { Array($0.utf8) })
    case (.array(let items), .array, _):
      step.wire = .array
      let first = reserve(1)
      step.first = Int32(first)
      steps[first] = try self.step(items, target.child(0))
    case (.map(let values), .map, _):
      step.wire = .map
      let first = reserve(2)
      step.first = Int32(first)
      steps[first].wire = .string
      steps[first].code = .bytes
      steps[first].column = Int32(target.child(0).column)
      guard target.plan.children[0].kind == .string else { throw mismatch(entry, target) }
      steps[first + 1] = try self.step(values, target.child(1))
    case (.array(let items), .map, _):
      guard let (key, value) = schema.mapEntry(items) else { throw mismatch(entry, target) }
      step.wire = .map
      let first = reserve(2)
      step.first = Int32(first)
      steps[first] = try self.step(key.type, target.child(0))
      steps[first + 1] = try self.step(value.type, target.child(1))
    case (.record(let written), .structure, _):
      step.wire = .record
      let range = try fields(written, target.plan.children.indices.map(target.child))
      step.first = Int32(range.lowerBound)
      step.count = Int32(range.count)
    case (.union(let branches), .structure, _): try fillUnion(&step, branches, target)
    default: throw mismatch(entry, target)
    }
  }

  private func mismatch(_ entry: AvroSchema.Entry, _ target: ColumnPlace) -> SchemaProblem {
    SchemaProblem("cannot write \(target.plan.type) as Avro \(entry.description)")
  }

  /// Each branch is a field of the STRUCT; null has a step of no wire.
  private func fillUnion(
    _ step: inout AvroWriteStep, _ branches: [Int], _ target: ColumnPlace
  ) throws(SchemaProblem) {
    step.wire = .union
    let first = reserve(branches.count)
    step.first = Int32(first)
    step.count = Int32(branches.count)
    for (place, branch) in branches.enumerated() {
      if schema.isNull(branch) {
        guard place < 64 else { throw SchemaProblem("null stands behind 64 branches of a union") }
        step.hasNull = true
        step.nullTag = UInt8(truncatingIfNeeded: place << 1)
        continue
      }
      let name = schema.branchName(branch)
      guard
        let index = target.plan.names.texts.firstIndex(where: {
          isWritten($0, into: name)
        })
      else { continue }
      steps[first + place] = try self.step(branch, target.child(index))
    }
  }
}
