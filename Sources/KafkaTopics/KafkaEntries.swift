// The map of small entries on Kafka: a compacted topic of positions, states and notes, and a topic
// that keeps for ever what must be new, which is the statement log. Every process reads both and
// has the map in memory.
//
// Invariant: an entry shows the value of the record with the highest offset that was seen of it,
// whether it was read or just written by this process. An entry that must be new is never written
// twice: who writes one looks, inside its transaction, at all that lies before it in the topic, so
// that the topic's order decides between two writers. Whoever sees one sees the other entries of
// its transaction too.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class KafkaEntries: Sendable {
  private struct Entry {
    /// nil: removed.
    var value: [UInt8]?
    var offset: Int64
  }

  private struct State {
    var entries: [[UInt8]: Entry] = [:]
    var sequenced: [[UInt8]: [UInt8]] = [:]
    /// Read from the statements, and shown once the positions are read up to `positionsEnd`: their
    /// transactions have entries there.
    var held: [(positionsEnd: Int64, entries: [[UInt8]: [UInt8]])] = []
    /// Up to where the topics were read.
    var positionsEnd: Int64 = 0
    var statementsEnd: Int64 = 0
    var isStopping = false
    var hasEnded = false
    var fault: StorageError?

    /// Shows what no longer has to wait.
    mutating func show() {
      while let first = held.first, first.positionsEnd <= positionsEnd {
        sequenced.merge(first.entries) { known, _ in known }
        held.removeFirst()
      }
    }
  }

  private let names: KafkaNames
  private let cursors: KafkaCursors
  private let signal: KafkaSignal
  private let writtenEnd: @Sendable (String) throws(StorageError) -> Int64
  private let state = Monitor(State())
  /// Of each topic one thread reads at a time.
  private let reading = FairLock()

  /// `writtenEnd`: of the one partition of a topic on the cluster.
  init(
    _ names: KafkaNames, _ cursors: KafkaCursors, _ signal: KafkaSignal,
    writtenEnd: @escaping @Sendable (String) throws(StorageError) -> Int64
  ) {
    (self.names, self.cursors, self.signal) = (names, cursors, signal)
    self.writtenEnd = writtenEnd
  }

  func value(_ key: [UInt8]) -> [UInt8]? {
    state.withLock { $0.sequenced[key] ?? $0.entries[key]?.value }
  }

  func values(_ prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])] {
    state.withLock { state in
      var found = state.entries.compactMap { key, entry in
        key.starts(with: prefix) ? entry.value.map { (key: key, value: $0) } : nil
      }
      found += state.sequenced.filter { $0.key.starts(with: prefix) }.map {
        (key: $0.key, value: $0.value)
      }
      return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
  }

  /// What this process has just committed.
  func note(_ key: [UInt8], _ value: [UInt8]?, at offset: Int64) {
    state.withLock { state in
      if let known = state.entries[key], known.offset >= offset { return }
      state.entries[key] = Entry(value: value, offset: offset)
    }
  }

  /// Whether somebody has written this entry, which must be new, be it shown yet or not.
  func isWritten(_ key: [UInt8]) -> Bool {
    state.withLock { state in
      state.sequenced[key] != nil || state.held.contains { $0.entries[key] != nil }
    }
  }

  func noteSequenced(_ key: [UInt8], _ value: [UInt8]) {
    state.withLock { $0.sequenced[key] = value }
  }

  /// An entry that only this process has, since it may not write any.
  func keep(_ key: [UInt8], _ value: [UInt8]?) {
    state.withLock { $0.entries[key] = Entry(value: value, offset: Int64.max) }
  }

  // MARK: - Following

  /// Reads all that is written now, waiting for the transactions under way in it.
  func catchUp() throws(StorageError) {
    try reading.withLock { () throws(StorageError) in
      // In this order: what is held comes to be shown.
      for topic in [names.statements, names.positions] {
        try advance(topic, to: try writtenEnd(topic))
      }
    }
  }

  /// Reads what is committed before `end` of the statements, which may be in a transaction of this
  /// process from there on.
  func catchUpStatements(to end: Int64) throws(StorageError) {
    try reading.withLock { () throws(StorageError) in
      try advance(names.statements, to: end)
    }
  }

  private func end(_ topic: String) -> Int64 {
    state.withLock { topic == names.positions ? $0.positionsEnd : $0.statementsEnd }
  }

  private static let waitMs: Int32 = 50
  /// A transaction is given up by the cluster long before.
  private static let patience = Duration.seconds(90)

  private func advance(_ topic: String, to end: Int64) throws(StorageError) {
    let deadline = ContinuousClock.now + Self.patience
    while self.end(topic) < end {
      try take(topic, waitMs: Self.waitMs)
      guard ContinuousClock.now < deadline else {
        throw StorageError(
          .unreachable, "waiting for a transaction of another process to end", path: topic,
          expected: "records before offset \(end)", found: "none from \(self.end(topic)) on")
      }
    }
  }

  /// Returns whether anything has come.
  @discardableResult
  private func take(_ topic: String, waitMs: Int32) throws(StorageError) -> Bool {
    let from = end(topic)
    let read = try cursors.read(topic, 0, from: from, waitMs: waitMs)
    guard read.next > from else { return false }
    if topic == names.positions {
      state.change { state in
        for row in 0..<read.records.count {
          guard let key = read.records.key(row).map({ Array($0) }) else { continue }
          let offset = read.records.offsets[row]
          if let known = state.entries[key], known.offset >= offset { continue }
          state.entries[key] = Entry(
            value: read.records.value(row).map { Array($0) }, offset: offset)
        }
        state.positionsEnd = read.next
        state.show()
      }
      return read.records.count > 0
    }
    var entries: [[UInt8]: [UInt8]] = [:]
    for row in 0..<read.records.count {
      guard let key = read.records.key(row), let value = read.records.value(row) else { continue }
      if entries[Array(key)] == nil { entries[Array(key)] = Array(value) }
    }
    let positionsEnd = entries.isEmpty ? 0 : try writtenEnd(names.positions)
    state.change { state in
      if !entries.isEmpty { state.held.append((positionsEnd, entries)) }
      state.statementsEnd = read.next
      state.show()
    }
    return read.records.count > 0
  }

  /// Follows both topics until `stop`; what came raises the store's signal.
  func start() {
    startThread { [self] in
      var count = signal.count
      while !state.withLock({ $0.isStopping }) {
        do throws(StorageError) {
          let hasTaken = try reading.withLock { () throws(StorageError) in
            let statements = try take(names.statements, waitMs: 0)
            return try take(names.positions, waitMs: 0) || statements
          }
          if hasTaken { signal.raise() }
          state.withLock { $0.fault = nil }
        } catch {
          // Read again after a while; who needs what is there asks for it and is told.
          state.withLock { $0.fault = error }
        }
        signal.wait(after: count, milliseconds: 200)
        count = signal.count
      }
      state.change { $0.hasEnded = true }
    }
  }

  func stop() {
    state.change { $0.isStopping = true }
    signal.raise()
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}
