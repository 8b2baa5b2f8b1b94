// JSON values of cases to messages and back, as Connect's converter has them: maps as objects, oneofs as objects of their
// alternatives, times as numbers.

import HeadraceColumns
import HeadraceFunctions

struct ProtobufText {
  private struct Problem: Error { var what: String }

  let schema: ProtobufSchemaText
  let root: ProtobufSchemaText.Message
  /// Before a message: its place in the schema.
  let prefix: [UInt8]

  /// `name`: nil for the first message. `others`: what the text imports.
  init?(_ text: String, name: String? = nil, others: [String] = []) {
    let own = ProtobufSchemaText([text])
    schema = ProtobufSchemaText(others + [text])
    guard let first = own.messages.first, let root = schema.message(name ?? first.name) else {
      return nil
    }
    self.root = root
    let outer = own.messages.filter { message in
      !own.messages.contains { message.name.hasPrefix($0.name + ".") }
    }
    let place = outer.firstIndex { $0.name == root.name } ?? 0
    prefix = place == 0 ? [0] : [2, UInt8(2 * place)]
  }

  /// The messages of the text by their places, outermost ones only.
  static func names(_ text: String) -> [String] {
    let own = ProtobufSchemaText([text])
    return own.messages.map(\.name).filter { name in
      !own.messages.contains { name.hasPrefix($0.name + ".") }
    }
  }

  // MARK: - Writing

  func encode(_ value: JSONText) -> [UInt8]? {
    var bytes: [UInt8] = []
    do { try write(value, root, &bytes) } catch { return nil }
    return bytes
  }

  private func varint(_ value: UInt64, _ bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private func member(_ value: JSONText, _ name: String) -> JSONText? {
    value[name] ?? value.fields.first { $0.key.uppercased() == name.uppercased() }?.value
  }

  private func write(
    _ value: JSONText, _ message: ProtobufSchemaText.Message, _ bytes: inout [UInt8]
  ) throws {
    for field in message.fields {
      var holder = value
      if let oneof = field.oneof, let place = message.oneofs.firstIndex(of: oneof) {
        holder = member(value, "\(oneof)_\(place)") ?? .null
      }
      guard let found = member(holder, field.name), !found.isNull else { continue }
      guard field.isRepeated else {
        try item(found, field, message, &bytes)
        continue
      }
      var items = found.array
      if case .object(let entries) = found {
        items = entries.map {
          .object([
            .init(key: "key", value: .string($0.key)), .init(key: "value", value: $0.value),
          ])
        }
      }
      for one in items { try item(one, field, message, &bytes) }
    }
  }

  private func item(
    _ value: JSONText, _ field: ProtobufSchemaText.Field, _ message: ProtobufSchemaText.Message,
    _ bytes: inout [UInt8]
  ) throws {
    var body: [UInt8] = []
    var wire: UInt64 = 2
    if let key = field.mapKey {
      let entry = Self.entry(message.name, key, field.type)
      try write(value, entry, &body)
    } else {
      wire = try single(value, field.type, message.name, &body)
    }
    varint(UInt64(field.number) << 3 | wire, &bytes)
    if wire == 2 { varint(UInt64(body.count), &bytes) }
    bytes += body
  }

  static func entry(
    _ scope: String, _ key: String, _ value: String
  ) -> ProtobufSchemaText.Message {
    var keyField = ProtobufSchemaText.Field()
    (keyField.name, keyField.type, keyField.number) = ("key", key, 1)
    var valueField = ProtobufSchemaText.Field()
    (valueField.name, valueField.type, valueField.number) = ("value", value, 2)
    return ProtobufSchemaText.Message(name: scope, fields: [keyField, valueField])
  }

  private func integer(_ value: JSONText) throws -> Int64 {
    let text = value.string ?? value.text
    if let number = Int64(text) { return number }
    if let number = UInt64(text) { return Int64(bitPattern: number) }
    guard let number = Double(text) else { throw Problem(what: text) }
    return Int64(number)
  }

  /// The bytes of a value without tag and length; returns its wire type.
  private func single(
    _ value: JSONText, _ type: String, _ scope: String, _ bytes: inout [UInt8]
  ) throws -> UInt64 {
    let text = value.string ?? value.text
    switch type {
    case "int32", "int64", "uint32", "uint64":
      varint(UInt64(bitPattern: try integer(value)), &bytes)
      return 0
    case "sint32", "sint64":
      let number = try integer(value)
      varint(UInt64(bitPattern: number << 1 ^ number >> 63), &bytes)
      return 0
    case "bool":
      varint(text == "true" ? 1 : 0, &bytes)
      return 0
    case "fixed32", "sfixed32":
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: try integer(value)).littleEndian) {
        bytes += $0
      }
      return 5
    case "fixed64", "sfixed64":
      withUnsafeBytes(of: try integer(value).littleEndian) { bytes += $0 }
      return 1
    case "float":
      withUnsafeBytes(of: (Float(text) ?? 0).bitPattern.littleEndian) { bytes += $0 }
      return 5
    case "double":
      withUnsafeBytes(of: (Double(text) ?? 0).bitPattern.littleEndian) { bytes += $0 }
      return 1
    case "string": bytes = Array(text.utf8)
    case "bytes":
      guard let data = value.string.flatMap({ base64($0) }) else { throw Problem(what: text) }
      bytes = data
    default: return try named(value, type, scope, &bytes)
    }
    return 2
  }

  private func named(
    _ value: JSONText, _ type: String, _ scope: String, _ bytes: inout [UInt8]
  ) throws -> UInt64 {
    func field(_ number: UInt64, _ value: Int64) {
      if value == 0 { return }
      varint(number << 3, &bytes)
      varint(UInt64(bitPattern: value), &bytes)
    }
    switch type {
    case "google.protobuf.Timestamp":
      let ms = try integer(value)
      field(1, floorDivide(ms, 1000))
      field(2, (ms - floorDivide(ms, 1000) * 1000) * 1_000_000)
    case "google.type.Date":
      let date = civil(days: try integer(value))
      field(1, date.year)
      field(2, date.month)
      field(3, date.day)
    case "google.type.TimeOfDay":
      let ms = try integer(value)
      field(1, ms / 3_600_000)
      field(2, ms / 60_000 % 60)
      field(3, ms / 1000 % 60)
      field(4, ms % 1000 * 1_000_000)
    case "confluent.type.Decimal":
      guard let number = Decimal(value.string ?? value.text) else { throw Problem(what: type) }
      let data = Decimal(unscaled: number.unscaled, scale: 0).twosComplement
      bytes += [0x0A, UInt8(data.count)] + data
      field(2, Int64(number.description.filter(\.isNumber).drop { $0 == "0" }.count))
      field(3, Int64(number.scale))
    case _ where type.hasPrefix("google.protobuf.") && type.hasSuffix("Value"):
      let inner = Self.inner(type)
      var body: [UInt8] = []
      let wire = try single(value, inner, scope, &body)
      varint(8 | wire, &bytes)
      if wire == 2 { varint(UInt64(body.count), &bytes) }
      bytes += body
    default:
      let name = schema.resolve(type, in: scope)
      if let constants = schema.enums[name] {
        let number = constants.first { $0.name == value.string }?.number ?? 0
        varint(UInt64(bitPattern: Int64(number)), &bytes)
        return 0
      }
      guard let message = schema.message(name) else { throw Problem(what: type) }
      try write(value, message, &bytes)
    }
    return 2
  }

  static func inner(_ wrapper: String) -> String {
    wrapper.dropFirst("google.protobuf.".count).dropLast("Value".count).lowercased()
  }
}
