// The state of an aggregation by group, whatever its groups hold: keys with slots, what has
// changed, what the operator knows of time, and all of it as records: one a group under the bytes
// of its key (and the start of its window), and one with the times. What is in a group is its
// content's business.
//
// Invariant: a group is marked before it changes, and, where epochs can be undone, noted as it was
// then.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceTopics

/// What the groups hold, by slot.
protocol GroupContent: AnyObject {
  /// Makes room for slots `0 ..< count`.
  func reserve(_ count: Int)
  /// The slot is a new group's.
  func reset(_ slot: Int)
  /// The group is gone; its slot may be another's.
  func free(_ slot: Int)
  /// The group is back from a store.
  func returned(_ slot: Int)
  /// Appends the group as bytes.
  func append(_ slot: Int, to value: inout [UInt8])
  /// The bytes that nearly every group has; nil: they differ, as those of lists, texts and sets do.
  var usualBytes: Int? { get }
  /// As `append` for many groups of so many bytes each, one every `stride` bytes from `target` on.
  /// False: not all of them have so many.
  func serialize(
    _ slots: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool
  /// As `append`, without what has expired at this stream time; false: nothing is left.
  func appendLive(_ slot: Int, at streamTime: Int64, to value: inout [UInt8]) -> Bool
  /// False: the bytes are no group's.
  func restore(_ slot: Int, from value: UnsafeRawBufferPointer) -> Bool
  /// Lists and texts count by the length of their bytes.
  var holdsValues: Bool { get }
  /// Memory held but for those; bytes.
  var byteCount: Int { get }
  /// What of the groups has records of its own; keys are plain then. nil: nothing.
  var entries: EntryRecords? { get }
  /// Before `restore`: as `reset`, but for what has records of its own.
  func resetWhole(_ slot: Int)
}

extension GroupContent {
  var entries: EntryRecords? { nil }
  func resetWhole(_ slot: Int) { reset(slot) }
  func returned(_ slot: Int) {}
  var usualBytes: Int? { nil }

  func serialize(
    _ slots: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    false
  }

  func appendLive(_ slot: Int, at streamTime: Int64, to value: inout [UInt8]) -> Bool {
    append(slot, to: &value)
    return true
  }
}

/// What an aggregation knows of time; ms.
struct GroupTimes {
  /// Highest rowtime so far.
  var stream = Int64.min
  /// EMIT FINAL: all that closes before it has closed.
  var closedBefore = Int64.min
  /// How far the operator has looked for what closes or expires; not kept by the changelog.
  var seen = Int64.min
  /// EMIT FINAL: windows that have closed and whose results are not all out, in the order in which
  /// these come.
  var waiting: [ClosedWindow] = []

  /// Whether stream time, moving on to `time`, passes the end of some window and its grace.
  mutating func passesEnd(_ time: Int64, of window: WindowSpec) -> Bool {
    guard time > seen else { return false }
    let (size, advance) = window.stride
    let before = seen
    seen = time
    if before == Int64.min { return true }
    let shift = size + window.graceMs
    return floorDivide(time - shift, advance) != floorDivide(before - shift, advance)
  }
}

final class GroupedState<Content: GroupContent>: OperatorState, StatePart {
  /// How the keys of records begin.
  enum Keys {
    /// As they are; the record of the times has none.
    case plain
    /// With 1; with 0 the record of the times.
    case tagged
  }

