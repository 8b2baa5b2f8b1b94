// Makes the plan for a writer's schema and the columns of a source. A column takes the field of its
// exact name, else the one whose name in upper case it is; other columns are NULL, other fields are
// passed over.
//
// Source: FORMATS of ksqlDB's AvroDataTranslator and ConnectDataTranslator: which types a column is
// read from.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

struct AvroDecodePlanner {
  let schema: AvroSchema
  let isWrapped: Bool
  private let fields: [FormatField]
  private let table: FieldSlots
  private(set) var steps: [AvroStep] = []
  private(set) var decimals: [AvroDecimal] = []
  private(set) var names: [String] = []
  private(set) var topNames: [String] = []
  private(set) var mismatches: [String] = []
  private(set) var symbols: [[Range<Int>]] = []
  let constants = ByteBuffer(capacity: 64)
  private let sizes: AvroSizes
  /// Steps of types that belong to no column, each made once: such types may contain themselves.
  private var passed: [Int: AvroStep] = [:]
  private var passedDepth = 0

  static func plan(
    _ registered: RegisteredSchema, _ fields: [FormatField], isWrapped: Bool, _ table: FieldSlots
  ) -> AvroDecodePlan {
    do throws(SchemaProblem) {
      let schema = try AvroSchemaParser.schema(registered)
      var planner = AvroDecodePlanner(schema, fields, isWrapped: isWrapped, table)
      return try planner.plan()
    } catch {
      return AvroDecodePlan(problem: error.message)
    }
  }

  private init(
    _ schema: AvroSchema, _ fields: [FormatField], isWrapped: Bool, _ table: FieldSlots
  ) {
    self.schema = schema
    self.fields = fields
    self.isWrapped = isWrapped
    self.table = table
    sizes = AvroSizes(schema)
  }

  private mutating func plan() throws(SchemaProblem) -> AvroDecodePlan {
    guard isWrapped else {
      reserve(1)
      steps[0] =
        fields.isEmpty
        ? try passing(schema.root)
        : try step(schema.root, ColumnTarget(0, fields, table), defaultValue: nil)
      topNames = fields.map(\.name)
      return AvroDecodePlan(self, top: 0..<1, rootStep: nil)
    }
    var root = AvroStep(slot: table.slots)
    let type = nullable(schema.root, &root)
    guard case .record(let written) = schema[type].kind else {
      throw SchemaProblem(
        "the schema is of type \(schema[schema.root].kind.word), and no record with columns")
    }
    let matched = columnsTaking(written.map(\.name), of: fields.map(\.name))
    reserve(written.count)
    for (place, field) in written.enumerated() {
      let target = matched[place].map { ColumnTarget($0, fields, table) }
      steps[place] = try step(of: field, target)
      topNames.append(matched[place].map { fields[$0].name } ?? field.name)
    }
    return AvroDecodePlan(self, top: 0..<written.count, rootStep: root.isNullable ? root : nil)
  }

  // MARK: - Columns

  @discardableResult
  private mutating func reserve(_ count: Int) -> Int {
    let first = steps.count
    steps += repeatElement(AvroStep(slot: table.slots), count: count)
    return first
  }

  private mutating func name(_ text: String) -> Int32 {
    names.append(text)
    return Int32(names.count - 1)
  }

  /// The one branch beside null, noted in the step; another type as it is.
  private func nullable(_ type: Int, _ step: inout AvroStep) -> Int {
    guard case .union(let branches) = schema[type].kind else { return type }
    let others = branches.indices.filter { !schema.isNull(branches[$0]) }
    guard others.count == 1, branches.count <= 2 else { return type }
    step.isNullable = true
    step.valueBranch = Int8(others[0])
    step.valueTag = UInt8(others[0]) << 1
    if branches.count == 2 {
      step.nullBranch = Int8(1 - others[0])
      step.nullTag = UInt16(step.nullBranch) << 1
    }
    return branches[others[0]]
  }

