// Names that ksqlDB and Kafka's clients have and that have nothing to do here. SET takes them with
// any value, so that scripts of theirs run.

import HeadraceFoundations

extension SessionProperty {
  static let ignored: Set<TextKey> = [
    "acks", "application.id", "application.server", "batch.size", "bootstrap.servers",
    "buffer.memory", "buffered.records.per.partition", "cache.max.bytes.buffering", "client.id",
    "commit.interval.ms", "compression.type", "default.deserialization.exception.handler",
    "default.production.exception.handler", "default.timestamp.extractor", "fetch.max.bytes",
    "fetch.max.wait.ms", "fetch.min.bytes", "group.id", "heartbeat.interval.ms", "isolation.level",
    "ksql.any.key.name.enabled", "ksql.assert.schema.default.timeout.ms",
    "ksql.assert.topic.default.timeout.ms", "ksql.cast.strings.preserve.nulls",
    "ksql.create.or.replace.rebuild", "ksql.error.classifier.regex", "ksql.fetch.remote.hosts.max",
    "ksql.headers.columns.enabled", "ksql.heartbeat.enable", "ksql.hidden.topics",
    "ksql.insert.into.values.enabled", "ksql.json_sr.converter.deserializer.enabled",
    "ksql.lambdas.enabled", "ksql.legacy.json.double.as.string", "ksql.nested.error.set.null",
    "ksql.persistent.prefix", "ksql.properties.overrides.denylist", "ksql.pull.queries.enable",
    "ksql.query.cleanup.shutdown.timeout.ms", "ksql.query.error.max.queue.size",
    "ksql.query.persistent.active.limit", "ksql.query.persistent.max.bytes.buffering.total",
    "ksql.query.pull.consistency.token.enabled", "ksql.query.pull.enable.standby.reads",
    "ksql.query.pull.interpreter.enabled", "ksql.query.pull.limit.clause.enabled",
    "ksql.query.pull.max.allowed.offset.lag", "ksql.query.pull.max.concurrent.requests",
    "ksql.query.pull.max.qps", "ksql.query.pull.metrics.enabled", "ksql.query.pull.stream.enabled",
    "ksql.query.pull.thread.pool.size", "ksql.query.push.v2.alos.enabled",
    "ksql.query.push.v2.continuation.tokens.enabled", "ksql.query.push.v2.enabled",
    "ksql.query.push.v2.interpreter.enabled", "ksql.query.push.v2.registry.installed",
    "ksql.query.retry.backoff.initial.ms", "ksql.query.retry.backoff.max.ms",
    "ksql.query.status.running.threshold.seconds", "ksql.query.transient.max.bytes.buffering.total",
    "ksql.readonly.topics", "ksql.rowpartition.rowoffset.enabled",
    "ksql.runtime.feature.shared.enabled", "ksql.server.error.messages", "ksql.service.id",
    "ksql.shared.runtimes.count", "ksql.sink.partitions", "ksql.sink.replicas",
    "ksql.source.table.materialization.enabled", "ksql.suppress.buffer.size.bytes",
    "ksql.suppress.enabled", "ksql.timestamp.skip.invalid", "ksql.transient.prefix",
    "ksql.transient.query.cleanup.service.enable", "ksql.udf.collect.metrics",
    "ksql.udf.enable.security.manager", "ksql.udfs.enabled", "ksql.variable.substitution.enable",
    "ksql.websocket.connection.max.timeout.ms", "linger.ms", "max.block.ms",
    "max.in.flight.requests.per.connection", "max.partition.fetch.bytes", "max.poll.interval.ms",
    "max.poll.records", "max.request.size", "max.task.idle.ms", "max.warmup.replicas",
    "metadata.max.age.ms", "num.standby.replicas", "num.stream.threads", "poll.ms",
    "processing.guarantee", "producer.transaction.timeout.ms", "receive.buffer.bytes",
    "reconnect.backoff.ms", "replication.factor", "request.timeout.ms", "retries",
    "retry.backoff.ms", "security.protocol", "send.buffer.bytes", "session.timeout.ms",
    "state.cleanup.delay.ms", "state.dir", "statestore.cache.max.bytes", "task.timeout.ms",
    "topology.optimization", "transaction.timeout.ms", "use.exact.numeric.comparison",
    "window.size.ms",
  ]

  /// Families of names, whose members others define.
  static let families = [
    "admin.", "consumer.", "global.consumer.", "ksql.connect.", "ksql.functions.",
    "ksql.internal.", "ksql.logging.", "ksql.metrics.", "ksql.schema.registry.", "ksql.security.",
    "ksql.streams.", "main.consumer.", "producer.", "restore.consumer.", "sasl.", "ssl.", "topic.",
  ]
}
