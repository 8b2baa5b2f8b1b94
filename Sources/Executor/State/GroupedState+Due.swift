// Groups that are wanted back at some time: the store's index has that time (8 bytes, big-endian),
// and the group's key. They come back all at once when their time comes (`dueKeys`), or a piece at
// a time: those of one window in the order of their keys (`groups`), and those that expire
// (`passDues`).
//
// Invariant: every group that the store has, and whose time has not been passed, has an entry at
// that time, whether memory has the group or not. An entry may name a group that is no more.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

extension GroupedState {
  func indexRecords(of records: RawRecords) -> RawRecords? {
    guard let dueOfRecord else { return nil }
    var result = RawRecords(buffer: ByteBuffer(capacity: records.count * 24))
    for record in 0..<records.count {
      guard let bytes = records.key(record), let value = records.value(record),
        !isTimesKey(bytes), content.entries == nil || bytes.first != EntryRecords.mark,
        let key = groupKey(bytes), key.count >= keyBytesMin
      else { continue }
      appendDue(dueOfRecord(key, value), key, to: &result)
    }
    return result
  }

  func appendDue(
    _ time: Int64, _ key: UnsafeRawBufferPointer, to records: inout RawRecords
  ) {
    guard time < .max else { return }
    var bytes = Self.dueBytes(time)
    bytes += key
    bytes.withUnsafeBytes {
      records.append(key: $0, value: UnsafeRawBufferPointer(start: nil, count: 0), timestamp: 0)
    }
  }

  /// What the entries of that time begin with; it precedes them, as each has a key behind it.
  static func dueBytes(_ time: Int64) -> [UInt8] {
    var bytes: [UInt8] = []
    // As unsigned numbers, negative times come first.
    withUnsafeBytes(of: (UInt64(bitPattern: time) ^ 1 << 63).bigEndian) { bytes += $0 }
    return bytes
  }

  /// What has left memory comes back at its own time, which may be later than that of its record.
  func stageDue(_ slots: [Int32]) {
    guard dueOfRecord != nil, let store else { return }
    var records = RawRecords(buffer: ByteBuffer(capacity: slots.count * 24))
    for slot in slots {
      let time = due(Int(slot))
      earliestDue = min(earliestDue, time)
      appendDue(time, index.key(Int(slot)), to: &records)
    }
    if records.count > 0 { store.stage(records, space: StateSpace.index) }
  }

  /// The index has every group at its time, in memory or not: a restart begins without it in
  /// memory.
  func stageWoken() {
    let slots = woken.compactMap { key in key.withUnsafeBytes { index.find($0) } }.sorted()
    woken = []
    if !slots.isEmpty { stageDue(slots.map { Int32($0) }) }
  }

  func noteIndexed(_ records: RawRecords) {
    for record in 0..<records.count { earliestDue = min(earliestDue, Self.due(records, record)) }
  }