  private mutating func step(
    of field: AvroSchema.Field, _ target: ColumnTarget?
  ) throws(SchemaProblem) -> AvroStep {
    guard let target else { return try passing(field.type) }
    return try step(field.type, target, defaultValue: field.defaultValue.map { ($0, field.name) })
  }

  private mutating func step(
    _ type: Int, _ target: ColumnTarget, defaultValue: (value: JSONNode, name: String)?
  ) throws(SchemaProblem) -> AvroStep {
    var step = AvroStep(slot: target.slot)
    step.isStored = target.isStored
    step.field = Int32(target.field)
    step.builder = target.builder.map { Unmanaged.passUnretained($0) }
    step.kind = target.plan.kind
    let inner = nullable(type, &step)
    try fill(&step, inner, target)
    if let defaultValue { try setDefault(defaultValue.value, defaultValue.name, type, &step) }
    step.code = step.wire == .mismatch ? .general : code(step)
    return step
  }

  /// A null where the schema has another default reads as that.
  private func setDefault(
    _ value: JSONNode, _ name: String, _ type: Int, _ step: inout AvroStep
  ) throws(SchemaProblem) {
    // The default is one of the first branch, so that null must be the second.
    guard step.isNullable, step.nullBranch == 1 else { return }
    guard case .union(let branches) = schema[type].kind else { return }
    let bytes = try AvroDefault.bytes(value, of: branches[0], schema, name)
    step.defaultStart = Int32(constants.count)
    step.defaultLength = Int32(bytes.count)
    constants.append(bytes)
    step.nullTag = AvroStep.noTag
  }

  private mutating func fill(
    _ step: inout AvroStep, _ type: Int, _ target: ColumnTarget
  ) throws(SchemaProblem) {
    let entry = schema[type]
    switch (entry.kind, target.plan.type) {
    case (.null, _): step.wire = .nothing
    case (_, .decimal): fillDecimal(&step, entry, target.plan)
    case (.boolean, .boolean), (.boolean, .string): step.wire = .boolean
    case (.int, .int), (.int, .bigint), (.int, .date), (.int, .time), (.int, .string):
      step.wire = .int
    case (.long, .bigint), (.long, .timestamp), (.long, .string): step.wire = .long
    case (.float, .double), (.float, .string): step.wire = .float
    case (.double, .double), (.double, .string): step.wire = .double
    case (.string, .string): step.wire = .string
    case (.bytes, .bytes): step.wire = .bytes
    case (.fixed(let size), .bytes):
      step.wire = .fixed
      step.size = size
    case (.enumeration(let words, _), .string):
      step.wire = .enumeration
      step.count = Int32(words.count)
      step.text = Int32(symbols.count)
      symbols.append(words.map { constant($0) })
    case (.array(let items), .array):
      step.first = Int32(reserve(1))
      step.wire = .array
      step.size = sizes.least(items)
      steps[Int(step.first)] = try self.step(items, target.child(0), defaultValue: nil)
    case (.map(let values), .map): try fillMap(&step, nil, values, target)
    case (.array(let items), .map):
      guard let (key, value) = schema.mapEntry(items) else { return mismatch(&step, entry, target) }
      try fillMap(&step, key.type, value.type, target)
    case (.record(let written), .structure): try fillRecord(&step, written, target)
    case (.union(let branches), _): try fillUnion(&step, branches, target)
    default: mismatch(&step, entry, target)
    }
  }

  private mutating func constant(_ text: String) -> Range<Int> {
    let start = constants.count
    constants.append(Array(text.utf8))
    return start..<constants.count
  }

  private mutating func mismatch(
    _ step: inout AvroStep, _ entry: AvroSchema.Entry, _ target: ColumnTarget
  ) {
    step.wire = .mismatch
    // Whether it is null does not matter.
    step.isNullable = false
    step.text = Int32(mismatches.count)
    mismatches.append("cannot read Avro \(entry.description) as \(target.plan.type)")
  }

