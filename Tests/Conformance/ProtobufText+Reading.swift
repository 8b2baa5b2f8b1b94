// Messages to JSON values.

import HeadraceColumns
import HeadraceFunctions

extension ProtobufText {
  /// What stands on the wire for one field.
  private struct Part {
    var wire: UInt64
    var number: UInt64
    var bytes: [UInt8]
  }

  /// nil: the bytes are no message of the schema.
  func decode(_ bytes: [UInt8]) -> JSONText? { read(bytes, root) }

  private func parts(_ bytes: [UInt8]) -> [Int: [Part]]? {
    var result: [Int: [Part]] = [:]
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let tag = varint(&rest) else { return nil }
      var part = Part(wire: tag & 7, number: 0, bytes: [])
      switch part.wire {
      case 0:
        guard let number = varint(&rest) else { return nil }
        part.number = number
      case 1, 5:
        let count = part.wire == 1 ? 8 : 4
        guard rest.count >= count else { return nil }
        part.number = rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(count)
      case 2:
        guard let count = varint(&rest), count <= UInt64(rest.count) else { return nil }
        part.bytes = Array(rest.prefix(Int(count)))
        rest = rest.dropFirst(Int(count))
      default: return nil
      }
      result[Int(tag >> 3), default: []].append(part)
    }
    return result
  }

  private func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
    var result: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      result |= UInt64(byte & 0x7F) << UInt64(min(shift, 63))
      if byte < 0x80 { return result }
    }
    return nil
  }

  private func read(_ bytes: [UInt8], _ message: ProtobufSchemaText.Message) -> JSONText? {
    guard let parts = parts(bytes) else { return nil }
    var fields: [JSONText.Field] = []
    for (place, oneof) in message.oneofs.enumerated() {
      var inner: [JSONText.Field] = []
      for field in message.fields where field.oneof == oneof {
        let found = parts[field.number]?.last
        inner.append(
          .init(
            key: field.name, value: found.map { single($0, field.type, message.name) } ?? .null))
      }
      let isSet = inner.contains { !$0.value.isNull }
      fields.append(.init(key: "\(oneof)_\(place)", value: isSet ? .object(inner) : .null))
    }
    for field in message.fields where field.oneof == nil {
      fields.append(
        .init(key: field.name, value: value(parts[field.number] ?? [], field, message)))
    }
    return .object(fields)
  }

  private func value(
    _ parts: [Part], _ field: ProtobufSchemaText.Field, _ message: ProtobufSchemaText.Message
  ) -> JSONText {
    let name = schema.resolve(field.type, in: message.name)
    let entry = schema.message(name)
    let isMap =
      field.mapKey != nil
      || name.hasSuffix("Entry")
        && entry.map { $0.fields.map(\.name) == ["key", "value"] } ?? false
    if field.isRepeated, isMap {
      let message = field.mapKey.map { Self.entry(message.name, $0, field.type) } ?? entry
      return .object(
        parts.compactMap { part in
          guard let message, let one = read(part.bytes, message) else { return nil }
          return .init(
            key: one["key"]?.string ?? one["key"]?.text ?? "", value: one["value"] ?? .null)
        })
    }
    if field.isRepeated { return .array(parts.flatMap { items($0, field.type, message.name) }) }
    guard let last = parts.last else {
      return field.hasLabel ? .null : standard(field.type, name)
    }
    return single(last, field.type, message.name)
  }

  private func items(_ part: Part, _ type: String, _ scope: String) -> [JSONText] {
    let width =
      ["double": 8, "fixed64": 8, "sfixed64": 8, "float": 4, "fixed32": 4, "sfixed32": 4][type] ?? 0
    let isNumber = type.contains("int") || type == "bool" || width > 0
    let isEnum = schema.enums[schema.resolve(type, in: scope)] != nil
    guard part.wire == 2, isNumber || isEnum else { return [single(part, type, scope)] }
    var rest = part.bytes[...]
    var result: [JSONText] = []
    while !rest.isEmpty {
      var one = Part(wire: 0, number: 0, bytes: [])
      if width > 0 {
        one.number = rest.prefix(width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(width)
      } else {
        guard let number = varint(&rest) else { return result }
        one.number = number
      }
      result.append(single(one, type, scope))
    }
    return result
  }

  /// Of an absent field without label.
  private func standard(_ type: String, _ name: String) -> JSONText {
    switch type {
    case "bool": return .boolean(false)
    case "string", "bytes": return .string("")
    case "double", "float": return .number("0")
    case _ where type.contains("int") && !type.contains("."): return .number("0")
    case "fixed32", "fixed64", "sfixed32", "sfixed64": return .number("0")
    default: return schema.enums[name]?.first.map { .string($0.name) } ?? .null
    }
  }

  private func single(_ part: Part, _ type: String, _ scope: String) -> JSONText {
    let bits = part.number
    switch type {
    case "bool": return .boolean(bits != 0)
    case "int32", "sfixed32": return .number("\(Int32(truncatingIfNeeded: bits))")
    case "uint32", "fixed32": return .number("\(UInt32(truncatingIfNeeded: bits))")
    case "sint32", "sint64": return .number("\(Int64(bitPattern: bits >> 1) ^ -Int64(bits & 1))")
    case "int64", "uint64", "fixed64", "sfixed64": return .number("\(Int64(bitPattern: bits))")
    case "float": return real(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case "double": return real(Double(bitPattern: bits))
    case "string": return .string(String(decoding: part.bytes, as: UTF8.self))
    case "bytes": return .string(encodeBase64(part.bytes))
    default: return named(part, type, scope)
    }
  }

  /// Whole numbers are compared by value.
  private func real(_ value: Double) -> JSONText {
    .number(Int64(exactly: value).map { "\($0)" } ?? "\(value)")
  }

  private func named(_ part: Part, _ type: String, _ scope: String) -> JSONText {
    let name = schema.resolve(type, in: scope)
    if let constants = schema.enums[name] {
      let number = Int(Int32(truncatingIfNeeded: part.number))
      return .string(constants.first { $0.number == number }?.name ?? "\(number)")
    }
    if let message = schema.message(name), !type.hasPrefix("google."), !type.hasPrefix("confluent.")
    {
      return read(part.bytes, message) ?? .null
    }
    guard let parts = parts(part.bytes) else { return .null }
    func number(_ field: Int) -> Int64 { Int64(bitPattern: parts[field]?.last?.number ?? 0) }
    switch type {
    case "google.protobuf.Timestamp":
      return .number("\(number(1) * 1000 + number(2) / 1_000_000)")
    case "google.type.Date":
      return .number("\(days(year: number(1), month: number(2), day: number(3)))")
    case "google.type.TimeOfDay":
      let seconds = (number(1) * 60 + number(2)) * 60 + number(3)
      return .number("\(seconds * 1000 + number(4) / 1_000_000)")
    case "confluent.type.Decimal":
      let data = parts[1]?.last?.bytes ?? [0]
      return data.withUnsafeBufferPointer {
        .number(Decimal(twosComplement: $0, scale: Int(number(3))).description)
      }
    default:
      let inner = Self.inner(type)
      return parts[1]?.last.map { single($0, inner, scope) } ?? standard(inner, inner)
    }
  }
}
