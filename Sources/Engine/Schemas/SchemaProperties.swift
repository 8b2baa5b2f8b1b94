// WITH of CREATE SCHEMA and CHECK SCHEMA.

import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceSyntax

struct SchemaProperties {
  /// Of the text of a schema.
  static let bytesMax = 1 << 20
  private let properties: Properties?

  init(_ properties: Properties?) { self.properties = properties }

  /// Throws: unknown-property, duplicate-property.
  func check() throws(PlanError) {
    try properties?.check(among: ["SCHEMA_TYPE", "SCHEMA_ID", "REFERENCES"])
  }

  private func text(_ name: String) throws(PlanError) -> (text: String, span: Span)? {
    guard let property = properties?[name] else { return nil }
    guard case .literal(let literal) = property.value, case .string(let text) = literal.value else {
      throw .schemaProperty(name, "a text", at: property.span)
    }
    return (text, property.span)
  }

  /// nil: nobody says.
  func language() throws(PlanError) -> String? {
    guard let (text, span) = try text("SCHEMA_TYPE") else { return nil }
    let names = RecordFormats.schemaLanguages.map(\.name)
    guard let name = names.first(where: { $0 == text.uppercased() }) else {
      throw .schemaProperty("SCHEMA_TYPE", names.joined(separator: ", "), at: span)
    }
    return name
  }

  func id() throws(PlanError) -> Int64? {
    guard let property = properties?["SCHEMA_ID"] else { return nil }
    guard case .literal(let literal) = property.value, case .integer(let id) = literal.value,
      (1...Int64(Int32.max)).contains(id)
    else { throw .schemaProperty("SCHEMA_ID", "a number from 1 on", at: property.span) }
    return id
  }

  /// `name = subject:version, ...`: under which name the text refers to which schema.
  func references() throws(PlanError) -> [SchemaContent.Reference] {
    guard let (text, span) = try text("REFERENCES") else { return [] }
    var result: [SchemaContent.Reference] = []
    for part in text.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1).map(\.trimmed)
      guard sides.count == 2, let colon = sides[1].lastIndex(of: ":"),
        let version = Int(sides[1][sides[1].index(after: colon)...].trimmed), !sides[0].isEmpty
      else {
        throw .schemaProperty("REFERENCES", "name = subject:version, ...", at: span)
      }
      result.append(
        .init(name: sides[0], subject: String(sides[1][..<colon].trimmed), version: version))
    }
    return result
  }
}

extension Substring {
  fileprivate var trimmed: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}

extension String {
  fileprivate var trimmed: String { self[...].trimmed }
}