  let name: String
  let content: Content
  let index = KeyIndex()
  let store: (any StateStore)?
  var times = GroupTimes()
  /// Groups by the last eight bytes of their key, the start of their window; empty where groups
  /// have none.
  private(set) var slotsByStart: [Int64: [Int32]] = [:]
  /// The stream time at which the operator wants a group in memory, whoever asks for it.
  var due: (Int) -> Int64 = { _ in .max }
  /// Whether groups come back by themselves when that time comes; if not, the operator fetches them
  /// (`passDues`).
  var wakes = true
  /// The same of a record, or an earlier time; any thread may ask. nil: it never wants one.
  var dueOfRecord:
    (@Sendable (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Int64)?
  /// No stored group is wanted back before.
  var earliestDue = Int64.min
  /// Groups whose times have come in this slice; what is left of them has a later one.
  var woken: Set<[UInt8]> = []
  private let keys: Keys
  private let isWindowed: Bool
  /// The groups of the window that is coming out, in the order of their keys, where memory has all
  /// of them.
  var closing: (start: Int64, slots: [Int32])?
  private var isDirty = GrowingArray<Bool>()
  private(set) var dirtySlots: [Int32] = []
  /// So many of those are drained.
  private var drained = 0
  /// Up to here of those some have other bytes than most.
  private var unusualUntil = 0
  private static var drainedTogether: Int { 4096 }
  /// Of what one call drains.
  private static var drainBytes: Int { 4 << 20 }
  private var removed = RemovedKeys()
  private var savedTimes = GroupTimes()
  private var valueBytes: ValueBytes
  /// nil: epochs are not undone.
  private var undo: UndoRecords?
  private var committed = (times: GroupTimes(), saved: GroupTimes())

  init(
    name: String, content: Content, keys: Keys = .plain, isWindowed: Bool,
    store: (any StateStore)?
  ) {
    self.name = name
    self.content = content
    self.keys = keys
    self.isWindowed = isWindowed
    self.store = store
    valueBytes = ValueBytes(isCounting: content.holdsValues)
    content.entries?.observe(by: self)
  }

  var recordCount: Int {
    isWhole ? store?.count ?? 0 : index.count + 1 + (content.entries?.count ?? 0)
  }
  /// Bytes of the longest group that there was, as records have them; at least 1.
  var largestValue: Int { valueBytes.largest }
  var byteCount: Int {
    index.byteCount + content.byteCount + valueBytes.total + (undo?.byteCount ?? 0)
      + isDirty.count + removed.byteCount + (closing?.slots.count ?? 0) * 4
  }

  // MARK: - Rows

  /// The slots of the keys of a batch's rows; groups that there were not are made.
  func findSlots(_ keys: EncodedRows, _ slots: inout [Int32]) throws(QueryFailure) {
    var created: [Int] = []
    index.insert(keys, slots: &slots) { created.append($0) }
    try begin(created)
    if isWhole { index.noteUses(slots, but: created.map { Int32($0) }) }
  }

  /// Whether there is such a group; one that has left memory comes back.
  func has(_ key: UnsafeRawBufferPointer) throws(QueryFailure) -> Bool {
    if index.find(key) != nil { return true }
    guard isWhole else { return false }
    try ResidentKeys(index, [self]).bringBack(EncodedRows(one: key))
    return index.find(key) != nil
  }

  /// Makes ready the slots that the index has given to new keys. What a store has of them is taken
  /// back.
  func begin(_ created: [Int]) throws(QueryFailure) {
    guard !created.isEmpty else { return }
    makeRoom()
    for slot in created { content.reset(slot) }
    var isKnown = Set<Int32>()
    if isWhole {
      isKnown = Set(try ResidentKeys(index, [self]).readBack(created.map { Int32($0) }))
    }
    for slot in created where !isKnown.contains(Int32(slot)) {
      if isWindowed { slotsByStart[start(of: slot), default: []].append(Int32(slot)) }
      guard undo != nil else { continue }
      undo?.noteAbsence(of: recordKey(slot))
      mark(slot)
    }
  }

  private func makeRoom() {
    guard isDirty.count < index.slotCount else { return }
    isDirty.grow(to: index.slotCount, false)
    content.reserve(index.slotCount)
  }

  /// The start of the window in a group's key.
  func start(of slot: Int) -> Int64 {
    let key = index.key(slot)
    return key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self)
  }

  /// The groups of these slots are about to change.
  func touch(_ slots: [Int32]) {
    if undo != nil { return note(slots) }
    slots.withUnsafeBufferPointer { slots in
      for slot in slots { mark(Int(slot)) }
    }
  }

  /// Some of the groups of these slots may change; those that do are marked as well.
  func note(_ slots: [Int32]) {
    guard undo != nil else { return }
    for slot in slots { note(Int(slot)) }
  }

  private func note(_ slot: Int) {
    guard undo != nil, !isDirty[slot] else { return }
    mark(slot)
    addImage(slot)
  }

