// What Scripts/compatibility-differential drew: pairs of schemas. The script compares our verdicts with those of another
// implementation.

import Foundation
import HeadraceFunctions
import Testing

@testable import HeadraceFormats

private let environment = ProcessInfo.processInfo.environment

@Suite struct CompatibilityDifferenceTests {
  @Test(.enabled(if: environment["HEADRACE_PAIRS"] != nil)) func reasonsOfPairs() throws {
    let languages: [String: SchemaLanguage] = ["avro": .avro, "protobuf": .protobuf, "json": .json]
    let text = try String(contentsOfFile: environment["HEADRACE_PAIRS"] ?? "", encoding: .utf8)
    var answers = ""
    for line in text.split(separator: "\n") {
      let node = try #require(JSONNode(String(line)))
      let language = try #require(languages[node["format"]?.text ?? ""])
      let found = try language.differences(
        reader: Self.schema(node["reader"]), writer: Self.schema(node["writer"]))
      let reasons = found.map { JSONNode.string("\($0.path): \($0.reason)") }
      answers += JSONNode.array(reasons).description + "\n"
    }
    let path = try #require(environment["HEADRACE_REASONS"])
    try answers.write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static func schema(_ node: JSONNode?) throws -> RegisteredSchema {
    var schema = RegisteredSchema(text: try #require(node?["text"]?.text))
    if case .object(let fields)? = node?["references"] {
      schema.references = fields.map { .init(name: $0.name, text: $0.value.text ?? "") }
    }
    return schema
  }
}
