// Type names to types: primitive names and synonyms, custom types, nested types.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceSyntax

extension Catalog {
  /// Throws: unknown-type, invalid-type.
  /// Throws: unknown-type; type-too-deep and type-too-large.
  public func type(_ name: TypeName) throws(PlanError) -> DataType {
    let type = try unchecked(name)
    guard type.depth <= PlanLimits.typeDepthMax else {
      throw .typeTooDeep(at: name.span)
    }
    guard type.parts <= PlanLimits.columnsMax else {
      throw .typeTooLarge(at: name.span)
    }
    return type
  }

  private func unchecked(_ name: TypeName) throws(PlanError) -> DataType {
    switch name {
    case .named(let named): return try type(named: named.name)
    case .decimal(let decimal):
      guard decimal.precision >= 1 else {
        throw .decimalPrecision(decimal.precision, scale: decimal.scale, at: decimal.span)
      }
      guard decimal.scale >= 0, decimal.scale <= decimal.precision, decimal.precision <= 64 else {
        throw .decimalScale(decimal.precision, scale: decimal.scale, at: decimal.span)
      }
      return .decimal(precision: Int(decimal.precision), scale: Int(decimal.scale))
    case .array(let array): return .array(try type(array.element))
    case .map(let map): return .map(key: try type(map.key), value: try type(map.value))
    case .structure(let structure):
      var fields: [StructField] = []
      for field in structure.fields {
        guard !fields.contains(where: { $0.name == field.name.name }) else {
          throw .duplicateStructField(field.name.name, at: field.name.span)
        }
        fields.append(StructField(field.name.name, try type(field.type)))
      }
      return .structure(fields)
    }
  }

  func type(named name: Identifier) throws(PlanError) -> DataType {
    switch name.name.uppercased() {
    case "BOOLEAN": return .boolean
    case "INT", "INTEGER": return .int
    case "BIGINT": return .bigint
    case "DOUBLE": return .double
    case "STRING", "VARCHAR": return .string
    case "BYTES": return .bytes
    case "DATE": return .date
    case "TIME": return .time
    case "TIMESTAMP": return .timestamp
    default:
      if let type = types[name.name] { return type }
      let known =
        ["BOOLEAN", "INT", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "BYTES", "DATE", "TIME"]
        + ["TIMESTAMP", "ARRAY", "MAP", "STRUCT"] + types.sortedNames
      throw .unknownType(name.name, candidates: known, at: name.span)
    }
  }
}
