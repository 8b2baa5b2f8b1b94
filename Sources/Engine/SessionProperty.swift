// The properties that SET knows: those that change what happens here, each with the values that it takes, and those of
// ksqlDB and Kafka's clients that scripts set and that have nothing to do here. Any other name is a mistake.

import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

enum SessionProperty {
  private enum Values {
    case flag
    case words([String])
    case format
    case number(ClosedRange<Int64>)
    case troubles
    case text
  }

  /// What changes something.
  private static let effective: [TextKey: Values] = [
    "auto.offset.reset": .words(["earliest", "latest"]),
    "headrace.default.partitions": .number(1...Int64(PlanLimits.partitionsMax)),
    TextKey(FailureSetting.property): .troubles,
    "headrace.force.partitions": .number(1...Int64(PlanLimits.partitionsMax)),
    "headrace.sink": .words(["topic", "discard"]),
    "ksql.create.or.replace.enabled": .flag,
    "ksql.functions.collect_list.limit": .number(-1...Int64(Int32.max)),
    "ksql.functions.collect_set.limit": .number(-1...Int64(Int32.max)),
    "ksql.output.topic.name.prefix": .text,
    "ksql.persistence.default.format.key": .format,
    "ksql.persistence.default.format.value": .format,
    "ksql.persistence.wrap.single.values": .flag,
    "ksql.query.pull.range.scan.enabled": .flag,
    "ksql.query.pull.table.scan.enabled": .flag,
    "ksql.timestamp.throw.on.invalid": .flag,
    "merge.order": .words(["rowtime", "arrival"]),
  ]

  /// What ksqlDB knows and has no meaning here.
  private static let known: Set<TextKey> = [
    "acks", "application.id", "application.server", "batch.size", "bootstrap.servers",
    "buffer.memory", "buffered.records.per.partition", "cache.max.bytes.buffering", "client.id",
    "commit.interval.ms", "compression.type", "default.deserialization.exception.handler",
    "default.production.exception.handler", "default.timestamp.extractor", "fetch.max.bytes",
    "fetch.max.wait.ms", "fetch.min.bytes", "group.id", "heartbeat.interval.ms",
    "isolation.level", "ksql.any.key.name.enabled", "ksql.assert.topic.default.timeout.ms",
    "ksql.assert.schema.default.timeout.ms", "ksql.cast.strings.preserve.nulls",
    "ksql.create.or.replace.rebuild", "ksql.error.classifier.regex", "ksql.fetch.remote.hosts.max",
    "ksql.headers.columns.enabled", "ksql.heartbeat.enable", "ksql.hidden.topics",
    "ksql.insert.into.values.enabled", "ksql.json_sr.converter.deserializer.enabled",
    "ksql.lambdas.enabled", "ksql.legacy.json.double.as.string", "ksql.nested.error.set.null",
    "ksql.new.query.planner.enabled", "ksql.persistent.prefix",
    "ksql.properties.overrides.denylist",
    "ksql.pull.queries.enable", "ksql.query.cleanup.shutdown.timeout.ms",
    "ksql.query.error.max.queue.size", "ksql.query.persistent.active.limit",
    "ksql.query.persistent.max.bytes.buffering.total", "ksql.query.pull.consistency.token.enabled",
    "ksql.query.pull.enable.standby.reads", "ksql.query.pull.interpreter.enabled",
    "ksql.query.pull.limit.clause.enabled", "ksql.query.pull.max.allowed.offset.lag",
    "ksql.query.pull.max.concurrent.requests", "ksql.query.pull.max.qps",
    "ksql.query.pull.metrics.enabled", "ksql.query.pull.stream.enabled",
    "ksql.query.pull.thread.pool.size", "ksql.query.push.v2.alos.enabled",
    "ksql.query.push.v2.continuation.tokens.enabled",
    "ksql.query.push.v2.enabled", "ksql.query.push.v2.interpreter.enabled",
    "ksql.query.push.v2.registry.installed", "ksql.query.retry.backoff.initial.ms",
    "ksql.query.retry.backoff.max.ms", "ksql.query.status.running.threshold.seconds",
    "ksql.query.transient.max.bytes.buffering.total", "ksql.readonly.topics",
    "ksql.rowpartition.rowoffset.enabled", "ksql.runtime.feature.shared.enabled",
    "ksql.server.error.messages", "ksql.service.id", "ksql.shared.runtimes.count",
    "ksql.sink.partitions", "ksql.sink.replicas", "ksql.source.table.materialization.enabled",
    "ksql.suppress.buffer.size.bytes", "ksql.suppress.enabled",
    "ksql.timestamp.skip.invalid", "ksql.transient.prefix",
    "ksql.transient.query.cleanup.service.enable",
    "ksql.udf.collect.metrics", "ksql.udf.enable.security.manager", "ksql.udfs.enabled",
    "ksql.variable.substitution.enable", "ksql.websocket.connection.max.timeout.ms", "linger.ms",
    "max.block.ms", "max.in.flight.requests.per.connection", "max.partition.fetch.bytes",
    "max.poll.interval.ms", "max.poll.records", "max.request.size", "max.task.idle.ms",
    "max.warmup.replicas", "metadata.max.age.ms", "num.standby.replicas", "num.stream.threads",
    "poll.ms", "processing.guarantee", "producer.transaction.timeout.ms", "receive.buffer.bytes",
    "reconnect.backoff.ms", "replication.factor", "request.timeout.ms", "retries",
    "retry.backoff.ms", "security.protocol", "send.buffer.bytes", "session.timeout.ms",
    "state.cleanup.delay.ms", "state.dir", "statestore.cache.max.bytes", "task.timeout.ms",
    "topology.optimization", "transaction.timeout.ms", "use.exact.numeric.comparison",
    "window.size.ms",
  ]

