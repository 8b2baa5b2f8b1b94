// The part of the .proto language that decides types: messages, their fields, enums, oneofs and
// maps. Options, services and extensions are read over, except for the parameters of a decimal.

import HeadraceFoundations

/// One message; names of types are as written, still to be looked up from the message outwards.
struct ProtobufMessage {
  struct Field {
    var name: String
    var type: String
    var number = 0
    /// repeated, optional, required, or nothing, as it is written.
    var label = ""
    var isRepeated: Bool { label == "repeated" }
    /// The type of a map's key; `type` is then that of its value.
    var mapKey: String?
    /// Index of its oneof in `oneofs`.
    var oneof: Int?
    /// As an option says it.
    var isPacked: Bool?
    var precision: Int?
    var scale: Int?
  }

  var name: String
  /// The message that it stands in, among those of the file.
  var outer: Int?
  var fields: [Field] = []
  var oneofs: [String] = []
}

struct ProtobufEnum {
  var name: String
  /// In the order of the text.
  var values: [(name: String, number: Int32)] = []
}

/// Reads one file. Full names start without a dot.
struct ProtobufSchemaParser {
  private(set) var messages: [ProtobufMessage] = []
  private(set) var enums: [ProtobufEnum] = []
  private(set) var package = ""
  /// Fields without label say nothing where they are absent, as in proto3; else they are NULL.
  private(set) var hasImplicitDefaults = false
  /// Paths of the files that it imports.
  private(set) var imports: [String] = []
  private static let depthMax = 64
  private static let numberMax = 1 << 29 - 1
  private let tokens: [String]
  private var position = 0

  init(_ text: String) throws(SchemaProblem) {
    tokens = Self.tokens(text)
    while let word = next {
      position += 1
      switch word {
      case "syntax":
        try take("=")
        hasImplicitDefaults = try take() == "\"proto3"
        skipStatement()
      case "package":
        package = try take()
        skipStatement()
      case "import":
        let name = try take()
        let path = name.hasPrefix("\"") ? name : try take()
        imports.append(String(path.dropFirst()))
        skipStatement()
      case "message": try message(inside: package, of: nil, depth: 0)
      case "enum": try enumeration(inside: package)
      case "service", "extend": skipBlock()
      case ";": continue
      default: skipStatement()
      }
    }
  }

  /// Its words, without comments.
  static func tokens(_ text: String) -> [String] {
    var result: [String] = []
    var rest = text[...]
    while let first = rest.first {
      if first.isWhitespace {
        rest.removeFirst()
      } else if rest.hasPrefix("//") {
        rest = rest.drop { !$0.isNewline }
      } else if rest.hasPrefix("/*") {
        rest.removeFirst(2)
        while !rest.isEmpty, !rest.hasPrefix("*/") { rest.removeFirst() }
        rest = rest.dropFirst(2)
      } else if first == "\"" || first == "'" {
        let body = rest.dropFirst().prefix { $0 != first }
        result.append("\"" + body)
        rest = rest[body.endIndex...].dropFirst()
      } else {
        let word = rest.prefix { $0.isLetter || $0.isNumber || "_.-".contains($0) }
        result.append(word.isEmpty ? String(first) : String(word))
        rest = word.isEmpty ? rest.dropFirst() : rest[word.endIndex...]
      }
    }
    return result
  }

  /// What a type's name may mean inside a message. Order: from the message outwards, so that the
  /// last one is the name alone.
  static func fullNames(of name: String, in message: String) -> [String] {
    if name.hasPrefix(".") { return [String(name.dropFirst())] }
    let scope = message.split(separator: ".")
    return (0...scope.count).reversed().map { depth in
      (scope[..<depth].map(String.init) + [name]).joined(separator: ".")
    }
  }

  private var next: String? { position < tokens.count ? tokens[position] : nil }

  private mutating func take() throws(SchemaProblem) -> String {
    guard let token = next else { throw SchemaProblem("the schema ends too early") }
    position += 1
    return token
  }

  private mutating func take(_ wanted: String) throws(SchemaProblem) {
    let token = try take()
    guard token == wanted else {
      throw SchemaProblem("expected '\(wanted)' before '\(token)'")
    }
  }

