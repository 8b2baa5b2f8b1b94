// Protobuf schemas of cases, read from their text: an implementation of its own beside the engine's, since it is what the
// engine is held against.

struct ProtobufSchemaText {
  struct Field {
    var name = ""
    var type = ""
    var number = 0
    var isRepeated = false
    var hasLabel = false
    var mapKey: String?
    var oneof: String?
  }

  struct Message {
    var name: String
    var fields: [Field] = []
    var oneofs: [String] = []
  }

  private(set) var messages: [Message] = []
  private(set) var enums: [String: [(name: String, number: Int)]] = [:]
  private var words: [String] = []
  private var next = 0

  init(_ texts: [String]) {
    for text in texts {
      words = Self.words(text)
      next = 0
      var package = ""
      while next < words.count {
        switch take() {
        case "package":
          package = take() + "."
          skip()
        case "message": readMessage(package)
        case "enum": enumeration(package)
        default: skip()
        }
      }
    }
  }

  private static func words(_ text: String) -> [String] {
    var result: [String] = []
    var word = ""
    var inText = false
    var rest = Substring(text)
    while let character = rest.popFirst() {
      if inText {
        inText = character != "\""
        if inText { word.append(character) } else { result.append("\"" + word) }
        if !inText { word = "" }
      } else if character == "/", rest.first == "/" {
        rest = rest.drop { !$0.isNewline }
      } else if character.isLetter || character.isNumber || "_.-".contains(character) {
        word.append(character)
      } else {
        if !word.isEmpty { result.append(word) }
        word = ""
        inText = character == "\""
        if !inText, !character.isWhitespace { result.append(String(character)) }
      }
    }
    return result
  }

  private mutating func take() -> String {
    defer { next += 1 }
    return next < words.count ? words[next] : ""
  }

  private mutating func skip() {
    var depth = 0
    while next < words.count {
      let word = take()
      if word == "{" { depth += 1 }
      if word == "}" { depth -= 1 }
      if word == ";", depth <= 0 { return }
    }
  }

  private mutating func enumeration(_ scope: String) {
    let name = scope + take()
    _ = take()
    var values: [(name: String, number: Int)] = []
    while next < words.count, case let word = take(), word != "}" {
      _ = take()
      values.append((word, Int(take()) ?? 0))
      skip()
    }
    enums[name] = values
  }

  private mutating func readMessage(_ scope: String) {
    let name = scope + take()
    let place = messages.count
    messages.append(Message(name: name))
    _ = take()
    var oneof: String?
    while next < words.count {
      let word = take()
      switch word {
      case "}":
        if oneof == nil { return }
        oneof = nil
      case "message": readMessage(name + ".")
      case "enum": enumeration(name + ".")
      case "oneof":
        let group = take()
        messages[place].oneofs.append(group)
        oneof = group
        _ = take()
      case "option", "reserved": skip()
      case ";": continue
      default:
        var field = Field()
        field.oneof = oneof
        field.isRepeated = word == "repeated"
        field.hasLabel = word == "optional" || word == "required"
        field.type = field.isRepeated || field.hasLabel ? take() : word
        if field.type == "map" {
          _ = take()
          field.mapKey = take()
          _ = take()
          field.type = take()
          _ = take()
          field.isRepeated = true
        }
        field.name = take()
        _ = take()
        field.number = Int(take()) ?? 0
        messages[place].fields.append(field)
        skip()
      }
    }
  }

  /// Of a name inside a message, looked up outwards.
  func resolve(_ name: String, in message: String) -> String {
    var scope = message.split(separator: ".").map(String.init)
    while true {
      let full = (scope + [name]).joined(separator: ".")
      if enums[full] != nil || messages.contains(where: { $0.name == full }) { return full }
      if scope.isEmpty { return name }
      scope.removeLast()
    }
  }

  func message(_ name: String) -> Message? { messages.first { $0.name == name } }
}
