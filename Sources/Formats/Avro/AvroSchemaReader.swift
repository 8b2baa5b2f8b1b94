// Avro schemas as KSQL types. A union with null is its other branch; a union of several is a struct
// with one field a branch; an array of map entries is a map, since Avro's own maps have STRING keys
// only.
// Invariant: the type is finite. A schema that contains itself is refused, and so is one that
// unfolds to too many fields, as a few records that name each other twice do.
//
// Source: ksqlDB's AvroSRSchemaDataTranslator over Confluent's AvroData.

import HeadraceColumns
import HeadraceFoundations

struct AvroSchemaReader {
  private static let typesMax = 20_000
  /// Records name others, so a schema may nest deeper than its text.
  static let depthMax = 128

  private let schema: AvroSchema
  /// Records that are being read.
  private var open: Set<Int> = []
  private var typeCount = 0
  private var depth = 0

  static func type(_ registered: RegisteredSchema) throws(SchemaProblem) -> DataType {
    let schema = try AvroSchemaParser.schema(registered)
    var reader = AvroSchemaReader(schema: schema)
    return try reader.type(schema.root)
  }

  private init(schema: AvroSchema) { self.schema = schema }

  private mutating func type(_ index: Int) throws(SchemaProblem) -> DataType {
    typeCount += 1
    guard typeCount <= Self.typesMax else {
      throw SchemaProblem("the schema unfolds to more than \(Self.typesMax) types")
    }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { throw SchemaProblem("the schema nests too deep") }
    let entry = schema[index]
    switch entry.logical {
    case .decimal(let precision, let scale)?:
      return try registeredDecimal(precision: precision, scale: scale)
    case .date?: return .date
    case .time?: return .time
    case .timestamp?: return .timestamp
    case nil: break
    }
    switch entry.kind {
    case .null: throw SchemaProblem("null is no type of a column")
    case .boolean: return .boolean
    case .int: return .int
    case .long: return .bigint
    case .float, .double: return .double
    case .bytes, .fixed: return .bytes
    case .string, .enumeration: return .string
    case .array(let items): return try array(items)
    case .map(let values): return .map(key: .string, value: try type(values))
    case .union(let branches): return try union(branches)
    case .record(let fields): return try record(index, fields)
    }
  }

  private mutating func array(_ items: Int) throws(SchemaProblem) -> DataType {
    guard let (key, value) = schema.mapEntry(items) else { return .array(try type(items)) }
    // Texts of its keys, whatever they are: ksqlDB's maps have STRING keys only.
    _ = try type(key.type)
    return .map(key: .string, value: try type(value.type))
  }

  private mutating func union(_ branches: [Int]) throws(SchemaProblem) -> DataType {
    let branches = branches.filter { !schema.isNull($0) }
    if branches.count == 1 { return try type(branches[0]) }
    var fields: [StructField] = []
    for branch in branches {
      fields.append(StructField(schema.branchName(branch), try type(branch)))
    }
    return .structure(fields)
  }

  private mutating func record(
    _ index: Int, _ fields: [AvroSchema.Field]
  ) throws(SchemaProblem) -> DataType {
    guard open.insert(index).inserted else {
      throw SchemaProblem("the Avro type \(schema[index].name ?? "") contains itself")
    }
    defer { open.remove(index) }
    var result: [StructField] = []
    for field in fields where !isForeignMap(field.type) {
      result.append(StructField(field.name, try type(field.type)))
    }
    return .structure(result)
  }

  /// A map whose keys have no texts; its field is left out, as ksqlDB does.
  private func isForeignMap(_ index: Int) -> Bool {
    var type = index
    if case .union(let branches) = schema[type].kind {
      let others = branches.filter { !schema.isNull($0) }
      guard others.count == 1 else { return false }
      type = others[0]
    }
    guard case .array(let items) = schema[type].kind, let entry = schema.mapEntry(items) else {
      return false
    }
    return !schema.isKeyText(entry.key.type)
  }
}

extension AvroSchema {
  /// Whether values of the type, or of its one branch beside null, can be keys of a MAP.
  func isKeyText(_ index: Int) -> Bool {
    switch types[index].kind {
    case .union(let branches):
      let others = branches.filter { !isNull($0) }
      return others.count == 1 && isKeyText(others[0])
    case .boolean, .int, .long, .string, .enumeration: return types[index].logical == nil
    case .null, .float, .double, .bytes, .fixed, .array, .map, .record: return false
    }
  }
}