  private func addImage(_ slot: Int) {
    let key = recordKey(slot)
    var value: [UInt8] = []
    content.append(slot, to: &value)
    undo?.note { $0.append(key: key, value: value, timestamp: 0) }
  }

  /// The group has changed; where epochs are undone it was noted before.
  @inline(__always)
  func mark(_ slot: Int) {
    guard !isDirty[slot] else { return }
    isDirty[slot] = true
    dirtySlots.append(Int32(slot))
  }

  /// Takes a group out; of one with a window, its list goes by `takeSlots`.
  func remove(_ slot: Int) {
    note(slot)
    content.entries?.remove(slot)
    removed.append(index.key(slot))
    drop(slot)
  }

  private func drop(_ slot: Int) {
    free(slot)
    index.remove(slot: slot)
  }

  private func free(_ slot: Int) {
    valueBytes.set(slot, 0)
    content.free(slot)
  }

  /// The groups whose window starts then; the caller removes them next.
  func takeSlots(at start: Int64) -> [Int32] { slotsByStart.removeValue(forKey: start) ?? [] }

  /// At most `limit` of them.
  func takeSlots(at start: Int64, limit: Int) -> [Int32] {
    guard let slots = slotsByStart[start], slots.count > limit else { return takeSlots(at: start) }
    slotsByStart[start]?.removeLast(limit)
    return Array(slots.suffix(limit))
  }

  /// Brings the groups back whose time has come.
  func wake() throws(QueryFailure) {
    if store != nil { try ResidentKeys(index, [self]).wake() }
  }

  /// Lets groups go that the store wants out of memory. Returns whether any left.
  func evict() throws(QueryFailure) -> Bool {
    try ResidentKeys(index, [self]).evict()
  }

  /// The lists by window, made from the keys that there are.
  func listSlots() {
    guard isWindowed else { return }
    slotsByStart.removeAll()
    closing = nil
    for slot in 0..<index.slotCount where index.isUsed(slot) {
      slotsByStart[start(of: slot), default: []].append(Int32(slot))
    }
  }

  // MARK: - Records

  /// Of the keys of groups.
  private var prefix: [UInt8] { keys == .plain ? [] : [1] }

  private func recordKey(_ slot: Int) -> [UInt8] { prefix + index.key(slot) }

  private func append(
    _ slot: Int, _ value: [UInt8], _ key: inout [UInt8], to records: inout RawRecords
  ) {
    value.withUnsafeBytes { value in
      switch keys {
      case .plain: records.append(key: index.key(slot), value: value, timestamp: 0)
      case .tagged:
        key.removeAll(keepingCapacity: true)
        key.append(1)
        key.append(contentsOf: index.key(slot))
        key.withUnsafeBytes { records.append(key: $0, value: value, timestamp: 0) }
      }
    }
  }

  private func appendTimes(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: times.stream) { value += $0 }
    withUnsafeBytes(of: times.closedBefore) { value += $0 }
    ClosedWindow.append(times.waiting, to: &value)
    records.append(key: keys == .plain ? [] : [0], value: value, timestamp: 0)
  }

  var holdsValues: Bool { content.holdsValues }

  func drainChanges(into records: inout RawRecords) -> Bool {
    if drained == 0 { removed.drain(into: &records, prefix: prefix) }
    var value: [UInt8] = []
    var key: [UInt8] = []
    while drained < dirtySlots.count {
      if records.buffer.count >= Self.drainBytes { return false }
      if drainMany(into: &records) { continue }
      let slot = dirtySlots[drained]
      drained += 1
      isDirty[Int(slot)] = false
      guard index.isUsed(Int(slot)) else { continue }
      value.removeAll(keepingCapacity: value.capacity < Self.drainBytes / 4)
      // Doubling would hold a large value three times.
      let known = valueBytes.bytes(Int(slot))
      if known > value.capacity { value.reserveCapacity(known + known / 8) }
      content.entries?.partIfLarge(Int(slot))
      content.append(Int(slot), to: &value)
      append(Int(slot), value, &key, to: &records)
      valueBytes.set(Int(slot), value.count)
    }
    content.entries?.drain(index, into: &records)
    let isKnown =
      times.stream == savedTimes.stream && times.closedBefore == savedTimes.closedBefore
      && times.waiting == savedTimes.waiting
    if !isKnown, times.stream != Int64.min { appendTimes(to: &records) }
    changesAreTaken()
    return true
  }

