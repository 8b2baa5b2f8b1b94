// Where the columns of AVRO, PROTOBUF and JSON_SR sources may come from. A registry only gives the text of a
// schema; what KSQL type that text means is found here, by one reader for each format.

public import HeadraceColumns
import HeadraceFunctions

/// A schema as a registry holds it.
public struct RegisteredSchema: Hashable, Sendable {
  public struct Reference: Hashable, Sendable {
    public var name: String
    public var text: String

    public init(name: String, text: String) {
      self.name = name
      self.text = text
    }
  }

  public var text: String
  /// What the text imports or refers to by name.
  public var references: [Reference]

  public init(text: String, references: [Reference] = []) {
    self.text = text
    self.references = references
  }
}

public protocol SchemaRegistry: Sendable {
  /// The latest schema of a topic's keys or values; nil: there is none.
  func schema(topic: String, isKey: Bool) -> RegisteredSchema?
  func schema(id: Int64) -> RegisteredSchema?
}

/// Why a registered schema has no KSQL type; the text follows "Unable to translate the schema: ".
public struct SchemaProblem: Error, Hashable {
  public var message: String

  init(_ message: String) { self.message = message }
}

extension RegisteredSchema {
  /// `fullName`: which message of a PROTOBUF schema; nil: the first. Names keep their case.
  public func type(
    _ format: FormatName, fullName: String? = nil
  ) throws(SchemaProblem) -> DataType {
    switch format {
    case .avro: return try AvroSchemaReader.type(self)
    case .protobuf, .protobufNoSR: return try ProtobufSchemaReader.type(self, fullName: fullName)
    case .jsonSR: return try JSONSchemaReader.type(self)
    case .json, .delimited, .kafka, .none:
      throw SchemaProblem("\(format.rawValue) has no registered schemas")
    }
  }
}

extension DataType {
  /// With every field name in upper case, as unquoted identifiers are.
  var withUpperCaseNames: DataType {
    switch self {
    case .array(let element): return .array(element.withUpperCaseNames)
    case .map(let key, let value):
      return .map(key: key.withUpperCaseNames, value: value.withUpperCaseNames)
    case .structure(let fields):
      return .structure(
        fields.map { StructField($0.name.uppercased(), $0.type.withUpperCaseNames) })
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return self
    }
  }
}

/// Precision of a decimal whose schema does not say it.
let registeredDecimalPrecision = 64

func registeredDecimal(
  precision: Int?, scale: Int?
) throws(SchemaProblem) -> DataType {
  let precision = precision ?? registeredDecimalPrecision
  let scale = scale ?? 0
  guard precision >= 1, scale >= 0, scale <= precision else {
    throw SchemaProblem("DECIMAL(\(precision), \(scale)) is no valid decimal")
  }
  return .decimal(precision: precision, scale: scale)
}

extension JSONNode {
  var text: String? { if case .string(let text) = self { text } else { nil } }
  var integer: Int? {
    switch self {
    case .number(let digits), .string(let digits): return Int(digits)
    case .null, .boolean, .array, .object: return nil
    }
  }
  var elements: [JSONNode]? { if case .array(let nodes) = self { nodes } else { nil } }
}
