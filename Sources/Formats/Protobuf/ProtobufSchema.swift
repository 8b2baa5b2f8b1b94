// A Protobuf schema with every name of a type resolved, as reading, writing and the columns of a
// schema need it. The entries of maps are messages of their own, as they are on the wire.
//
// Source: the Protobuf language guide (scope of names, presence of fields, maps).

import HeadraceFoundations

/// How a value stands on the wire. Messages that mean a single value are types of their own.
enum ProtobufType: UInt8 {
  case double, float, int32, int64, uint32, uint64, sint32, sint64
  case fixed32, fixed64, sfixed32, sfixed64, boolean, string, bytes
  case enumeration, message
  /// google.protobuf.Timestamp, google.type.Date, google.type.TimeOfDay, confluent.type.Decimal.
  case timestamp, date, timeOfDay, decimal
  /// google.protobuf.Int32Value and its like: a message around one value.
  case wrapper
  /// A type that the column cannot be read from.
  case mismatch

  static let scalars: [TextKey: ProtobufType] = [
    "double": .double, "float": .float, "int32": .int32, "int64": .int64, "uint32": .uint32,
    "uint64": .uint64, "sint32": .sint32, "sint64": .sint64, "fixed32": .fixed32,
    "fixed64": .fixed64, "sfixed32": .sfixed32, "sfixed64": .sfixed64, "bool": .boolean,
    "string": .string, "bytes": .bytes,
  ]

  /// By full name, with the type of the value inside.
  static let wellKnown: [TextKey: (type: ProtobufType, inner: ProtobufType)] = [
    "google.protobuf.Timestamp": (.timestamp, .mismatch), "google.type.Date": (.date, .mismatch),
    "google.type.TimeOfDay": (.timeOfDay, .mismatch),
    "confluent.type.Decimal": (.decimal, .mismatch),
    "google.protobuf.DoubleValue": (.wrapper, .double),
    "google.protobuf.FloatValue": (.wrapper, .float),
    "google.protobuf.Int64Value": (.wrapper, .int64),
    "google.protobuf.UInt64Value": (.wrapper, .uint64),
    "google.protobuf.Int32Value": (.wrapper, .int32),
    "google.protobuf.UInt32Value": (.wrapper, .uint32),
    "google.protobuf.BoolValue": (.wrapper, .boolean),
    "google.protobuf.StringValue": (.wrapper, .string),
    "google.protobuf.BytesValue": (.wrapper, .bytes),
  ]

  var wire: ProtobufWire {
    switch self {
    case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .boolean, .enumeration: .varint
    case .double, .fixed64, .sfixed64: .eight
    case .float, .fixed32, .sfixed32: .four
    case .string, .bytes, .message, .timestamp, .date, .timeOfDay, .decimal, .wrapper, .mismatch:
      .bytes
    }
  }

  /// Its occurrences are merged.
  var isMessage: Bool { wire == .bytes && self != .string && self != .bytes }

  /// Several values may stand behind one length.
  var isPackable: Bool { wire != .bytes }
}

/// What follows a field's number.
enum ProtobufWire: UInt8 {
  case varint = 0
  case eight = 1
  case bytes = 2
  case group = 3
  case groupEnd = 4
  case four = 5
}

struct ProtobufSchema {
  struct Field {
    var name: String
    var number: Int
    var type: ProtobufType
    /// Of a wrapper's value.
    var inner = ProtobufType.mismatch
    /// Of an enum among the enums, of a message among the messages.
    var index = 0
    var isRepeated: Bool
    /// Being absent is NULL; else it is 0, "" or false.
    var hasPresence: Bool
    var isRequired = false
    /// Numbers of a repeated field are written one by one.
    var isUnpacked = false
    /// Index in the message's oneofs.
    var oneof: Int?
    var precision: Int?
    var scale: Int?
    /// As the text names the type, for reasons.
    var typeName: String
    /// The schema does not define its type.
    var isUndefined = false
  }

  struct Message {
    var name: String
    /// In the order of the text.
    var fields: [Field] = []
    var oneofs: [String] = []
    /// It was declared as map<K, V>.
    var isMapEntry = false

    /// Key and value of what is a map by declaration, or by the name and the fields with which
    /// Connect writes maps.
    var entry: (key: Field, value: Field)? {
      guard isMapEntry || name.hasSuffix("Entry"), fields.count == 2,
        let key = fields.first(where: { $0.name == "key" }),
        let value = fields.first(where: { $0.name == "value" })
      else { return nil }
      return (key, value)
    }
  }

  private(set) var messages: [Message] = []
  private(set) var enums: [ProtobufEnum] = []
  /// Of the schema's own text: by the path of their places, as records name them.
  private var paths: [[Int]: Int] = [:]
  private var names: [TextKey: Int] = [:]
  private var enumNames: [TextKey: Int] = [:]