  /// Drains the next groups together. False: they have to be drained one by one.
  private func drainMany(into records: inout RawRecords) -> Bool {
    guard let width = content.usualBytes, drained >= unusualUntil else { return false }
    let end = min(drained + Self.drainedTogether, dirtySlots.count)
    let slots = dirtySlots[drained..<end].filter { index.isUsed(Int($0)) }
    let isUsual = withUnsafeTemporaryAllocation(
      byteCount: max(1, slots.count * width), alignment: 16
    ) { values in
      let isUsual = slots.withUnsafeBufferPointer {
        content.serialize($0, to: values.baseAddress!, stride: width)
      }
      if isUsual {
        records.append(
          slots, of: index, prefix: prefix.first, UnsafeRawBufferPointer(values), width: width)
      }
      return isUsual
    }
    guard isUsual else {
      unusualUntil = end
      return false
    }
    for slot in dirtySlots[drained..<end] { isDirty[Int(slot)] = false }
    drained = end
    return true
  }

  func dropChanges() {
    removed.removeAll()
    for slot in dirtySlots { isDirty[Int(slot)] = false }
    content.entries?.forgetChanges()
    changesAreTaken()
  }

  private func changesAreTaken() {
    savedTimes = times
    dirtySlots.removeAll(keepingCapacity: true)
    (drained, unusualUntil) = (0, 0)
    stageWoken()
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    if let store, store.isWhole { return try store.snapshot(into: &pieces) }
    var value: [UInt8] = []
    var key: [UInt8] = []
    for slot in 0..<index.slotCount where index.isUsed(slot) {
      value.removeAll(keepingCapacity: true)
      guard content.appendLive(slot, at: times.stream, to: &value) else { continue }
      append(slot, value, &key, to: &pieces.records)
      try pieces.passOn()
      try content.entries?.append(slot, index, to: &pieces)
    }
    appendTimes(to: &pieces.records)
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    for record in 0..<records.count {
      let damage = DamagedState(record: record)
      guard let bytes = records.key(record) else { throw damage }
      let value = records.value(record)
      if isTimesKey(bytes), let value, restoreTimes(value) { continue }
      if content.entries != nil, bytes.first == EntryRecords.mark {
        guard restoreEntry(bytes, value) else { throw damage }
        continue
      }
      guard let key = groupKey(bytes) else { throw damage }
      guard let value else {
        if let slot = index.find(key) { drop(slot) }
        continue
      }
      guard key.count >= keyBytesMin else { throw damage }
      guard take(value, Int(index.insert(key).slot)) else { throw damage }
    }
  }

  /// False: the bytes are none of the record of the times.
  private func restoreTimes(_ value: UnsafeRawBufferPointer) -> Bool {
    guard value.count >= 16,
      let waiting = ClosedWindow.list(UnsafeRawBufferPointer(rebasing: value.dropFirst(16)))
    else { return false }
    times.stream = value.loadUnaligned(as: Int64.self)
    times.closedBefore = value.loadUnaligned(fromByteOffset: 8, as: Int64.self)
    times.waiting = waiting
    savedTimes = times
    return true
  }

  /// The entry of a group that there is not yet makes it: its record may be behind that of its
  /// entry.
  private func restoreEntry(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?
  ) -> Bool {
    guard let group = EntryRecords.groupKey(key), group.count >= keyBytesMin else { return false }
    let known = index.find(group)
    if known == nil, value == nil { return true }
    let slot = known ?? index.insert(group).slot
    makeRoom()
    if known == nil { content.reset(slot) }
    return content.entries?.restore(slot, key, group, value) ?? false
  }

  func isTimesKey(_ key: UnsafeRawBufferPointer) -> Bool {
    keys == .plain ? key.isEmpty : key.count == 1 && key[0] == 0
  }

  /// nil: no record of a group has such a key.
  func groupKey(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard keys == .tagged else { return key }
    return key.first == 1 ? UnsafeRawBufferPointer(rebasing: key.dropFirst()) : nil
  }

  /// A windowed key ends with the start of its window; one without an own record is no group's.
  var keyBytesMin: Int { isWindowed ? 8 : keys == .plain ? 1 : 0 }

