// An Avro schema as a model: what the text says, with names resolved. Columns are inferred from it,
// decoders and encoders are planned by it, and versions of a subject are compared by it.
// Invariant: types refer to each other by their place in `types`, so a recursive schema is a graph
// of finite size; whoever walks one bounds its depth. Every place that is referred to exists.
//
// Source: the Avro specification, and the marks of Confluent's AvroData.

import HeadraceFoundations
import HeadraceFunctions

struct AvroSchema {
  enum Kind {
    case null, boolean, int, long, float, double, bytes, string
    case fixed(size: Int)
    case enumeration(symbols: [String], defaultSymbol: String?)
    case array(Int)
    case map(Int)
    case union([Int])
    case record([Field])
  }

  struct Field {
    var name: String
    var aliases: [String]
    var type: Int
    /// As the schema writes it; of a union it is a value of the first branch.
    var defaultValue: JSONNode?
  }

  /// Logical types that are columns of their own; all others are their base types.
  enum Logical: Equatable {
    case decimal(precision: Int?, scale: Int?)
    case date, time, timestamp
  }

  struct Entry {
    var kind: Kind
    var logical: Logical?
    /// In full, of records, enums and fixeds; nil: the type has none.
    var name: String?
    var aliases: [String] = []
    /// Connect's entry of a map whose keys are not plain strings.
    var isMapEntry = false
  }

  var types: [Entry]
  /// Where in `types` the schema itself is.
  var root: Int

  subscript(type: Int) -> Entry { types[type] }

  var isRootBytes: Bool { if case .bytes = types[root].kind { true } else { false } }

  func isNull(_ type: Int) -> Bool { if case .null = types[type].kind { true } else { false } }

  /// The key and the value of an entry, where items are entries of a map.
  func mapEntry(_ items: Int) -> (key: Field, value: Field)? {
    guard types[items].isMapEntry, case .record(let fields) = types[items].kind,
      fields.count == 2
    else { return nil }
    return (fields[0], fields[1])
  }

  /// What a branch of a union is called among the fields of the struct that the union is.
  func branchName(_ type: Int) -> String {
    if let name = types[type].name { return AvroSchema.shortName(name) }
    return types[type].kind.word
  }

  static func shortName(_ name: String) -> String {
    name.split(separator: ".").last.map(String.init) ?? name
  }
}

extension AvroSchema.Kind {
  /// As schemas write it.
  var word: String {
    switch self {
    case .null: "null"
    case .boolean: "boolean"
    case .int: "int"
    case .long: "long"
    case .float: "float"
    case .double: "double"
    case .bytes: "bytes"
    case .string: "string"
    case .fixed: "fixed"
    case .enumeration: "enum"
    case .array: "array"
    case .map: "map"
    case .union: "union"
    case .record: "record"
    }
  }

  init?(primitive word: String) {
    switch word {
    case "null": self = .null
    case "boolean": self = .boolean
    case "int": self = .int
    case "long": self = .long
    case "float": self = .float
    case "double": self = .double
    case "bytes": self = .bytes
    case "string": self = .string
    default: return nil
    }
  }
}
