// Public and private topics. A public topic is for others: its name says whose it is and what is in
// it, its columns are declared, and whoever reads it under another name reads what was declared. A
// private one belongs to the queries of its maker, and listings leave it out unless they are asked
// for all.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations

public enum Visibility: String, Hashable, Sendable {
  case `public` = "PUBLIC"
  case `private` = "PRIVATE"
}

extension WithProperties {
  /// nil: the clause does not say. Throws: invalid-property, public-topic.
  func visibility(isDeclared: Bool) throws(PlanError) -> Visibility? {
    guard let text = try string("VISIBILITY") else { return nil }
    let span = span(of: "VISIBILITY")
    guard let visibility = Visibility(rawValue: text.uppercased()) else {
      throw .invalidVisibility(text, at: span)
    }
    guard visibility == .public else { return visibility }
    guard isDeclared else {
      throw .publicQuery(at: span)
    }
    let name = try string("KAFKA_TOPIC") ?? ""
    guard Self.isPublicName(name) else {
      throw .publicTopicName(name, at: self.span(of: "KAFKA_TOPIC"))
    }
    return visibility
  }

  /// Whether it is made of two or more parts behind points, each of small letters, digits and
  /// hyphens, the first one beginning with a letter.
  private static func isPublicName(_ name: String) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts[0].first, isLetter(first) else { return false }
    return parts.allSatisfy { part in
      !part.isEmpty && part.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    }
  }
}

extension SourceBinder {
  /// Throws: public-schema, for a source that sees in a public topic what was not declared.
  func checkDeclared(_ definition: SourceDefinition, _ with: WithProperties) throws(PlanError) {
    let declaring = context.catalog.sources.publicOnes(over: definition.topic)
    guard let declared = declaring.first(where: { $0.name != definition.name }), definition.hasTopic
    else { return }
    for column in definition.schema.keys + definition.schema.values {
      guard declared.schema[column.name] != column else { continue }
      throw .publicColumn(
        column.name, topic: definition.topic, declared: declared.name,
        known: declared.schema[column.name], at: with.span(of: "KAFKA_TOPIC"))
    }
    guard definition.keyFormat == declared.keyFormat, definition.valueFormat == declared.valueFormat
    else {
      throw .publicFormats(
        topic: definition.topic, declared: declared.name, key: declared.keyFormat.format.name,
        value: declared.valueFormat.format.name, at: with.span(of: "VALUE_FORMAT"))
    }
  }
}
