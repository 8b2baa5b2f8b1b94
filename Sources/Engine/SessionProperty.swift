// The properties of a session: one table drives SET and UNSET, SHOW PROPERTIES, what Tab offers and
// Docs/Properties.md. The names that ksqlDB and Kafka's clients have and that mean nothing here
// stand beside it. Any other name is a mistake.

import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

/// A property that changes something.
public struct SessionProperty: Sendable {
  enum Values: Sendable {
    case flag
    case words([String])
    case format
    case number(ClosedRange<Int64>)
    case troubles
    case text
  }

  public let name: String
  /// What holds where nothing was set; empty: nothing does.
  public let standard: String
  public let doc: String
  let values: Values

  private init(_ name: String, _ values: Values, _ standard: String = "", _ doc: String) {
    self.name = name
    self.values = values
    self.standard = standard
    self.doc = doc
  }

  /// What it takes, as SHOW PROPERTIES says it.
  public var allowed: String {
    switch values {
    case .flag, .words, .format: candidates.joined(separator: ", ")
    case .number(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .troubles: "none, or some of \(candidates.joined(separator: ", "))"
    case .text: "any text"
    }
  }

  /// Words that it takes.
  public var candidates: [String] {
    switch values {
    case .flag: ["true", "false"]
    case .words(let words): words
    case .format: RecordFormats.all.map(\.name)
    case .troubles: FailureSetting.names
    case .number, .text: []
    }
  }

  /// In alphabetical order.
  public static let all: [SessionProperty] = [
    SessionProperty(
      "auto.offset.reset", .words(["earliest", "latest"]), "earliest",
      "Where a query begins to read: with the first record, or with what comes after its start."),
    SessionProperty(
      "headrace.default.partitions", .number(1...Int64(PlanLimits.partitionsMax)), "1",
      "Partitions of a new topic where WITH does not say them."),
    SessionProperty(
      FailureSetting.property, .troubles, FailureSetting.standard,
      "What makes the exit status of `headrace run` one of failure: records that could not be read, rows that could not "
        + "be written, expressions that failed, rows that came too late."),
    SessionProperty(
      "headrace.force.partitions", .number(1...Int64(PlanLimits.partitionsMax)), "",
      "Partitions of every new topic, whatever WITH says; for tests that compare order."),
    SessionProperty(
      "headrace.sink", .words(["topic", "discard"]), "topic",
      "Where the rows of persistent queries go; discarded ones are only counted, for measuring."),
    SessionProperty(
      "ksql.create.or.replace.enabled", .flag, "true", "Whether CREATE OR REPLACE may replace."),
    SessionProperty(
      "ksql.functions.collect_list.limit", .number(-1...Int64(Int32.max)), "1000",
      "Values that COLLECT_LIST keeps; those that came first stay. -1: all."),
    SessionProperty(
      "ksql.functions.collect_set.limit", .number(-1...Int64(Int32.max)), "1000",
      "Values that COLLECT_SET keeps; those that came first stay. -1: all."),
    SessionProperty(
      "ksql.new.query.planner.enabled", .flag, "false",
      "Whether a persistent query may leave the key of a stream out, which is then lost."),
    SessionProperty(
      "ksql.output.topic.name.prefix", .text, "",
      "What the names of sinks' topics begin with where WITH does not name the topic."),
    SessionProperty(
      "ksql.persistence.default.format.key", .format, RecordFormats.standardKey.name,
      "The format of keys where WITH does not say it."),
    SessionProperty(
      "ksql.persistence.default.format.value", .format, "",
      "The format of values where WITH does not say it; without one WITH must."),
    SessionProperty(
      "ksql.persistence.wrap.single.values", .flag, "true",
      "Whether a single value column is a record with one field, in formats that know both ways."),
    SessionProperty(
      "ksql.query.pull.range.scan.enabled", .flag, "true",
      "Whether a bound of the key is enough for a pull query where table scans are off."),
    SessionProperty(
      "ksql.query.pull.table.scan.enabled", .flag, "true",
      "Whether pull queries may read a whole table."),
    SessionProperty(
      "ksql.timestamp.throw.on.invalid", .flag, "false",
      "Whether a query fails at a record whose TIMESTAMP cannot be read, which is else left out."),
    SessionProperty(
      "merge.order", .words(["rowtime", "arrival"]), "rowtime",
      "The order in which the records of several partitions and sources are taken."),
  ]

  private static let byName = Dictionary(
    all.map { (TextKey($0.name), $0) }, uniquingKeysWith: { first, _ in first })

  public static func named(_ name: String) -> SessionProperty? { byName[TextKey(name)] }

  /// The name by which a property counts: Kafka's clients have it with the client in front.
  static func canonical(_ name: String) -> String {
    let clients = [
      "ksql.streams.consumer.", "ksql.streams.main.consumer.", "ksql.streams.", "consumer.",
    ]
    for client in clients where name.hasPrefix(client) {
      let own = String(name.dropFirst(client.count))
      return named(own) == nil ? name : own
    }
    return name
  }

  /// The value as it is kept. Throws: unknown-setting, invalid-setting.
  static func checked(_ name: StringLiteral, _ value: StringLiteral) throws(PlanError) -> String {
    if let property = named(canonical(name.value)) { return try property.checked(name, value) }
    try check(name)
    return value.value
  }

  private func checked(
    _ name: StringLiteral, _ value: StringLiteral
  ) throws(PlanError) -> String {
    let text = value.value
    let wanted: String
    var word = text
    switch values {
    case .text: return text
    case .flag, .words:
      if let known = candidates.first(where: { $0 == text.lowercased() }) { return known }
      wanted = candidates.joined(separator: " or ")
    case .format:
      if let format = RecordFormats.named(text) { return format.name }
      wanted = "one of \(allowed)"
    case .troubles:
      if FailureSetting.parse(text) != nil { return text }
      wanted = allowed
      // The first of the list that is none of them.
      word = FailureSetting.words(text).first { !candidates.contains($0) } ?? text
    case .number(let range):
      if let number = Int64(text), range.contains(number) { return "\(number)" }
      wanted = "a number between \(range.lowerBound) and \(range.upperBound)"
    }
    throw .invalidSetting(
      name.value, value: text, wanted: wanted,
      hint: closestMatch(to: word, among: candidates).map { didYouMean($0) }, at: value.span)
  }

  /// Throws: unknown-setting.
  static func check(_ name: StringLiteral) throws(PlanError) {
    if named(canonical(name.value)) != nil || ignored.contains(TextKey(name.value)) { return }
    let candidates = all.map(\.name) + ignored.sortedTexts
    let closest = closestMatch(to: name.value, among: candidates)
    // A member of a family that is mistyped for one that means something.
    let isMistyped = closest.map { named($0) != nil } ?? false
    if !isMistyped, families.contains(where: { name.value.hasPrefix($0) }) { return }
    throw .unknownSetting(name.value, closest: closest, at: name.span)
  }
}

extension Session {
  /// Returns the value as it was taken, and whether it changes nothing.
  func set(_ node: SetProperty) throws(StatementFailure) -> (value: String, isIdle: Bool) {
    let value = try planning { () throws(PlanError) in
      try SessionProperty.checked(node.name, node.value)
    }
    let name = SessionProperty.canonical(node.name.value)
    set(name, value)
    return (value, SessionProperty.named(name) == nil)
  }

  func unset(_ node: UnsetProperty) throws(StatementFailure) {
    let name = SessionProperty.canonical(node.name.value)
    if properties[name] == nil {
      try planning { () throws(PlanError) in try SessionProperty.check(node.name) }
    }
    set(name, nil)
  }

  /// SHOW PROPERTIES: all that change something, and those that were set without effect.
  func showProperties(_ handler: any ResultHandler) {
    let names = Set(texts: SessionProperty.all.map(\.name)).union(properties.keys)
    list(
      ["Property", "Value", "Default", "Allowed", "Origin"],
      names.sortedTexts.map { name in
        let property = SessionProperty.named(name)
        let own = properties[name].map { Secret.shown($0, of: name) }
        let origin =
          own == nil ? "default" : changedProperties.contains(TextKey(name)) ? "SET" : "start"
        return [
          name, own ?? property?.standard ?? "", property?.standard ?? "",
          property?.allowed ?? "anything; without effect", origin,
        ]
      }, handler)
  }
}
