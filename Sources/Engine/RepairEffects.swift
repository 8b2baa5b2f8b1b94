// What the losses of a repair mean for sources and queries, in words, before anything is done. The
// statements are planned over topics of the same names without records, in a store that goes away;
// so nothing of the damaged directory is needed but its metadata.

internal import HeadraceExecutor
import HeadraceFoundations
public import HeadraceLogStorage
internal import HeadraceTopics
internal import HeadracePlanner
internal import HeadraceSyntax

public struct RepairEffects {
  /// What each loss of the plan touches, in its order.
  public private(set) var lines: [[String]]
  /// Of the whole.
  public private(set) var notes: [String] = []

  public init(_ plan: RepairPlan) {
    lines = plan.losses.map { _ in [] }
    do {
      let engine = try Self.shadow(plan)
      lines = plan.losses.map { loss in
        loss.isRolledBack
          ? ["what queries made of them goes with them, and is made again of what comes then"]
          : Self.effects(of: loss, engine)
      }
      try engine.close()
    } catch {
      notes.append("which queries are touched cannot be told: \(error)")
    }
  }

  /// An engine with the statements of the directory and none of its records.
  private static func shadow(_ plan: RepairPlan) throws -> Engine {
    var commit = EpochCommit(epoch: 0)
    commit.topicsCreated = plan.topics.map {
      TopicCreation(name: $0.name, partitionCount: $0.partitionCount, config: $0.config)
    }
    commit.metadata = plan.metadata.filter { key, _ in
      let text = String(decoding: key, as: UTF8.self)
      return ["stmt/", "query/", "pos/", "snap/"].contains { text.hasPrefix($0) }
    }.map { EpochCommit.MetadataChange(key: $0.key, value: $0.value) }
    return try Engine.temporary(commit)
  }

  private static func effects(of loss: RepairLoss, _ engine: Engine) -> [String] {
    var result: [String] = []
    for query in engine.queries {
      if loss.topic.hasPrefix(InternalTopics.prefix(ofQuery: query.id)),
        loss.topic.hasSuffix("-changelog")
      {
        result.append(effect(onStateOf: query, loss, engine))
      }
      let positions =
        engine.log.metadata(key: MetadataKey.positions(query.id)).map { PositionCodec.decode($0) }
        ?? [:]
      for (ordinal, scan) in query.physical.scans.enumerated()
      where scan.source.hasTopic && scan.source.topic == loss.topic {
        let reached = positions["\(ordinal):\(loss.partition)"]?.offset ?? 0
        let unread = loss.offsets.upperBound - max(loss.offsets.lowerBound, reached)
        result.append(
          unread > 0
            ? "query \(query.id) goes on without \(min(unread, Int64(loss.offsets.count))) of them"
            : "query \(query.id) has read them; what it made of them stays")
      }
      if query.plan.sink.topic == loss.topic {
        result.append("query \(query.id) wrote them, and does not write them again")
      }
    }
    for source in engine.catalog.sortedSources
    where source.hasTopic && source.topic == loss.topic && source.kind == .table {
      let remedy = source.queryID == nil ? "" : "; WITH (REBUILD = TRUE) makes it anew"
      result.append(
        "table \(source.name): keys whose last record is among them show an older one, or none"
          + remedy)
    }
    return result
  }

  private static func effect(
    onStateOf query: RunningQuery, _ loss: RepairLoss, _ engine: Engine
  ) -> String {
    let key = MetadataKey.snapshot(loss.topic, loss.partition)
    let snapshot = engine.log.metadata(key: key)
      .flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    return loss.offsets.upperBound <= snapshot ?? 0
      ? "the state of query \(query.id) no longer needs them"
      : "query \(query.id) fails, as its state is no longer whole, until WITH (REBUILD = TRUE) makes it anew"
  }
}