  /// Families of names, whose members are those of others.
  private static let families = [
    "admin.", "consumer.", "global.consumer.", "ksql.connect.", "ksql.functions.",
    "ksql.internal.", "ksql.logging.", "ksql.metrics.", "ksql.schema.registry.", "ksql.security.",
    "ksql.streams.", "main.consumer.", "producer.", "restore.consumer.", "sasl.", "ssl.", "topic.",
  ]

  /// The name by which a property counts: Kafka's clients have it with the client in front.
  static func canonical(_ name: String) -> String {
    let clients = [
      "ksql.streams.consumer.", "ksql.streams.main.consumer.", "ksql.streams.", "consumer.",
    ]
    for client in clients where name.hasPrefix(client) {
      let own = String(name.dropFirst(client.count))
      return effective[own] == nil ? name : own
    }
    return name
  }

  /// The value as it is kept. Throws: unknown-setting, invalid-setting.
  static func checked(_ name: StringLiteral, _ value: StringLiteral) throws(PlanError) -> String {
    guard let values = effective[canonical(name.value)] else {
      try check(name)
      return value.value
    }
    let wanted: String
    switch values {
    case .text: return value.value
    case .flag:
      let lower = value.value.lowercased()
      if lower == "true" || lower == "false" { return lower }
      wanted = "true or false"
    case .words(let words):
      if let word = words.first(where: { $0 == value.value.lowercased() }) { return word }
      let hint = closestMatch(to: value.value, among: words).map { didYouMean($0) }
      throw invalid(name, value, words.joined(separator: " or "), hint)
    case .format:
      if let format = RecordFormats.named(value.value) { return format.name }
      let names = RecordFormats.all.map(\.name)
      let hint = closestMatch(to: value.value, among: names).map { didYouMean($0) }
      throw invalid(name, value, "a format", hint)
    case .troubles:
      if FailureSetting.parse(value.value) != nil { return value.value }
      wanted = "none or some of \(FailureSetting.names.joined(separator: ", "))"
    case .number(let range):
      if let number = Int64(value.value), range.contains(number) { return "\(number)" }
      wanted = "a number between \(range.lowerBound) and \(range.upperBound)"
    }
    throw invalid(name, value, wanted, nil)
  }

  /// Throws: unknown-setting.
  static func check(_ name: StringLiteral) throws(PlanError) {
    if effective[canonical(name.value)] != nil || known.contains(name.value) { return }
    let candidates = effective.sortedNames + known.sortedTexts
    let closest = closestMatch(to: name.value, among: candidates)
    // A member of a family that is mistyped for one that means something.
    let isMistyped = closest.map { effective[$0] != nil } ?? false
    if !isMistyped, families.contains(where: { name.value.hasPrefix($0) }) { return }
    throw .unknownSetting(name.value, closest: closest, at: name.span)
  }

  private static func invalid(
    _ name: StringLiteral, _ value: StringLiteral, _ wanted: String, _ hint: String?
  ) -> PlanError {
    .invalidSetting(name.value, value: value.value, wanted: wanted, hint: hint, at: value.span)
  }
}

extension Session {
  func set(_ node: SetProperty) throws(StatementFailure) -> String {
    let value = try planning { () throws(PlanError) in
      try SessionProperty.checked(node.name, node.value)
    }
    set(SessionProperty.canonical(node.name.value), value)
    return value
  }

  func unset(_ node: UnsetProperty) throws(StatementFailure) {
    let name = SessionProperty.canonical(node.name.value)
    if properties[name] == nil {
      try planning { () throws(PlanError) in try SessionProperty.check(node.name) }
    }
    set(name, nil)
  }
}
