// Protobuf schemas as a registry needs them: which texts are the same, what they import, and whether messages that were
// written by one schema can be read by another. What counts is the number of a field and how its value is encoded; names
// do not.
//
// Source of the rules: Confluent's comparison of Protobuf schemas.

import HeadraceFoundations

extension SchemaLanguage {
  static let protobuf = SchemaLanguage(
    name: "PROTOBUF", fileExtension: "proto",
    check: { schema throws(SchemaProblem) in
      let file = try ProtobufSchemaParser(schema.text)
      guard !file.messages.isEmpty else { throw SchemaProblem("the schema has no message") }
      for reference in schema.references { _ = try ProtobufSchemaParser(reference.text) }
    },
    reprinted: { text in
      let tokens = ProtobufSchemaParser.tokens(text)
      // A string is told from a word by the quote that it begins with.
      return tokens.isEmpty ? nil : tokens.joined(separator: " ")
    },
    outside: { text throws(SchemaProblem) in
      try ProtobufSchemaParser(text).imports.filter { path in
        !["google/", "confluent/"].contains { path.hasPrefix($0) }
      }
    },
    compared: { reader, writer in ProtobufComparison.differences(reader, writer) })
}

private struct ProtobufComparison {
  private let reader: ProtobufSchemaParser
  private let writer: ProtobufSchemaParser

  static func differences(
    _ reader: RegisteredSchema, _ writer: RegisteredSchema
  ) -> [SchemaDifference] {
    do throws(SchemaProblem) {
      let comparison = ProtobufComparison(
        reader: try ProtobufSchemaParser(reader.text),
        writer: try ProtobufSchemaParser(writer.text))
      return comparison.files()
    } catch {
      return [SchemaDifference(path: "", error.message)]
    }
  }

  private func files() -> [SchemaDifference] {
    guard reader.package == writer.package else {
      let names = [writer.package, reader.package].map { $0.isEmpty ? "none" : $0 }
      return [SchemaDifference(path: "", "the package was \(names[0]) and is \(names[1])")]
    }
    var result: [SchemaDifference] = []
    for message in writer.messages {
      guard let own = reader.messages.first(where: { $0.name == message.name }) else {
        result.append(SchemaDifference(path: message.name, "the message is gone"))
        continue
      }
      result += messages(own, message)
    }
    return result
  }

  private func messages(
    _ want: ProtobufMessage, _ have: ProtobufMessage
  ) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    func note(_ field: String, _ reason: String) {
      result.append(SchemaDifference(path: "\(want.name).\(field)", reason))
    }
    for field in want.fields {
      guard let other = have.fields.first(where: { $0.number == field.number }) else {
        if field.label == "required" { note(field.name, "the field is required, and was not") }
        continue
      }
      if let reason = self.reason(field, other, in: want, have) { note(field.name, reason) }
    }
    for field in have.fields where !want.fields.contains(where: { $0.number == field.number }) {
      guard let oneof = field.oneof else { continue }
      // A oneof that is gone as a whole leaves nothing that could be misread.
      let others = have.fields.filter { $0.oneof == oneof && $0.number != field.number }
      let isKept = others.contains { other in
        want.fields.contains { $0.number == other.number && $0.oneof != nil }
      }
      if isKept { note(field.name, "it was one of \(have.oneofs[oneof]), and is gone") }
    }
    for (index, name) in want.oneofs.enumerated() {
      let members = want.fields.filter { $0.oneof == index }.compactMap { field in
        have.fields.first { $0.number == field.number }
      }
      let moved = members.filter { $0.oneof == nil }
      let isNew = members.count == moved.count
      if moved.count > (isNew ? 1 : 0) {
        note(moved[0].name, "it has become one of \(name), of which only one is set")
      }
    }
    return result
  }

  /// Values of these are read as each other.
  private static let groups: [Set<TextKey>] = [
    ["int32", "int64", "uint32", "uint64", "bool", "enum"], ["sint32", "sint64"],
    ["string", "bytes"], ["fixed32", "sfixed32"], ["fixed64", "sfixed64"], ["float"], ["double"],
  ]

  private func reason(
    _ want: ProtobufMessage.Field, _ have: ProtobufMessage.Field, in reading: ProtobufMessage,
    _ writing: ProtobufMessage
  ) -> String? {
    guard (want.mapKey == nil) == (have.mapKey == nil) else {
      return want.mapKey == nil ? "it was a map" : "it has become a map"
    }
    let pairs = [(want.mapKey ?? want.type, have.mapKey ?? have.type), (want.type, have.type)]
    for (wanted, given) in pairs {
      let new = Self.kind(wanted, in: reading.name, reader)
      let old = Self.kind(given, in: writing.name, writer)
      let isSame =
        new == old
        || Self.groups.contains { $0.contains(TextKey(new)) && $0.contains(TextKey(old)) }
      if !isSame { return "\(given) cannot be read as \(wanted)" }
    }
    let kind = Self.kind(want.type, in: reading.name, reader)
    let isNumber =
      Self.groups.contains { $0.contains(TextKey(kind)) } && !["string", "bytes"].contains(kind)
    if want.label != have.label, isNumber, !want.label.isEmpty, !have.label.isEmpty {
      return "it was \(have.label) and is \(want.label)"
    }
    return nil
  }

  /// `enum` for enums; messages by their full name.
  private static func kind(
    _ name: String, in message: String, _ file: ProtobufSchemaParser
  ) -> String {
    if groups.contains(where: { $0.contains(TextKey(name)) }) { return name }
    let candidates = ProtobufSchemaParser.fullNames(of: name, in: message)
    for candidate in candidates {
      if file.enums.contains(where: { $0.name == candidate }) { return "enum" }
      if file.messages.contains(where: { $0.name == candidate }) { return candidate }
    }
    return candidates[candidates.count - 1]
  }
}