  private mutating func skipStatement() {
    var depth = 0
    while let token = next {
      position += 1
      if token == "{" { depth += 1 }
      if token == "}" { depth -= 1 }
      if token == ";", depth <= 0 { return }
    }
  }

  private mutating func skipBlock() {
    var depth = 0
    while let token = next {
      position += 1
      if token == "{" { depth += 1 }
      if token == "}" {
        depth -= 1
        if depth == 0 { return }
      }
    }
  }

  private func inner(_ name: String, _ scope: String) -> String {
    scope.isEmpty ? name : "\(scope).\(name)"
  }

  private mutating func enumeration(inside scope: String) throws(SchemaProblem) {
    var result = ProtobufEnum(name: inner(try take(), scope))
    try take("{")
    while true {
      let word = try take()
      switch word {
      case "}":
        enums.append(result)
        return
      case ";": continue
      case "option", "reserved": skipStatement()
      default:
        try take("=")
        let text = try take()
        guard let number = Self.number(text) else {
          throw SchemaProblem("\(text) is no number of an enum's constant")
        }
        result.values.append((word, number))
        skipStatement()
      }
    }
  }

  private static func number(_ text: String) -> Int32? {
    let digits = text.drop { $0 == "-" }
    guard digits.lowercased().hasPrefix("0x") else { return Int32(text) }
    return Int32((text.hasPrefix("-") ? "-" : "") + digits.dropFirst(2), radix: 16)
  }

  private mutating func message(
    inside scope: String, of outer: Int?, depth: Int
  ) throws(SchemaProblem) {
    guard depth < Self.depthMax else { throw SchemaProblem("messages are nested too deeply") }
    let name = inner(try take(), scope)
    try take("{")
    // An outer message comes before those inside it, so that the first of a file is the default.
    let place = messages.count
    messages.append(ProtobufMessage(name: name, outer: outer))
    while true {
      let word = try take()
      switch word {
      case "}": return
      case ";": continue
      case "message": try message(inside: name, of: place, depth: depth + 1)
      case "enum": try enumeration(inside: name)
      case "option", "reserved", "extensions": skipStatement()
      case "extend": skipBlock()
      case "oneof": try oneof(place)
      default: messages[place].fields.append(try field(word))
      }
    }
  }

  private mutating func oneof(_ place: Int) throws(SchemaProblem) {
    messages[place].oneofs.append(try take())
    try take("{")
    while true {
      let word = try take()
      switch word {
      case "}": return
      case ";": continue
      case "option": skipStatement()
      default:
        var field = try field(word)
        field.oneof = messages[place].oneofs.count - 1
        messages[place].fields.append(field)
      }
    }
  }

  private mutating func field(_ first: String) throws(SchemaProblem) -> ProtobufMessage.Field {
    var field = ProtobufMessage.Field(name: "", type: first)
    if ["repeated", "optional", "required"].contains(first) {
      field.label = first
      field.type = try take()
    }
    if field.type == "map" {
      try take("<")
      field.mapKey = try take()
      try take(",")
      field.type = try take()
      try take(">")
    }
    field.name = try take()
    try take("=")
    let number = try take()
    guard let number = Int(number), number > 0, number <= Self.numberMax else {
      throw SchemaProblem("\(number) is no number of a field")
    }
    field.number = number
    // params: [{key: "precision", value: "4"}], with key and value in any order.
    var (key, value): (String?, String?) = (nil, nil)
    while let token = next, token != ";" {
      position += 1
      let text = tokens[position...].first { $0.hasPrefix("\"") }.map { String($0.dropFirst()) }
      switch token {
      case "packed": field.isPacked = tokens[position...].dropFirst().first == "true"
      case "key": key = text
      case "value": value = text
      case "}":
        if key == "precision" { field.precision = value.flatMap { Int($0) } }
        if key == "scale" { field.scale = value.flatMap { Int($0) } }
        (key, value) = (nil, nil)
      default: break
      }
    }
    try take(";")
    return field
  }
}
