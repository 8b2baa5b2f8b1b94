// What the statements of a log define, planned and not run: a copy has to know which topic each
// position belongs to, and which topics a query has of its own, here and in the target.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

struct CopiedQuery {
  let id: String
  /// Whether append sequences order its input, so that positions name them.
  let isInArrivalOrder: Bool
  /// The topic of each scan, by ordinal; nil: the input is no topic.
  let topics: [String?]
  /// Every input partition that it reads over the target, by scan ordinal; exchanges come behind
  /// the scans.
  let cursors: [(ordinal: Int, partition: Int)]
  /// The topics of all its exchanges, whether the source has them or not.
  let exchanges: [(ordinal: Int, topic: String, partitions: Int)]
  /// Those that the target needs.
  let exchangesNeeded: [TopicCreation]
  let changelogs: [String]
}

/// Not thread-safe; `close` ends the threads of its engines.
final class CopiedDefinitions {
  /// Engines that run nothing; they look at the stores as engines do that will.
  let source: EpochRunner
  let target: EpochRunner
  private(set) var queries: [CopiedQuery] = []
  let statements: [(key: [UInt8], value: [UInt8])]

  /// Throws: statements that cannot be planned.
  init(
    from source: any TopicStore, to target: any TopicStore, _ options: EngineOptions
  ) throws(ServiceError) {
    self.source = EpochRunner(log: source, options: options)
    self.target = EpochRunner(log: target, options: options)
    statements = source.metadata(prefix: Array(MetadataKey.statements.utf8))
    let isPlanned = Result { () throws(ServiceError) in try plan() }
    if case .failure = isPlanned { close() }
    try isPlanned.get()
  }

  func close() {
    source.pool.close()
    target.pool.close()
  }

  private func plan() throws(ServiceError) {
    try serving { () throws(EngineError) in _ = try source.replay(statements, from: 0) }
    source.follow(starts: false)
    for query in source.queries {
      do {
        queries.append(try copied(query))
      } catch {
        throw ServiceError(EngineError.io("query \(query.id) cannot be planned: \(error.message)"))
      }
    }
  }

  private func copied(_ query: RunningQuery) throws(QueryFailure) -> CopiedQuery {
    let functions = source.catalog.functions
    let through = try query.probe(
      functions,
      exchangeTopic: { [id = query.id] in InternalTopics.exchange(ofQuery: id, stage: $0) })
    let there = try query.probe(
      functions, exchangeTopic: target.exchangeTopic(ofQuery: query.id))
    let scans = query.physical.scans
    return CopiedQuery(
      id: query.id,
      isInArrivalOrder: source.mergeOrder(query.properties) == .arrival,
      topics: scans.map { $0.source.hasTopic ? $0.source.topic : nil },
      cursors: there.positions.map { ($0.ordinal, $0.partition) },
      exchanges: through.exchangeTopics.map {
        (scans.count + $0.stage, $0.topic, $0.partitions)
      },
      exchangesNeeded: there.exchangeTopics.map {
        TopicCreation(exchange: $0.topic, $0.partitions)
      },
      changelogs: through.stores.map { query.changelogTopic($0.name) })
  }

  /// Plans the statements again over the target, when it has the topics, so that what it would
  /// refuse is known before anything is copied.
  func checkTarget() throws(ServiceError) {
    try serving { () throws(EngineError) in _ = try target.replay(statements, from: 0) }
  }

  func query(_ id: String) -> CopiedQuery? { queries.first { $0.id == id } }

  /// Names of topics that another program follows from its own position in them.
  var followed: Set<TextKey> {
    Set(
      texts: source.catalog.sources.values.filter { !$0.followers.isEmpty }.map(\.topic))
  }

  /// Throws: log-copy-exchange: rows that have left a stage and not reached the next one. The
  /// target would begin with empty exchanges, as its form may be another one.
  func checkExchanges() throws(ServiceError) {
    for query in queries {
      guard source.exchangeTopic(ofQuery: query.id) != nil else { continue }
      let positions = source.committedPositions(query.id)
      for exchange in query.exchanges where source.log.outline(exchange.topic) != nil {
        for partition in 0..<exchange.partitions {
          let next = positions["\(exchange.ordinal):\(partition)"]?.offset ?? 0
          let rest = try servingLog { () throws(StorageError) in
            var scan = try PartitionScan(
              source.log, exchange.topic, partition, from: next,
              to: try source.log.writtenEnd(exchange.topic, partition))
            return try scan.next(bytesMax: 1)
          }
          guard rest == nil else {
            throw .logCopyExchange(query.id, topic: exchange.topic, partition: partition)
          }
        }
      }
    }
  }
}
