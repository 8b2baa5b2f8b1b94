// Protobuf schemas as a registry needs them: which texts are the same, and what they import.

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
