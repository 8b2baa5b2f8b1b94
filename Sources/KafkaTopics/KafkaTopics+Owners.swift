// Whose a fixed share is. The cluster shuts a process out (fences it) when another one takes its
// transactional id over, and also when its transaction took too long, as after an outage. What
// tells them apart is a note under the share's name, which a process writes in its first
// transaction: who is shut out takes the id over once more, after which nobody else can write, and
// then looks whose note came last. It goes on, or it ends.
//
// A note counts even if its transaction was given up: its author has come, is shut out by whoever
// looks, and writes it again. Processes that the group deals shares out to have ids of their own,
// which nobody else takes over.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

extension KafkaTopics {
  private static let attemptsMax = 5
  private static let waitMs: Int32 = 50
  private static let patience = Duration.seconds(60)

  private static func key(_ share: FixedShare) -> [UInt8] {
    Array("owner/share-\(share.index)".utf8)
  }

  /// Notes that this process is the one with its share now.
  func noteOwner(_ share: FixedShare) throws(StorageError) {
    guard let producers else { return }
    let begin = try writtenEnd(outside: names.positions, 0)
    life.withLock { $0.noted = begin }
    let note = EpochCommit(
      epoch: 0,
      metadata: [.init(key: Self.key(share), value: life.withLock { $0.name })])
    var attempts = 0
    while true {
      attempts += 1
      do throws(StorageError) {
        let outcome = try producers.epoch { (producer) throws(StorageError) in
          try commit(note, producer, isProcessing: false)
        }
        guard outcome.lost != nil else { return }
        try producers.renewEpochs()
      } catch {
        // A former process that is still there may be looking just now.
        guard error.kind == .fenced || error.kind == .aborted, attempts < Self.attemptsMax
        else { throw error }
      }
    }
  }

  /// A new producer of the epochs in place of one that is shut out.
  /// Throws: `fenced`: another process has come.
  func takeUp(_ producers: KafkaProducers) throws(StorageError) {
    try producers.renewEpochs()
    try entries.catchUp()
    guard let share = identity.share else { return }
    let (own, begin) = life.withLock { ($0.name, $0.noted) }
    guard let last = try lastNote(share, from: begin), last != own else { return }
    throw StorageError(
      .fenced, "taking up the work", expected: "share \(share.index) for itself",
      found: "a process that has begun with it later")
  }

  /// The last note of a share from an offset of the positions on; nil: there is none any more.
  private func lastNote(
    _ share: FixedShare, from offset: Int64
  ) throws(StorageError) -> [UInt8]? {
    let cursors = KafkaCursors(quietTopic: nil) { [written] () throws(StorageError) in written }
    defer { cursors.closeAll() }
    let end = try writtenEnd(outside: names.positions, 0)
    let key = Self.key(share)
    let deadline = ContinuousClock.now + Self.patience
    var offset = max(
      offset, try directory.offset(written, names.positions, 0, time: -2))
    var last: [UInt8]?
    while offset < end {
      let read = try cursors.read(names.positions, 0, from: offset, waitMs: Self.waitMs)
      for row in 0..<read.records.count {
        guard let found = read.records.key(row), found.elementsEqual(key) else { continue }
        last = read.records.value(row).map { Array($0) }
      }
      guard ContinuousClock.now < deadline else {
        throw StorageError(
          .unreachable, "looking whose share \(share.index) is", path: names.positions,
          expected: "records before offset \(end)", found: "none from \(offset) on")
      }
      offset = max(offset, read.next)
      if read.isAtEnd { break }
    }
    return last
  }
}