  private func take(_ value: UnsafeRawBufferPointer, _ slot: Int) -> Bool {
    makeRoom()
    content.resetWhole(slot)
    guard content.restore(slot, from: value) else { return false }
    valueBytes.set(slot, value.count)
    return true
  }

  // MARK: - Undo

  func recordUndo() { undo = UndoRecords() }

  func commitEpoch() {
    guard undo != nil else { return }
    undo?.removeAll()
    committed = (times, savedTimes)
  }

  func undoEpoch() throws(DamagedState) {
    for slot in dirtySlots { isDirty[Int(slot)] = false }
    dirtySlots.removeAll(keepingCapacity: true)
    removed.removeAll()
    content.entries?.forgetChanges()
    if let images = undo?.take() { try restore(images) }
    (times, savedTimes) = committed
    woken = []
    earliestDue = .min
    closing = nil
  }

  // MARK: - Out of memory and back

  var timesKey: [UInt8]? { keys == .plain ? [] : [0] }

  var isSettled: Bool {
    dirtySlots.isEmpty && removed.isEmpty && (undo?.records.count ?? 0) == 0
  }

  func isDue(_ slot: Int32) -> Bool { wakes && due(Int(slot)) <= times.stream }

  func forget(_ slots: [Int32]) {
    stageDue(slots)
    if isWindowed {
      let gone = Set(slots)
      for start in Set(slots.map { start(of: Int($0)) }) {
        slotsByStart[start]?.removeAll { gone.contains($0) }
        if slotsByStart[start]?.isEmpty ?? false { slotsByStart[start] = nil }
      }
    }
    for slot in slots { free(Int(slot)) }
  }

  func admit(_ slots: [Int32]) throws(QueryFailure) -> [Int32] {
    makeRoom()
    var wanted: [Int32] = []
    var sought = RawRecords(buffer: ByteBuffer(capacity: slots.count * 16))
    for slot in slots where !removed.contains(index.key(Int(slot))) {
      wanted.append(slot)
      if keys == .plain {
        sought.append(key: index.key(Int(slot)), value: nil, timestamp: 0)
      } else {
        sought.append(key: recordKey(Int(slot)), value: nil, timestamp: 0)
      }
    }
    let found = try stored { (store) throws(StorageError) in
      try store.get(sought, space: StateSpace.records)
    }
    guard let found else { return [] }
    var known: [Int32] = []
    for (record, slot) in wanted.enumerated() {
      guard let value = found.value(record) else { continue }
      guard take(value, Int(slot)) else { throw damage }
      known.append(slot)
    }
    try admitEntries(of: known)
    for slot in known {
      if isWindowed { slotsByStart[start(of: Int(slot)), default: []].append(slot) }
      content.returned(Int(slot))
      // A group that was there before it in this slice has marked the slot, and nothing has noted
      // this one.
      if undo != nil, isDirty[Int(slot)] { addImage(Int(slot)) }
    }
    return known
  }

  private func admitEntries(of slots: [Int32]) throws(QueryFailure) {
    guard let entries = content.entries, !slots.isEmpty else { return }
    var prefixes = RawRecords(buffer: ByteBuffer(capacity: slots.count * 24))
    for slot in slots { entries.appendPrefixes(of: index.key(Int(slot)), to: &prefixes) }
    let found = try stored { (store) throws(StorageError) in
      try store.find(prefixes, space: StateSpace.records).records
    }
    guard let found else { return }
    for record in 0..<found.count {
      guard let key = found.key(record), restoreEntry(key, found.value(record)) else {
        throw damage
      }
    }
  }
}

// MARK: - Entries with records of their own

extension GroupedState: EntryObserver {
  func willChange(
    _ number: Int, _ group: Int, _ values: UnsafeRawBufferPointer, before: SetEntry?
  ) {
    guard undo != nil else { return }
    let key = EntryRecords.key(number, index.key(group), values)
    undo?.note { EntryRecords.append(key, before, to: &$0) }
  }

  func isGone(_ number: Int, _ group: Int, _ values: UnsafeRawBufferPointer) {
    removed.append(EntryRecords.key(number, index.key(group), values))
  }
}