  static func due(_ records: RawRecords, _ record: Int) -> Int64 {
    guard let key = records.key(record), key.count >= 8 else { return .max }
    return Int64(
      bitPattern: UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)) ^ 1 << 63)
  }

  func storeIsWhole() { earliestDue = .min }

  /// The earlier of a time and that at which a group is wanted back that has left memory, as far as
  /// that is known.
  func earliest(_ time: Int64?) -> Int64? {
    guard isWhole, earliestDue != .min, earliestDue != .max else { return time }
    return min(time ?? .max, earliestDue)
  }

  func dueKeys() throws(QueryFailure) -> RawRecords {
    guard dueOfRecord != nil, earliestDue <= times.stream else { return .none }
    let found = try stored { (store) throws(StorageError) in
      try store.scan(space: StateSpace.index, after: nil, limit: 4096)
    }
    guard let found, found.count > 0 else {
      earliestDue = .max
      return .none
    }
    var keys = RawRecords(buffer: ByteBuffer(capacity: found.count * 16))
    var passed = RawRecords(buffer: ByteBuffer(capacity: found.count * 24))
    for record in 0..<found.count {
      let due = Self.due(found, record)
      guard due <= times.stream else {
        earliestDue = due
        break
      }
      guard let key = found.key(record), key.count >= 8 else { throw damage }
      woken.insert(Array(key.dropFirst(8)))
      keys.append(
        key: UnsafeRawBufferPointer(rebasing: key.dropFirst(8)), value: nil, timestamp: 0)
      passed.append(key: key, value: nil, timestamp: 0)
    }
    store?.stage(passed, space: StateSpace.index)
    return keys
  }

  // MARK: - A piece at a time

  private static var scanRecords: Int { 4096 }

  private func scanDues(after key: [UInt8]?, limit: Int) throws(QueryFailure) -> RawRecords {
    try stored { (store) throws(StorageError) in
      try store.scan(
        space: StateSpace.index, after: key, limit: min(limit, Self.scanRecords))
    } ?? .none
  }

  /// The times from `time` on that have come and have entries.
  func storedDues(from time: Int64) throws(QueryFailure) -> [Int64] {
    guard isWhole, earliestDue <= times.stream else { return [] }
    var result: [Int64] = []
    var last = Self.dueBytes(time)
    while true {
      let found = try scanDues(after: last, limit: 1)
      guard found.count > 0 else { return result }
      let due = Self.due(found, 0)
      guard due <= times.stream else { return result }
      result.append(due)
      last = Self.dueBytes(due + 1)
    }
  }

  /// From now on the groups of these windows have entries that have come or have changed since the
  /// last drain.
  func stageDues(of starts: Set<Int64>) {
    guard let dueOfRecord, let store, isWhole else { return }
    var records = RawRecords(buffer: ByteBuffer(capacity: 256))
    let empty = UnsafeRawBufferPointer(start: nil, count: 0)
    for slot in dirtySlots
    where index.isUsed(Int(slot)) && starts.contains(start(of: Int(slot))) {
      let key = index.key(Int(slot))
      appendDue(dueOfRecord(key, empty), key, to: &records)
    }
    guard records.count > 0 else { return }
    store.stage(records, space: StateSpace.index)
    noteIndexed(records)
  }

  /// At most `limit` groups of a window that has closed, in the order of their keys, and the key
  /// behind which there may be more; nil: these are the last ones. `due`: the time of their
  /// entries.
  func groups(
    of window: ClosedWindow, due: Int64, limit: Int
  ) throws(QueryFailure) -> (slots: [Int32], last: [UInt8]?) {
    if isWhole { return try storedGroups(of: window, due: due, limit: limit) }
    // A window that has closed has the same groups until its results are out.
    var order = closing?.start == window.start ? closing?.slots ?? [] : []
    if order.isEmpty { order = index.inKeyOrder(slotsByStart[window.start] ?? []) }
    var (first, end) = (0, window.after == nil ? 0 : order.count)
    window.after?.withUnsafeBytes { after in
      while first < end {
        let middle = (first + end) / 2
        if precedes(after, index.key(Int(order[middle]))) {
          end = middle
        } else {
          first = middle + 1
        }
      }
    }
    end = min(order.count, first + limit)
    closing = end < order.count ? (window.start, order) : nil
    return (
      Array(order[first..<end]), end < order.count ? Array(index.key(Int(order[end - 1]))) : nil
    )
  }

  private func storedGroups(
    of window: ClosedWindow, due: Int64, limit: Int
  ) throws(QueryFailure) -> (slots: [Int32], last: [UInt8]?) {
    var keys = RawRecords(buffer: ByteBuffer(capacity: limit * 16))
    var last: [UInt8]? = Self.dueBytes(due) + (window.after ?? [])
    while let after = last, keys.count < limit {
      let found = try scanDues(after: after, limit: limit - keys.count)
      last = nil
      for record in 0..<found.count {
        guard let bytes = found.key(record), bytes.count >= 16 else { throw damage }
        guard Self.due(found, record) == due else {
          last = nil
          break
        }
        last = Array(bytes)
        // Other windows may expire at this time.
        guard Self.start(of: bytes) == window.start else { continue }
        keys.append(
          key: UnsafeRawBufferPointer(rebasing: bytes.dropFirst(8)), value: nil, timestamp: 0)
      }
    }
    try ResidentKeys(index, [self]).bringBack(keys)
    var slots: [Int32] = []
    for record in 0..<keys.count {
      if let key = keys.key(record), let slot = index.find(key) { slots.append(Int32(slot)) }
    }
    return (slots, last.map { Array($0.dropFirst(8)) })
  }

  private static func start(of key: UnsafeRawBufferPointer) -> Int64 {
    key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self)
  }

  /// Passes at most `limit` entries whose time has come: the groups of windows that have expired
  /// come back, the others get entries at the time when they expire. `expiry`: that of a window by
  /// its start. Returns how many were passed.
  func passDues(limit: Int, expiry: (Int64) -> Int64) throws(QueryFailure) -> Int {
    guard isWhole, earliestDue <= times.stream else { return 0 }
    let found = try scanDues(after: nil, limit: limit)
    var keys = RawRecords(buffer: ByteBuffer(capacity: found.count * 16))
    var changes = RawRecords(buffer: ByteBuffer(capacity: found.count * 24))
    var passed = 0
    for record in 0..<found.count where Self.due(found, record) <= times.stream {
      guard let bytes = found.key(record), bytes.count >= 16 else { throw damage }
      let key = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(8))
      passed += 1
      changes.append(key: bytes, value: nil, timestamp: 0)
      let time = expiry(Self.start(of: bytes))
      if time <= times.stream {
        keys.append(key: key, value: nil, timestamp: 0)
      } else {
        appendDue(time, key, to: &changes)
      }
    }
    if passed == 0 { earliestDue = found.count > 0 ? Self.due(found, 0) : .max }
    if changes.count > 0 { store?.stage(changes, space: StateSpace.index) }
    try ResidentKeys(index, [self]).bringBack(keys)
    return passed
  }
}
