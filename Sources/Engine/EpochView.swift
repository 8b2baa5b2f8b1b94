// What the queries of one epoch read: the log up to the ends that were committed when the epoch
// began, and behind them what earlier queries of the same epoch have written and not yet committed.
// So all queries of an epoch see the same records, and a chain of queries advances in one epoch.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

/// Filled between queries, read by their tasks and by those that read ahead.
final class EpochView: Sendable {
  private struct State {
    var ends: [TextKey: [Int64]] = [:]
    var writtenEnds: [TextKey: [Int64]] = [:]
    var written: [TextKey: [Int: [RawRecords]]] = [:]
    /// Partitions with records behind their ends that are not committed yet, or lie behind such:
    /// more may come.
    var open: [TextKey: Set<Int>] = [:]
  }

  private let log: any TopicStore
  private let state = Monitor(State())

  init(log: any TopicStore) { self.log = log }

  /// Of a moment that is fixed already.
  init(log: any TopicStore, ends: [TextKey: [Int64]]) {
    self.log = log
    state.withLock { $0.ends = ends }
  }

  /// Shows another moment. Not while it is read.
  func fix(_ ends: [TextKey: [Int64]]) { state.withLock { $0 = State(ends: ends) } }

  /// Fixes the ends of the topics for the epoch that begins.
  func begin(_ topics: Set<TextKey>) {
    let all = log.committedEnds(of: topics)
    let ends = all.mapValues(\.ends)
    var open: [TextKey: Set<Int>] = [:]
    if !log.capabilities.contains(.reservedOffsets) {
      open = all.mapValues { ends in
        Set(ends.ends.indices.filter { ends.written[$0] > ends.ends[$0] })
      }
    }
    state.withLock { [open] in
      $0 = State(ends: ends, writtenEnds: all.mapValues(\.written), open: open)
    }
  }

  /// By partition, as of the epoch's begin; nil: the topic was not there.
  func writtenEnds(_ topic: String) -> [Int64]? {
    state.withLock { $0.writtenEnds[TextKey(topic)] }
  }

  /// Whether all that is written to the topics is committed or given up.
  var isSettled: Bool { state.withLock { $0.open.values.allSatisfy(\.isEmpty) } }

  /// Whether some query of the epoch reads the topic.
  func isRead(_ topic: String) -> Bool { state.withLock { $0.ends[TextKey(topic)] != nil } }

  /// Makes a query's output visible to the queries after it, where the transaction has reserved its
  /// offsets; elsewhere they read it when it is committed.
  func write(
    _ topic: String, _ partition: Int, _ records: RawRecords, _ transaction: any EpochTransaction
  ) {
    let key = TextKey(topic)
    guard isRead(topic), let reserved = transaction.reservedEnd(topic, partition) else { return }
    state.withLock { state in
      guard let ends = state.ends[key], partition < ends.count else { return }
      let first = state.written[key]?[partition] == nil ? reserved : ends[partition]
      var records = records
      records.offsets = (0..<Int64(records.count)).map { first + $0 }
      // In arrival order uncommitted records come after all that is committed.
      records.sequences = Array(repeating: tentativeSequence, count: records.count)
      state.ends[key]?[partition] = first + Int64(records.count)
      state.written[key, default: [:]][partition, default: []].append(records)
    }
  }

  func read(
    _ topic: String, _ partition: Int, from offset: Int64, maxBytes: Int
  ) throws(StorageError) -> TopicRead {
    let key = TextKey(topic)
    let (known, chunks, isOpen) = state.withLock { state in
      (
        state.ends[key].flatMap { partition < $0.count ? $0[partition] : nil },
        state.written[key]?[partition] ?? [],
        state.open[key]?.contains(partition) ?? false
      )
    }
    guard let end = known, offset < end else { return isOpen ? .nothingYet : .end }
    let committedEnd = chunks.first?.offsets.first ?? end
    if offset >= committedEnd {
      for chunk in chunks {
        guard let first = chunk.offsets.first else { continue }
        let next = first + Int64(chunk.count)
        if offset >= first, offset < next { return .records(chunk.from(offset), next: next) }
      }
      return .end
    }
    // What is gone is passed over, up to what the epoch itself has written.
    return try log.readKept(
      topic, partition, from: offset, before: committedEnd, bytesMax: maxBytes)
      ?? .records(RawRecords.none, next: committedEnd)
  }
}

/// A partition of a topic as one epoch shows it.
final class TopicReader: RecordReader {
  private let view: EpochView
  private let topic: String
  private let partition: Int

  init(view: EpochView, topic: String, partition: Int) {
    self.view = view
    self.topic = topic
    self.partition = partition
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    try view.read(topic, partition, from: offset, maxBytes: maxBytes)
  }
}
