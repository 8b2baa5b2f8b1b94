// A store before another one that fails when a test says so, aborts, or gives something else to read.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class FaultyStore: TopicStore {
  struct Trouble: Sendable {
    /// So many changes happen; the next one fails, and so do all after it. nil: none fails.
    var changesLeft: Int?
    /// The one that fails has happened all the same.
    var losesAnswer = false
    /// Of so many commits of epochs one is aborted; 0: none.
    var abortsEvery = 0
    /// Offsets that a repair has left out everywhere.
    var lost: Range<Int64>?
    /// Changes the records that a read gives.
    var alters: (@Sendable (_ topic: String, RawRecords) -> RawRecords)?
  }

  private struct State {
    var trouble: Trouble
    var changes = 0
    var commits = 0
  }

  let inner: any TopicStore
  private let state: Monitor<State>

  init(_ inner: any TopicStore, _ trouble: Trouble = Trouble()) {
    self.inner = inner
    state = Monitor(State(trouble: trouble))
  }

  /// Changes that were asked for.
  var changes: Int { state.withLock { $0.changes } }

  /// Does a change, or not.
  private func change<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    let (left, losesAnswer) = state.withLock { state in
      state.changes += 1
      return (
        state.trouble.changesLeft.map { $0 - state.changes + 1 } ?? 1, state.trouble.losesAnswer
      )
    }
    let failure = StorageError(.io, "a failure for trial")
    if left < 0 || left == 0 && !losesAnswer { throw failure }
    let result = try body()
    if left == 0 { throw failure }
    return result
  }

  fileprivate func write(
    _ epoch: EpochCommit, _ transaction: any EpochTransaction
  ) throws(StorageError) -> CommitResult {
    let isAborted = state.withLock { state in
      state.commits += 1
      let every = state.trouble.abortsEvery
      return every > 0 && state.commits % every == 0
    }
    if isAborted { throw StorageError(.aborted, "an abort for trial") }
    return try change { () throws(StorageError) in try transaction.commit(epoch) }
  }

  func begin(writing topics: Set<TextKey>) throws(StorageError) -> any EpochTransaction {
    FaultyTransaction(self, try inner.begin(writing: topics))
  }

  @discardableResult
  func commit(_ append: TopicAppend) throws(StorageError) -> CommitResult {
    try change { () throws(StorageError) in try inner.commit(append) }
  }

  func createTopic(_ creation: TopicCreation) throws(StorageError) {
    try change { () throws(StorageError) in try inner.createTopic(creation) }
  }

  func alterTopic(_ name: String, _ change: (inout TopicConfig) -> Void) throws(StorageError) {
    try self.change { () throws(StorageError) in try inner.alterTopic(name, change) }
  }

  func growTopic(_ name: String, partitions: Int) throws(StorageError) {
    try self.change { () throws(StorageError) in
      try inner.growTopic(name, partitions: partitions)
    }
  }

  func read(
    _ topic: String, _ partition: Int, from offset: Int64, bytesMax: Int
  ) throws(StorageError) -> TopicRead {
    let read = try inner.read(topic, partition, from: offset, bytesMax: bytesMax)
    guard case .records(let records, let next) = read,
      let alters = state.withLock({ $0.trouble.alters })
    else { return read }
    return .records(alters(topic, records), next: next)
  }

  // MARK: - As they are

  var capabilities: StoreCapabilities { inner.capabilities }
  var durability: Durability { inner.durability }
  func topics() throws(StorageError) -> [TopicDescription] { try inner.topics() }
  func topic(_ name: String) throws(StorageError) -> TopicDescription? { try inner.topic(name) }
  func outlines() throws(StorageError) -> [TopicOutline] { try inner.outlines() }
  func earliestOffset(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try inner.earliestOffset(topic, partition)
  }
  func committedEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try inner.committedEnd(topic, partition)
  }
  func writtenEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try inner.writtenEnd(topic, partition)
  }
  func committedEnds(of topics: Set<TextKey>) -> [TextKey: TopicEnds] {
    inner.committedEnds(of: topics)
  }
  func compactedEnd(_ topic: String, _ partition: Int) -> Int64 {
    inner.compactedEnd(topic, partition)
  }
  func lostOffsets(_ topic: String, _ partition: Int) -> [Range<Int64>] {
    state.withLock { $0.trouble.lost }.map { [$0] } ?? inner.lostOffsets(topic, partition)
  }
  func encode(_ records: RawRecords) throws(StorageError) -> any EncodedRecords {
    try inner.encode(records)
  }
  func openProducer(_ name: String) throws(StorageError) -> (epoch: Int64, next: Int64) {
    try inner.openProducer(name)
  }
  var lastEpoch: Int64 { inner.lastEpoch }
  var assignment: any Assignment { inner.assignment }
  func metadata(key: [UInt8]) -> [UInt8]? { inner.metadata(key: key) }
  func metadata(prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])] {
    inner.metadata(prefix: prefix)
  }
  func groupOffsets(_ group: String, _ topic: String) -> [GroupOffset] {
    inner.groupOffsets(group, topic)
  }
  func groups(of topic: String) -> [String] { inner.groups(of: topic) }
  var moment: StoreMoment { inner.moment }
  func wait(after moment: StoreMoment, milliseconds: Int?) {
    inner.wait(after: moment, milliseconds: milliseconds)
  }
  func nudge() { inner.nudge() }
  var poison: StorageError? { inner.poison }
  var upkeep: (any StoreUpkeep)? { inner.upkeep }
  func close() throws(StorageError) { try inner.close() }
}

private final class FaultyTransaction: EpochTransaction {
  private let store: FaultyStore
  private let inner: any EpochTransaction

  init(_ store: FaultyStore, _ inner: any EpochTransaction) {
    self.store = store
    self.inner = inner
  }

  func reservedEnd(_ topic: String, _ partition: Int) -> Int64? {
    inner.reservedEnd(topic, partition)
  }

  func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    try store.write(epoch, inner)
  }

  func abort() { inner.abort() }
}