  private mutating func fillDecimal(
    _ step: inout AvroStep, _ entry: AvroSchema.Entry, _ plan: TypePlan
  ) {
    guard case .decimal(_, let scale)? = entry.logical, abs(scale ?? 0) <= 10_000 else {
      step.wire = .mismatch
      step.isNullable = false
      step.text = Int32(mismatches.count)
      mismatches.append("cannot read Avro \(entry.description) as \(plan.type)")
      return
    }
    step.wire = .bytes
    if case .fixed(let size) = entry.kind {
      step.wire = .fixed
      step.size = size
    }
    step.decimal = Int32(decimals.count)
    decimals.append(AvroDecimal(writtenScale: scale ?? 0, fits: WrittenDecimal(plan)))
  }

  /// `key`: the type of an entry's key; nil: the keys of an Avro map, which are strings.
  private mutating func fillMap(
    _ step: inout AvroStep, _ key: Int?, _ value: Int, _ target: ColumnTarget
  ) throws(SchemaProblem) {
    step.wire = .map
    let first = reserve(2)
    step.first = Int32(first)
    step.size = (key.map(sizes.least) ?? 1) + sizes.least(value)
    if let key {
      steps[first] = try self.step(key, target.child(0), defaultValue: nil)
    } else {
      let keys = target.child(0)
      var inner = AvroStep(slot: keys.slot)
      inner.isStored = keys.isStored
      inner.builder = keys.builder.map { Unmanaged.passUnretained($0) }
      inner.kind = keys.plan.kind
      inner.wire = .string
      if keys.plan.kind != .string {
        mismatch(&inner, AvroSchema.Entry(kind: .string), keys)
      }
      steps[first] = inner
    }
    steps[first + 1] = try self.step(value, target.child(1), defaultValue: nil)
  }

  /// Columns that no field is for get their NULL from steps behind those of the fields.
  private mutating func fillRecord(
    _ step: inout AvroStep, _ written: [AvroSchema.Field], _ target: ColumnTarget
  ) throws(SchemaProblem) {
    step.wire = .record
    let columns = target.plan.names.texts
    let matched = columnsTaking(written.map(\.name), of: columns)
    let absent = Set(columns.indices).subtracting(matched.compactMap { $0 }).sorted()
    let first = reserve(written.count + absent.count)
    step.first = Int32(first)
    step.count = Int32(written.count + absent.count)
    for (place, field) in written.enumerated() {
      let inner = matched[place].map { target.child($0) }
      steps[first + place] = try self.step(of: field, inner)
      if let column = matched[place] { steps[first + place].field = name("->\(columns[column])") }
    }
    for (place, column) in absent.enumerated() {
      let inner = target.child(column)
      var nothing = AvroStep(slot: inner.slot)
      nothing.isStored = inner.isStored
      nothing.builder = inner.builder.map { Unmanaged.passUnretained($0) }
      steps[first + written.count + place] = nothing
    }
  }

  /// Several branches are the fields of a struct.
  private mutating func fillUnion(
    _ step: inout AvroStep, _ branches: [Int], _ target: ColumnTarget
  ) throws(SchemaProblem) {
    let others = branches.filter { !schema.isNull($0) }
    guard others.isEmpty || target.plan.names.texts.count > 0 else {
      return mismatch(&step, AvroSchema.Entry(kind: .union(branches)), target)
    }
    step.wire = .union
    let columns = target.plan.names.texts
    let named = others.map {
      AvroSchema.Field(name: schema.branchName($0), aliases: [], type: $0, defaultValue: nil)
    }
    let matched = columnsTaking(named.map(\.name), of: columns)
    let first = reserve(branches.count)
    step.first = Int32(first)
    step.count = Int32(branches.count)
    var other = 0
    for (place, branch) in branches.enumerated() where !schema.isNull(branch) {
      let column = matched[other]
      other += 1
      steps[first + place] = try self.step(of: named[other - 1], column.map { target.child($0) })
      // A branch is told from null by its path.
      steps[first + place].field = name("->\(column.map { columns[$0] } ?? named[other - 1].name)")
    }
  }

