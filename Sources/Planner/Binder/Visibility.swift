// Public and private topics. A public topic is for others: its name says whose it is and what is in it, its columns
// are declared, and whoever reads it under another name reads what was declared. A private one belongs to the
// queries of its maker, and listings leave it out unless they are asked for all.

import HeadraceColumns
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
      throw PlanError(
        "invalid-property", "VISIBILITY is PUBLIC or PRIVATE, not '\(text)'", at: span)
    }
    guard visibility == .public else { return visibility }
    guard isDeclared else {
      throw PlanError(
        "public-topic", "the columns of a public topic are declared, not derived from a query",
        at: span, hint: "CREATE it with its columns, then INSERT INTO it what the query gives")
    }
    let name = try string("KAFKA_TOPIC") ?? ""
    guard name.wholeMatch(of: /[a-z][a-z0-9-]*(\.[a-z0-9-]+)+/) != nil else {
      throw PlanError(
        "public-topic", "'\(name)' does not name a public topic", at: self.span(of: "KAFKA_TOPIC"),
        hint: "say whose it is and what it holds, in small letters: 'orders.events'")
    }
    return visibility
  }
}

extension SourceBinder {
  /// Throws: public-schema, for a source that sees in a public topic what was not declared.
  func checkDeclared(_ definition: SourceDefinition, _ with: WithProperties) throws(PlanError) {
    let others = context.catalog.sortedSources.filter { other in
      other.topic == definition.topic && other.file == nil && other.visibility == .public
        && other.name != definition.name
    }
    guard let declared = others.first, definition.file == nil else { return }
    for column in definition.schema.keys + definition.schema.values {
      guard declared.schema[column.name] != column else { continue }
      let declares = declared.schema[column.name].map { known in
        "declares \(column.name) as \(known.type)\(known.isKey ? " KEY" : "")"
      }
      throw PlanError(
        "public-schema",
        "topic '\(definition.topic)' is public, and \"\(declared.name)\" "
          + (declares ?? "has no column \(column.name)"), at: with.span(of: "KAFKA_TOPIC"))
    }
    guard definition.keyFormat == declared.keyFormat, definition.valueFormat == declared.valueFormat
    else {
      throw PlanError(
        "public-schema",
        "topic '\(definition.topic)' is public, and \"\(declared.name)\" declares its formats as "
          + "\(declared.keyFormat.name.rawValue) and \(declared.valueFormat.name.rawValue)",
        at: with.span(of: "VALUE_FORMAT"))
    }
  }
}