  init(_ schema: RegisteredSchema) throws(SchemaProblem) {
    var files: [(file: ProtobufSchemaParser, first: Int)] = []
    for text in schema.references.map(\.text) + [schema.text] {
      let file = try ProtobufSchemaParser(text)
      files.append((file, messages.count))
      for message in file.messages {
        names[message.name] = messages.count
        messages.append(Message(name: message.name, oneofs: message.oneofs))
      }
      for entry in file.enums {
        enumNames[entry.name] = enums.count
        enums.append(entry)
      }
    }
    if let own = files.last { place(own.file, own.first) }
    for (file, first) in files {
      for (place, message) in file.messages.enumerated() {
        for field in message.fields {
          messages[first + place].fields.append(link(field, in: message, file))
        }
      }
    }
  }

  private mutating func place(_ file: ProtobufSchemaParser, _ first: Int) {
    var places: [[Int]] = []
    var counts: [Int: Int] = [:]
    for (index, message) in file.messages.enumerated() {
      let outer = message.outer.map { places[$0] } ?? []
      let number = counts[message.outer ?? -1, default: 0]
      counts[message.outer ?? -1] = number + 1
      places.append(outer + [number])
      paths[places[index]] = first + index
    }
  }

  private mutating func link(
    _ field: ProtobufMessage.Field, in message: ProtobufMessage, _ file: ProtobufSchemaParser
  ) -> Field {
    guard let key = field.mapKey else { return single(field, in: message, file) }
    // As protoc names it.
    var entry = Message(name: "\(message.name).\(field.name)Entry", isMapEntry: true)
    for (number, (name, type)) in [("key", key), ("value", field.type)].enumerated() {
      var part = ProtobufMessage.Field(name: name, type: type, number: number + 1)
      part.precision = field.precision
      part.scale = field.scale
      var linked = single(part, in: message, file)
      // Parts that are absent are as if they said their type's default.
      linked.hasPresence = linked.type.isMessage
      entry.fields.append(linked)
    }
    messages.append(entry)
    var result = Field(
      name: field.name, number: field.number, type: .message, isRepeated: true,
      hasPresence: false, typeName: "map")
    result.index = messages.count - 1
    return result
  }

  private func single(
    _ field: ProtobufMessage.Field, in message: ProtobufMessage, _ file: ProtobufSchemaParser
  ) -> Field {
    var result = Field(
      name: field.name, number: field.number, type: .mismatch, isRepeated: field.isRepeated,
      hasPresence: false, oneof: field.oneof, precision: field.precision, scale: field.scale,
      typeName: field.type)
    if let scalar = ProtobufType.scalars[field.type] {
      result.type = scalar
    } else {
      result.isUndefined = !resolve(&result, field.type, in: message.name)
    }
    let isNamed = result.type.isMessage || field.oneof != nil || !field.label.isEmpty
    result.hasPresence = !result.isRepeated && (isNamed || !file.hasImplicitDefaults)
    result.isRequired = field.label == "required"
    result.isUnpacked = !(field.isPacked ?? file.hasImplicitDefaults)
    return result
  }

  private func resolve(_ field: inout Field, _ name: String, in message: String) -> Bool {
    for candidate in ProtobufSchemaParser.fullNames(of: name, in: message) {
      if let known = ProtobufType.wellKnown[candidate] {
        field.type = known.type
        field.inner = known.inner
        return true
      }
      if let index = enumNames[candidate] {
        field.type = .enumeration
        field.index = index
        return true
      }
      if let index = names[candidate] {
        field.type = .message
        field.index = index
        return true
      }
    }
    return false
  }

  // MARK: - Messages

  /// `path`: of the places of a message and those around it, outermost first. nil: there is none.
  func message(at path: [Int]) -> Int? { paths[path] }

  /// nil: the first one of the text. The path is empty for a message of another text.
  func message(named name: String?) throws(SchemaProblem) -> (index: Int, path: [Int]) {
    guard let name else {
      guard let first = paths[[0]] else { throw SchemaProblem("the schema has no message") }
      return (first, [0])
    }
    guard let index = names[name] else { throw SchemaProblem("the schema has no message \(name)") }
    return (index, paths.first { $0.value == index }?.key ?? [])
  }

  func undefined(_ field: Field, in message: Message) -> SchemaProblem {
    SchemaProblem("the type \(field.typeName) of \(message.name).\(field.name) is not defined")
  }
}

extension ProtobufSchema.Message {
  /// What columns are matched with: first the oneofs, under the names that Connect gives them, then
  /// the other fields.
  var columnNames: [String] {
    oneofs.enumerated().map { "\($0.element)_\($0.offset)" } + plainFields.map(\.name)
  }

  var plainFields: [ProtobufSchema.Field] { fields.filter { $0.oneof == nil } }
}
