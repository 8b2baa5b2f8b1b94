// The WITH clause: known names, typed values, and the formats that they describe.

import HeadraceColumns
import HeadraceFormats
package import HeadraceFoundations
import HeadraceSyntax

/// A checked WITH clause. Values are read on demand, each error located at its property.
package struct WithProperties {
  let properties: Properties?
  let span: Span
  /// See `BindingContext`.
  let isReplay: Bool
  /// Some property belongs to formats.
  private let setsFormats: Bool

  /// Settings of the topic that the statement makes: Kafka's names, upper case and with
  /// underscores.
  package static let topicNames = [
    "CLEANUP_POLICY", "RETENTION_MS", "RETENTION_BYTES", "SEGMENT_BYTES", "SEGMENT_MS",
    "MIN_CLEANABLE_DIRTY_RATIO", "MIN_COMPACTION_LAG_MS", "DELETE_RETENTION_MS",
    "COMPRESSION_TYPE",
  ]
  private static let formatNames = Set(
    texts: RecordFormats.properties.flatMap { $0.keyNames + $0.valueNames })
  private static let ownNames: Set<TextKey> = Set(
    texts: [
      "KAFKA_TOPIC", "PARTITIONS", "REPLICAS", "FORMAT",
      "KEY_FORMAT", "VALUE_FORMAT", "WRAP_SINGLE_VALUE",
      "TIMESTAMP", "TIMESTAMP_FORMAT", "WINDOW_TYPE", "WINDOW_SIZE", "SOURCED_BY_CONNECTOR",
      "VISIBILITY",
    ] + topicNames
  ).union(formatNames)

  /// Of sources, with those of their connectors.
  static func sourceNames(_ connectors: [ConnectorTraits]) -> Set<TextKey> {
    ownNames.union(
      Set(texts: connectors.flatMap { kind in [kind.name] + kind.options.map(\.name) }))
  }

  static func sinkNames(_ connectors: [ConnectorTraits]) -> Set<TextKey> {
    sourceNames(connectors.filter(\.isFollower))
      .subtracting(["WINDOW_TYPE", "WINDOW_SIZE", "SOURCED_BY_CONNECTOR"]).union(["REBUILD"])
  }

  static let insertNames: Set<TextKey> = ["QUERY_ID"]

  init(
    _ properties: Properties?, allowed: Set<TextKey>, span: Span, isReplay: Bool
  ) throws(PlanError) {
    self.properties = properties
    self.span = properties?.span ?? span
    self.isReplay = isReplay
    setsFormats = properties?.items.contains { Self.formatNames.contains($0.key) } ?? false
    if !isReplay { try properties?.checkDistinct() }
    try properties?.checkKnown(among: allowed)
    guard !isReplay else { return }
    // Scripts of ksqlDB have them, and nothing depends on them here.
    _ = try integer("REPLICAS")
    _ = try string("SOURCED_BY_CONNECTOR")
  }

  private func literal(_ key: String) throws(PlanError) -> (Literal.Value, Span)? {
    guard let property = properties?[key] else { return nil }
    guard case .literal(let literal) = property.value else {
      throw .propertyNotLiteral(key, at: property.span)
    }
    return (literal.value, literal.span)
  }

  func span(of key: String) -> Span { properties?[key]?.span ?? span }

  func string(_ key: String) throws(PlanError) -> String? {
    guard let (value, _) = try literal(key) else { return nil }
    guard case .string(let text) = value else {
      throw .propertyNotString(key, at: span(of: key))
    }
    return text
  }

  func integer(_ key: String) throws(PlanError) -> Int64? {
    guard let (value, _) = try literal(key) else { return nil }
    switch value {
    case .integer(let number): return number
    case .string(let text):
      if let number = Int64(text) { return number }
      throw .propertyNotNumber(key, text: text, at: span(of: key))
    case .null, .boolean, .decimal, .floating: throw .propertyNotWhole(key, at: span(of: key))
    }
  }

  func boolean(_ key: String) throws(PlanError) -> Bool? {
    guard let (value, _) = try literal(key) else { return nil }
    switch value {
    case .boolean(let flag): return flag
    case .string(let text) where text.lowercased() == "true": return true
    case .string(let text) where text.lowercased() == "false": return false
    case .null, .integer, .decimal, .floating, .string:
      throw .propertyNotBoolean(key, at: span(of: key))
    }
  }

  /// Partitions of the source's topic: those of the one that there is, else as many as PARTITIONS
  /// says; nil where neither says anything.
  /// Throws: partition-mismatch, where they say different things.
  func partitions(of topic: String, existing: Int?) throws(PlanError) -> Int? {
    let asked = try integer("PARTITIONS")
    if let asked, asked > PlanLimits.partitionsMax {
      throw .tooManyPartitions(at: span(of: "PARTITIONS"))
    }
    if let asked, asked < 1 {
      throw .tooFewPartitions(at: span(of: "PARTITIONS"))
    }
    if let asked, let existing, Int(asked) != existing {
      throw .partitionMismatch(
        topic: topic, expected: asked, existing: existing, at: span(of: "PARTITIONS"))
    }
    return existing ?? asked.map(Int.init)
  }

  private func format(_ key: String) throws(PlanError) -> RecordFormat? {
    guard let text = try string(key) else { return nil }
    guard let format = RecordFormats.named(text) else {
      throw .unknownFormat(text.uppercased(), at: span(of: key))
    }
    return format
  }

  /// The formats that the clause names, with their settings; nil where it names none.
  func formats() throws(PlanError) -> (key: FormatSpec?, value: FormatSpec?) {
    let both = try format("FORMAT")
    for key in ["KEY_FORMAT", "VALUE_FORMAT"] where both != nil && properties?[key] != nil {
      throw .conflictingFormats(key, at: span(of: key))
    }
    var key = both.map { FormatSpec($0) }
    var value = key
    if both == nil {
      key = try format("KEY_FORMAT").map { FormatSpec($0) }
      value = try format("VALUE_FORMAT").map { FormatSpec($0) }
    }
    for property in RecordFormats.properties {
      try set(property, .key, of: &key)
      try set(property, .value, of: &value)
    }
    return (key, value)
  }

  /// What the clause says of a side whose format it does not name. Once settings that the format
  /// does not take were ignored.
  /// Throws: invalid-property.
  func complete(_ spec: inout FormatSpec, _ side: RecordSide) throws(PlanError) {
    var completed: FormatSpec? = spec
    for property in isReplay ? spec.format.properties : RecordFormats.properties {
      try set(property, side, of: &completed)
    }
    if let completed { spec = completed }
  }

  /// Throws: invalid-property, for text that is no value of the property, and for a format that
  /// does not take it.
  private func set(
    _ property: FormatProperty, _ side: RecordSide, of spec: inout FormatSpec?
  ) throws(PlanError) {
    guard setsFormats, let (name, setting) = try setting(property, side), let format = spec?.format
    else {
      return
    }
    if format.properties.contains(where: { $0.name == property.name }) {
      spec?[property] = setting
    } else if let refusal = property.refusal(format, name) {
      throw .refusedProperty(refusal, at: span(of: name))
    }
  }

  private func setting(
    _ property: FormatProperty, _ side: RecordSide
  ) throws(PlanError) -> (name: String, FormatSetting)? {
    guard let name = property.names(side).first(where: { properties?[$0] != nil }) else {
      return nil
    }
    do throws(PlanError) {
      switch property.kind {
      case .integer: return try integer(name).map { (name, .integer($0)) }
      case .text(let read):
        guard let text = try string(name) else { return nil }
        do throws(FormatPropertyFault) {
          return (name, try read(text))
        } catch {
          throw .invalidProperty(name, error.message, at: span(of: name))
        }
      }
    } catch {
      // Once the text was not looked at.
      if isReplay { return nil }
      throw error
    }
  }

  func timestamp() throws(PlanError) -> TimestampSpec? {
    let format = try string("TIMESTAMP_FORMAT")
    guard let column = try string("TIMESTAMP") else {
      if format != nil {
        throw .timestampFormatAlone(at: span(of: "TIMESTAMP_FORMAT"))
      }
      return nil
    }
    // The name follows the rules of identifiers: upper case unless in backticks.
    let name =
      column.count >= 2 && column.first == "`" && column.last == "`"
      ? String(column.dropFirst().dropLast()) : column.uppercased()
    return TimestampSpec(column: name, format: format)
  }

  func window() throws(PlanError) -> WindowInfo? {
    let size = try string("WINDOW_SIZE")
    guard let text = try string("WINDOW_TYPE") else {
      if size != nil {
        throw .windowSizeWithoutWindow(at: span(of: "WINDOW_SIZE"))
      }
      return nil
    }
    guard let kind = WindowInfo.Kind(rawValue: text.uppercased()) else {
      throw .unknownWindowType(text, at: span(of: "WINDOW_TYPE"))
    }
    if kind == .session {
      if size != nil {
        throw .windowSizeOfSession(at: span(of: "WINDOW_SIZE"))
      }
      return WindowInfo(kind: kind, sizeMs: nil)
    }
    guard let size else {
      throw .missingWindowSize(kind.rawValue, at: span(of: "WINDOW_TYPE"))
    }
    return WindowInfo(kind: kind, sizeMs: try durationText(size))
  }

  private func durationText(_ text: String) throws(PlanError) -> Int64 {
    let parts = text.split(separator: " ")
    guard parts.count == 2, let count = Int64(parts[0]) else {
      throw .windowSizeParts(text, at: span(of: "WINDOW_SIZE"))
    }
    guard let unit = IntervalUnit.named(String(parts[1]))?.milliseconds else {
      throw .windowSizeUnit(text, unit: parts[1].uppercased(), at: span(of: "WINDOW_SIZE"))
    }
    guard let result = Rowtime.duration(count, unitMs: unit), result > 0 else {
      throw .windowSizeRange(text, at: span(of: "WINDOW_SIZE"))
    }
    return result
  }
}

extension Properties {
  /// Throws: unknown-property, duplicate-property.
  package func check(among allowed: Set<TextKey>) throws(PlanError) {
    try checkDistinct()
    try checkKnown(among: allowed)
  }

  func checkKnown(among allowed: Set<TextKey>) throws(PlanError) {
    for property in items where !allowed.contains(property.key) {
      throw .unknownProperty(property.key, candidates: allowed.sortedTexts, at: property.span)
    }
  }

  /// Throws: duplicate-property. Which of two values counts is not for us to say.
  package func checkDistinct() throws(PlanError) {
    var seen: Set<TextKey> = []
    for property in items where !seen.insert(property.key).inserted {
      throw .duplicateProperty(property.key, at: property.span)
    }
  }
}
