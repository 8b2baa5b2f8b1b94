// Behind an exchange, rows of several processes come in the order in which they were committed, so that what a query
// writes may differ from run to run and still be right. What was delivered is in the exchange's topic: here the query
// runs over its sources and that topic again, alone, and must write the same records.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSimulation
import HeadraceTopics

@testable import Headrace

/// Runs a query over what is in its topics.
struct DeliveryReplay {
  let engine: Engine

  /// Records by partition; each its key, time and value.
  typealias Records = [[String]]

  /// What the sink of a query and its exchanges hold, and what they would hold had it run alone. nil: the query has no
  /// exchange.
  func differences(_ query: RunningQuery) throws -> [String]? {
    var options = engine.epochs.queryOptions(query)
    options.owned = nil
    let runtime = try QueryRuntime(
      plan: query.physical, end: .sink(query.plan.sink, outputs: query.plan.outputs),
      functions: engine.options.functions, options: options, positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        PatientReader(engine.log, scan.source.topic, partition)
      })
    let exchanges = runtime.exchangeTopics
    guard !exchanges.isEmpty else { return nil }
    var made: [String: Records] = [:]
    for exchange in exchanges {
      made[exchange.topic] = Array(repeating: [], count: exchange.partitions)
    }
    made[query.plan.sink.topic] = Array(repeating: [], count: query.plan.sink.partitions)
    while true {
      let result = try runtime.runSlice(engine.epochs.pool, clockMs: engine.options.clock())
      for output in result.outputs {
        made[engine.epochs.topic(of: output, query)]?[output.partition] += Self.lines(
          output.records ?? .none)
      }
      if result.rowCount == 0, !result.isWaiting, !result.goesOn { break }
    }
    var found: [String] = []
    for (topic, partitions) in made.sorted(by: { $0.key < $1.key }) {
      let isExchange = topic != query.plan.sink.topic
      // What an aggregation has summed up before its exchange depends on where slices end.
      if isExchange, query.physical.root.aggregatesInParts { continue }
      // Which of two topics came first depends on their writers, and so does what a join of them has found.
      if !isExchange, query.physical.root.joinsDeliveries { continue }
      if isExchange, query.physical.root.dealsWhatWasJoined { continue }
      for (partition, lines) in partitions.enumerated() {
        var present = try self.lines(topic, partition)
        var replayed = lines
        // Which task wrote first depends on chance; what each wrote of a key does not.
        (present, replayed) = (Self.byKey(present), Self.byKey(replayed))
        // A stream's rows that were together by other columns than their key come from several tasks.
        if isExchange || query.physical.root.dealsStreamsAnew {
          (present, replayed) = (present.sorted(), replayed.sorted())
        }
        guard present != replayed else { continue }
        found.append("\(topic)/\(partition): \(present) instead of \(replayed)")
      }
    }
    return found
  }

  /// The lines of each key together, in their order.
  private static func byKey(_ lines: [String]) -> [String] {
    lines.enumerated().sorted { a, b in
      let (x, y) = (a.element.prefix { $0 != " " }, b.element.prefix { $0 != " " })
      return x != y ? x < y : a.offset < b.offset
    }.map(\.element)
  }

  private func lines(_ topic: String, _ partition: Int) throws -> [String] {
    var scan = try PartitionScan(engine.log, topic, partition)
    var lines: [String] = []
    while let records = try scan.next() { lines += Self.lines(records) }
    return lines
  }

  static func lines(_ records: RawRecords) -> [String] {
    (0..<records.count).map { row in
      func text(_ bytes: UnsafeRawBufferPointer?) -> String {
        bytes.map { $0.map { String($0, radix: 16) }.joined() } ?? "-"
      }
      return "\(text(records.key(row))) @\(records.timestamps[row]) \(text(records.value(row)))"
    }
  }
}

/// A partition to its end, however often nothing has come yet.
final class PatientReader: RecordReader {
  private let store: any TopicStore
  private let topic: String
  private let partition: Int

  init(_ store: any TopicStore, _ topic: String, _ partition: Int) {
    self.store = store
    self.topic = topic
    self.partition = partition
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    while true {
      let moment = store.moment
      let read = try store.read(topic, partition, from: offset, bytesMax: maxBytes)
      guard case .nothingYet = read else { return read }
      store.wait(after: moment, milliseconds: 1)
    }
  }
}

extension LogicalPlan {
  /// Rows that came through an exchange meet those of another input.
  fileprivate var joinsDeliveries: Bool {
    if inputs.count > 1, inputs.contains(where: { $0.hasExchange }) { return true }
    return inputs.contains { $0.joinsDeliveries }
  }

  /// What such a join has found goes through an exchange of its own.
  fileprivate var dealsWhatWasJoined: Bool {
    if case .exchange(let border) = self, border.input.joinsDeliveries { return true }
    return inputs.contains { $0.dealsWhatWasJoined }
  }

  private var hasExchange: Bool {
    if case .exchange = self { return true }
    return inputs.contains { $0.hasExchange }
  }

  fileprivate var dealsStreamsAnew: Bool {
    if case .row(let step) = self, !step.node.isTable, step.node.keepsState { return true }
    return inputs.contains { $0.dealsStreamsAnew }
  }

  fileprivate var aggregatesInParts: Bool {
    if case .aggregate(let node) = self, node.phase == .parts { return true }
    return inputs.contains { $0.aggregatesInParts }
  }
}
