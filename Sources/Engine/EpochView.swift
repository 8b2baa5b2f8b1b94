// What the queries of one epoch read: the log up to the ends that were committed when the epoch began, and
// behind them what earlier queries of the same epoch have written and not yet committed. So all queries of
// an epoch see the same records, and a chain of queries advances in one epoch.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceLogStorage

/// Filled between queries, read by their tasks and by those that read ahead.
final class EpochView: Sendable {
  private struct State {
    var ends: [TextKey: [Int64]] = [:]
    var written: [TextKey: [Int: [RawRecords]]] = [:]
  }

  private let log: LogStore
  private let state = Monitor(State())

  init(log: LogStore) { self.log = log }

  /// Of a moment that somebody else has fixed.
  init(log: LogStore, ends: [TextKey: [Int64]]) {
    self.log = log
    state.withLock { $0.ends = ends }
  }

  /// Fixes the ends of the topics for the epoch that begins.
  func begin(_ topics: Set<TextKey>) throws(StorageError) {
    var fixed = State()
    for topic in topics where log.topic(topic.text) != nil {
      fixed.ends[topic] = try log.committedEnds(topic.text).ends
    }
    state.withLock { [fixed] in $0 = fixed }
  }

  /// Makes a query's output visible to the queries after it.
  func write(_ topic: String, _ partition: Int, _ records: RawRecords) {
    state.withLock { state in
      guard let base = state.ends[topic]?[partition] else { return }
      var records = records
      records.offsets = (0..<Int64(records.count)).map { base + $0 }
      // In arrival order uncommitted records come after all that is committed.
      records.sequences = Array(repeating: tentativeSequence, count: records.count)
      state.ends[topic]?[partition] = base + Int64(records.count)
      state.written[topic, default: [:]][partition, default: []].append(records)
    }
  }

  func read(
    _ topic: String, _ partition: Int, from offset: Int64, maxBytes: Int
  ) throws(StorageError) -> LogRead {
    let (known, chunks) = state.withLock { state in
      (state.ends[topic]?[partition], state.written[topic]?[partition] ?? [])
    }
    guard let end = known, offset < end else { return Self.nothing(offset) }
    let committedEnd = chunks.first?.offsets.first ?? end
    if offset >= committedEnd {
      for chunk in chunks {
        guard let first = chunk.offsets.first else { continue }
        if offset >= first, offset < first + Int64(chunk.count) {
          let skipped = Int(offset - first)
          return LogRead(
            records: skipped == 0 ? chunk : chunk.suffix(from: skipped),
            nextOffset: first + Int64(chunk.count))
        }
      }
      return Self.nothing(offset)
    }
    guard var read = try kept(topic, partition, offset, committedEnd, maxBytes) else {
      return Self.nothing(committedEnd)
    }
    if read.nextOffset > committedEnd {
      let kept = read.records.offsets.firstIndex { $0 >= committedEnd } ?? read.records.count
      read.records = read.records.prefix(kept)
      read.nextOffset = committedEnd
    }
    return read
  }

  /// Reads from `offset`, or from the first record that retention has kept; nil when that is at `end`.
  private func kept(
    _ topic: String, _ partition: Int, _ offset: Int64, _ end: Int64, _ maxBytes: Int
  ) throws(StorageError) -> LogRead? {
    while true {
      let from = max(offset, try log.earliestOffset(topic, partition))
      guard from < end else { return nil }
      do {
        return try log.read(topic, partition, from: from, maxBytes: maxBytes)
      } catch {
        // Records may have gone between the two calls.
        guard try log.earliestOffset(topic, partition) > from else { throw error }
      }
    }
  }

  private static func nothing(_ offset: Int64) -> LogRead {
    LogRead(records: RawRecords(buffer: ByteBuffer(capacity: 0)), nextOffset: offset)
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

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> LogRead {
    try view.read(topic, partition, from: offset, maxBytes: maxBytes)
  }
}

extension RawRecords {
  func prefix(_ count: Int) -> RawRecords { gather(0..<count) }
  func suffix(from row: Int) -> RawRecords { gather(row..<count) }
}
