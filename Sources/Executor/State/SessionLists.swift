// Groups that are lists of sessions: what the session operator keeps of each key. A session has a
// state of its own in the accumulators; so the slots of groups and those of states are different
// ones.

import HeadraceFoundations
import HeadraceFunctions

final class SessionLists: GroupContent {
  struct Session {
    var start: Int64
    var end: Int64
    /// Its state in the accumulators.
    var slot: Int
  }

  let accumulators: [any Accumulator]
  /// How long a session stays after its end; ms.
  let retentionMs: Int64
  /// Of each group, sorted by start.
  var sessions: [[Session]] = []
  /// EMIT FINAL: when sessions may close. A session that has grown since has a later end of its
  /// own.
  var ends = EndHeap()
  private let tracksEnds: Bool
  let holdsValues: Bool
  private var freeSlots: [Int] = []
  private var slotCount = 0

  init(_ accumulators: [any Accumulator], retentionMs: Int64, tracksEnds: Bool) {
    self.accumulators = accumulators
    self.retentionMs = retentionMs
    self.tracksEnds = tracksEnds
    holdsValues = accumulators.contains { $0.holdsValues }
  }

  var byteCount: Int { sessions.count * 64 + slotCount * 32 * (1 + accumulators.count) }

  /// A slot of the accumulators, for a new session.
  func newSlot() -> Int {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = slotCount
      slotCount += 1
      for accumulator in accumulators { accumulator.reserve(groups: (slotCount + 1023) & ~1023) }
    }
    for accumulator in accumulators { accumulator.reset(slot) }
    return slot
  }

  /// The session's state is wanted no more.
  func free(_ session: Session) {
    freeSlots.append(session.slot)
    guard holdsValues else { return }
    for accumulator in accumulators { accumulator.reset(session.slot) }
  }

  /// Notes when the session may close.
  func push(_ session: Session, of group: Int) {
    ends.push(
      EndHeap.Entry(end: session.end, group: Int32(group), slot: Int32(session.slot)))
  }

  /// The ends of groups that have left stay listed, and are passed over when their time comes; they
  /// may not be most of it.
  func trimEnds(_ isUsed: (Int) -> Bool) {
    if ends.count > 2 * (slotCount - freeSlots.count) + 1024 { listEnds(isUsed) }
  }

  /// The ends of the groups' sessions and of no others.
  func listEnds(_ isUsed: (Int) -> Bool) {
    guard tracksEnds else { return }
    ends = EndHeap()
    for group in sessions.indices where isUsed(group) {
      for session in sessions[group] { push(session, of: group) }
    }
  }

  // MARK: - As the content of groups

  func reserve(_ count: Int) { sessions.grow(to: count, []) }

  func reset(_ group: Int) { free(group) }

  func free(_ group: Int) {
    for session in sessions[group] { free(session) }
    sessions[group] = []
  }

  func returned(_ group: Int) {
    guard tracksEnds else { return }
    for session in sessions[group] { push(session, of: group) }
  }

  func append(_ group: Int, to value: inout [UInt8]) { append(sessions[group], to: &value) }

  private func append(_ sessions: [Session], to value: inout [UInt8]) {
    for session in sessions {
      withUnsafeBytes(of: session.start) { value.append(contentsOf: $0) }
      withUnsafeBytes(of: session.end) { value.append(contentsOf: $0) }
      for accumulator in accumulators { accumulator.serialize(session.slot, into: &value) }
    }
  }

  /// Without what has expired and what late rows have left, whenever the last sweep was.
  func appendLive(_ group: Int, at streamTime: Int64, to value: inout [UInt8]) -> Bool {
    let kept = sessions[group].filter { $0.end + retentionMs >= streamTime }
    append(kept, to: &value)
    return !kept.isEmpty
  }

  func restore(_ group: Int, from value: UnsafeRawBufferPointer) -> Bool {
    var position = 0
    while position < value.count {
      guard position + 16 <= value.count else { return false }
      let session = Session(
        start: value.loadUnaligned(fromByteOffset: position, as: Int64.self),
        end: value.loadUnaligned(fromByteOffset: position + 8, as: Int64.self),
        slot: newSlot())
      position += 16
      for accumulator in accumulators {
        guard accumulator.restore(session.slot, from: value, at: &position) else { return false }
      }
      sessions[group].append(session)
    }
    return true
  }
}
