// The schemas of a registry elsewhere as its own topic has them (`_schemas`, one partition,
// compacted): read as a whole when the engine opens, and followed from then on. Nothing is ever
// written there, since only the registry may.

import HeadraceColumns
import HeadraceFoundations
import HeadraceRegistry
import HeadraceTopics

final class FollowedSchemas: Sendable {
  private static let pauseMs = 200

  private struct State {
    var store = SchemaStore()
    var isClosed = false
    var hasEnded = true
  }

  let topic: String
  /// For who decodes and encodes: what is not there yet may come in a moment.
  let schemas = EmbeddedSchemas(hasOthers: true)
  private let log: any TopicStore
  private let state = Monitor(State())

  init(_ log: any TopicStore, _ topic: String) {
    self.log = log
    self.topic = topic
  }

  /// As of what was read last.
  var store: SchemaStore { state.withLock { $0.store } }

  /// Reads all that is there, and goes on with what comes. Throws: `topicUnknown`; what reading
  /// throws.
  func begin() throws(StorageError) {
    guard log.outline(topic) != nil else {
      throw StorageError(
        .topicUnknown, "reading schemas", path: topic, expected: "the topic of a schema registry")
    }
    var scan = try PartitionScan(log, topic, 0)
    while let records = try scan.next() { take(records) }
    let end = scan.end
    state.change { $0.hasEnded = false }
    let isStarted = startThread { [self] in
      follow(from: end)
      state.change { $0.hasEnded = true }
    }
    if !isStarted { state.change { $0.hasEnded = true } }
  }

  private func follow(from start: Int64) {
    var offset = start
    while !state.withLock({ $0.isClosed }) {
      let moment = log.moment
      do throws(StorageError) {
        var scan = try PartitionScan(log, topic, 0, from: offset)
        var isMore = true
        while isMore {
          switch try scan.step() {
          case .records(let records): take(records)
          case .nothingYet, .end: isMore = false
          }
        }
        offset = scan.offset
      } catch {
        // Out of reach, or gone: what was read stays, and the next look may find more.
      }
      log.wait(after: moment, milliseconds: Self.pauseMs)
    }
  }

  private func take(_ records: RawRecords) {
    let store = state.withLock { state in
      for row in 0..<records.count {
        guard let key = records.key(row) else { continue }
        let value = records.value(row).map { Array($0) }
        if let record = SchemaRecord(key: Array(key), value: value) { state.store.apply(record) }
      }
      return state.store
    }
    schemas.update(store)
  }

  /// Before the log is closed.
  func close() {
    state.change { $0.isClosed = true }
    log.nudge()
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}