  // MARK: - Values of no column

  private mutating func passing(_ type: Int) throws(SchemaProblem) -> AvroStep {
    if let known = passed[type] { return known }
    var step = AvroStep(slot: table.slots)
    guard !sizes.isAlwaysEmpty(type) else { return step }
    passedDepth += 1
    defer { passedDepth -= 1 }
    guard passedDepth <= AvroSchemaReader.depthMax else {
      throw SchemaProblem("the schema nests too deep")
    }
    let inner = nullable(type, &step)
    switch schema[inner].kind {
    case .null: step.wire = .nothing
    case .boolean: step.wire = .boolean
    case .int: step.wire = .int
    case .long: step.wire = .long
    case .float: step.wire = .float
    case .double: step.wire = .double
    case .bytes, .string: step.wire = .bytes
    case .fixed(let size):
      step.wire = .fixed
      step.size = size
    case .enumeration(let words, _):
      step.wire = .enumeration
      step.count = Int32(words.count)
    case .array(let items): try passBlocks(&step, type, .array, [items])
    case .map(let values):
      // A key is a string, of at least one byte.
      try passBlocks(&step, type, .map, [values])
    case .union(let branches):
      try passAll(&step, type, .union, branches)
    case .record(let fields): try passAll(&step, type, .record, fields.map(\.type))
    }
    step.code = code(step)
    passed[type] = step
    return step
  }

  private mutating func passBlocks(
    _ step: inout AvroStep, _ type: Int, _ wire: AvroWire, _ contents: [Int]
  ) throws(SchemaProblem) {
    step.wire = wire
    step.size = sizes.least(contents[0]) + (wire == .map ? 1 : 0)
    let first = reserve(wire == .map ? 2 : 1)
    step.first = Int32(first)
    passed[type] = step
    if wire == .map {
      steps[first].wire = .bytes
      steps[first + 1] = try passing(contents[0])
    } else {
      steps[first] = try passing(contents[0])
    }
  }

  private mutating func passAll(
    _ step: inout AvroStep, _ type: Int, _ wire: AvroWire, _ contents: [Int]
  ) throws(SchemaProblem) {
    step.wire = wire
    let first = reserve(contents.count)
    step.first = Int32(first)
    step.count = Int32(contents.count)
    passed[type] = step
    for (place, content) in contents.enumerated() { steps[first + place] = try passing(content) }
  }

  // MARK: - Plain values

  /// What the loop over a record's fields can do by itself.
  private func code(_ step: AvroStep) -> AvroCode {
    guard step.decimal < 0, step.builder == nil else { return .general }
    guard step.kind != .unknown, step.isStored else { return passedCode(step) }
    switch (step.wire, step.kind) {
    case (.long, .bigint), (.long, .timestamp): return .long
    case (.int, .int), (.int, .date): return .int
    case (.int, .bigint): return .intAsLong
    case (.int, .time): return .time
    case (.float, .double): return .floatAsDouble
    case (.double, .double): return .double
    case (.boolean, .boolean): return .boolean
    case (.string, .string): return .string
    case (.bytes, .base64): return .bytes
    default: return .general
    }
  }

  private func passedCode(_ step: AvroStep) -> AvroCode {
    switch step.wire {
    case .long: return .passedLong
    case .int: return step.kind == .time ? .general : .passedInt
    case .float: return .passed4
    case .double: return .passed8
    case .boolean: return .passedBoolean
    case .string: return .passedString
    case .bytes: return .passedBytes
    case .nothing, .fixed, .enumeration, .array, .map, .union, .record, .mismatch: return .general
    }
  }
}

extension AvroSchema.Entry: CustomStringConvertible {
  /// As reasons name it.
  var description: String {
    switch logical {
    case .decimal: "decimal"
    case .date: "date"
    case .time: "time-millis"
    case .timestamp: "timestamp-millis"
    case nil: name.map { "\(kind.word) \($0)" } ?? kind.word
    }
  }
}
