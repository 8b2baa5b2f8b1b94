// The types that a Protobuf schema may name: those of its file and of the files that it imports.

import HeadraceFoundations

struct ProtobufScope {
  struct Message {
    var message: ProtobufMessage
    /// Of its file.
    var package: String
    var isImported: Bool

    var localName: Substring {
      package.isEmpty ? message.name[...] : message.name.dropFirst(package.count + 1)
    }
  }

  /// Values of a group are read as each other.
  enum Group { case number, signed, text, fixed32, fixed64, float, double }

  enum Meaning {
    case scalar(Group)
    case message(Message)
    /// A type of a file that is not at hand, as those of Google.
    case unknown(String)
  }

  private static let scalars: [TextKey: Group] = [
    "int32": .number, "int64": .number, "uint32": .number, "uint64": .number, "bool": .number,
    "sint32": .signed, "sint64": .signed, "string": .text, "bytes": .text,
    "fixed32": .fixed32, "sfixed32": .fixed32, "fixed64": .fixed64, "sfixed64": .fixed64,
    "float": .float, "double": .double,
  ]

  let file: ProtobufSchemaParser
  /// Order: the files', with what stands inside a message behind it.
  private var messages: [Message] = []
  private var places: [TextKey: Int] = [:]
  private var enums: Set<TextKey> = []

  init(_ schema: RegisteredSchema) throws(SchemaProblem) {
    file = try ProtobufSchemaParser(schema.text)
    add(file, isImported: false)
    for reference in schema.references {
      add(try ProtobufSchemaParser(reference.text), isImported: true)
    }
  }

  private mutating func add(_ file: ProtobufSchemaParser, isImported: Bool) {
    for message in file.messages where places[TextKey(message.name)] == nil {
      places[TextKey(message.name)] = messages.count
      messages.append(Message(message: message, package: file.package, isImported: isImported))
    }
    for entry in file.enums { enums.insert(TextKey(entry.name)) }
  }

  func message(named name: String) -> ProtobufMessage? {
    places[TextKey(name)].map { messages[$0].message }
  }

  /// A message and all inside it.
  func parts(of message: Message) -> [ProtobufMessage] {
    let name = message.message.name
    return messages.map(\.message).filter { $0.name == name || $0.name.hasPrefix(name + ".") }
  }

  /// Of a type's name as a message writes it.
  func meaning(of name: String, in message: String) -> Meaning {
    if let group = Self.scalars[TextKey(name)] { return .scalar(group) }
    let candidates = ProtobufSchemaParser.fullNames(of: name, in: message)
    for candidate in candidates {
      if enums.contains(TextKey(candidate)) { return .scalar(.number) }
      if let place = places[TextKey(candidate)] { return .message(messages[place]) }
    }
    return .unknown(candidates[candidates.count - 1])
  }
}

extension ProtobufScope.Meaning {
  var isNumber: Bool {
    if case .scalar(let group) = self { group != .text } else { false }
  }

  /// Packages do not count, as a file that is imported may have moved to another one.
  func isEncoded(like other: Self) -> Bool {
    switch (self, other) {
    case (.scalar(let group), .scalar(let otherGroup)): group == otherGroup
    case (.message(let message), .message(let otherMessage)):
      message.localName == otherMessage.localName
    case (.unknown(let name), .unknown(let otherName)): name == otherName
    case (.unknown(let name), .message(let message)), (.message(let message), .unknown(let name)):
      message.message.name == name
    case (.scalar, .message), (.scalar, .unknown), (.message, .scalar), (.unknown, .scalar): false
    }
  }
}
