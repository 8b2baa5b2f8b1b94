// Rows of a windowed outer join that have met nobody yet and wait for their window to close. They
// come out by time, right side before left, then by key.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class OuterState: OperatorState, StatePart {
  struct Row {
    var side: Int
    var slot: Int32
    var entry: Int32
  }

  private struct Mark: BitwiseCopyable {
    var isWaiting = false
    /// Whether the changelog has the row.
    var isSaved = false
    /// Whether the entry is this store's own, and not the join buffer's.
    var isOwned = false
    var slot: Int32 = -1
  }

  let name: String
  private let sides: [JoinState]
  /// How long a row of each side waits; ms.
  private let waitMs: [Int64]
  let store: (any StateStore)?
  private var marks: [[Mark]] = [[], []]
  /// Times of the waiting rows of each side, `group` is the entry; rows that met somebody stay in
  /// it until their time.
  private var times = [EndHeap(), EndHeap()]
  private var waitingPerSlot: [Int32] = []
  /// How many rows of a slot are this store's own.
  private var ownedPerSlot: [Int32: Int] = [:]
  private var count = 0
  private var added: [Row] = []
  private var removed = RemovedKeys()
  private(set) var streamTime = Int64.min
  private var savedStreamTime = Int64.min
  /// No stored row is due before; behind which key the store is looked through for those that are;
  /// those found last.
  private var earliestDue = Int64.min
  private var lookedThrough: [UInt8]?
  private var due: [(key: [UInt8], row: [UInt8])] = []
  /// While the state is read back: rows by their record's key.
  private var restored: [[UInt8]: [UInt8]] = [:]

  private enum Change {
    case put(Row)
    case removed(Row, Mark)
    case adopted(side: Int, entry: Int32)
  }

  /// What the epoch has done, in order; nil: epochs are not undone.
  private var changes: [Change]?
  private var committedTimes = (stream: Int64.min, saved: Int64.min)

  init(name: String, sides: [JoinState], waitMs: [Int64], store: (any StateStore)? = nil) {
    self.name = name
    self.sides = sides
    self.waitMs = waitMs
    self.store = store
  }

  var recordCount: Int { isWhole ? store?.count ?? 0 : count + 1 }
  var byteCount: Int { (marks[0].count + marks[1].count) * 24 + waitingPerSlot.count * 4 }

  func advance(to timestamp: Int64) { streamTime = max(streamTime, timestamp) }

  func holds(_ slot: Int) -> Bool { slot < waitingPerSlot.count && waitingPerSlot[slot] > 0 }

  /// `entry`: of the side's buffer.
  func put(_ row: Row) {
    insert(row, Mark(isWaiting: true, slot: row.slot))
    added.append(row)
    changes?.append(.put(row))
  }

  private func insert(_ row: Row, _ mark: Mark) {
    marks[row.side].grow(to: sides[row.side].rows.times.count, Mark())
    waitingPerSlot.grow(to: Int(row.slot) + 1, 0)
    marks[row.side][Int(row.entry)] = mark
    waitingPerSlot[Int(row.slot)] += 1
    if mark.isOwned { ownedPerSlot[row.slot, default: 0] += 1 }
    times[row.side].push(
      EndHeap.Entry(
        end: sides[row.side].rows.times[Int(row.entry)], group: row.entry, slot: row.slot))
    count += 1
  }

  /// The entry has met somebody.
  func remove(side: Int, entry: Int32) {
    guard Int(entry) < marks[side].count, marks[side][Int(entry)].isWaiting else { return }
    let mark = marks[side][Int(entry)]
    if mark.isSaved { removed.append(key(side, entry)) }
    marks[side][Int(entry)].isWaiting = false
    waitingPerSlot[Int(mark.slot)] -= 1
    if mark.isOwned { disown(mark.slot) }
    if changes != nil {
      changes?.append(.removed(Row(side: side, slot: mark.slot, entry: entry), mark))
    } else if mark.isOwned {
      sides[side].rows.retire(entry)
    }
    count -= 1
  }

  private func disown(_ slot: Int32) {
    let left = (ownedPerSlot[slot] ?? 0) - 1
    ownedPerSlot[slot] = left > 0 ? left : nil
  }

  /// The join buffer lets go of an entry: whether it still waits here, and so is this store's own
  /// from now on.
  func adopt(side: Int, entry: Int32) -> Bool {
    guard Int(entry) < marks[side].count, marks[side][Int(entry)].isWaiting else { return false }
    marks[side][Int(entry)].isOwned = true
    ownedPerSlot[marks[side][Int(entry)].slot, default: 0] += 1
    changes?.append(.adopted(side: side, entry: entry))
    return true
  }

  /// Takes out the rows of each side that are older than its limit, in order.
  func take(before limits: [Int64]) -> [Row] {
    var closed: [Row] = []
    for side in 0..<2 {
      while let earliest = times[side].earliest, earliest < limits[side],
        let item = times[side].pop()
      {
        let mark = marks[side][Int(item.group)]
        guard mark.isWaiting, sides[side].rows.times[Int(item.group)] == item.end else { continue }
        closed.append(Row(side: side, slot: mark.slot, entry: item.group))
        // Not popped twice, should the heap name it twice.
        marks[side][Int(item.group)].isWaiting = false
      }
    }
    closed.sort(by: comesBefore)
    for row in closed {
      marks[row.side][Int(row.entry)].isWaiting = true
      remove(side: row.side, entry: row.entry)
    }
    return closed
  }

  private func time(_ row: Row) -> Int64 { sides[row.side].rows.times[Int(row.entry)] }

  private func sequence(_ row: Row) -> Int64 { sides[row.side].sequence(row.entry) }

  private func comesBefore(_ a: Row, _ b: Row) -> Bool {
    if time(a) != time(b) { return time(a) < time(b) }
    if a.side != b.side { return a.side > b.side }
    if a.slot != b.slot {
      return precedes(sides[0].index.key(Int(a.slot)), sides[0].index.key(Int(b.slot)))
    }
    return sequence(a) < sequence(b)
  }

  // MARK: - Undo

  func recordUndo() { changes = [] }

  func commitEpoch() {
    guard let done = changes else { return }
    for case .removed(let row, let mark) in done where mark.isOwned {
      sides[row.side].rows.retire(row.entry)
    }
    changes = []
    committedTimes = (streamTime, savedStreamTime)
  }

  /// Before the buffers of the sides undo theirs, whose entries it names.
  func undoEpoch() throws(DamagedState) {
    guard let done = changes else { return }
    changes = nil
    added.removeAll(keepingCapacity: true)
    removed.removeAll()
    for change in done.reversed() {
      switch change {
      case .put(let row):
        // What was removed again has been put back before.
        marks[row.side][Int(row.entry)].isWaiting = false
        waitingPerSlot[Int(row.slot)] -= 1
        count -= 1
      case .removed(let row, let mark): insert(row, mark)
      case .adopted(let side, let entry):
        marks[side][Int(entry)].isOwned = false
        disown(marks[side][Int(entry)].slot)
      }
    }
    (streamTime, savedStreamTime) = committedTimes
    changes = []
    storeIsWhole()
  }

  // MARK: - State: one record a row, under time, side, sequence in its buffer and join key; stream
  // time without a key.

  private func key(_ side: Int, _ entry: Int32) -> [UInt8] {
    let slot = Int(marks[side][Int(entry)].slot)
    return rowKey(
      sides[side].rows.times[Int(entry)], side, sides[side].sequence(entry)
    ) + sides[side].index.key(slot)
  }

  /// What precedes the join key.
  private func rowKey(_ time: Int64, _ side: Int, _ sequence: Int64) -> [UInt8] {
    var result: [UInt8] = []
    withUnsafeBytes(of: time.bigEndian) { result += $0 }
    result.append(UInt8(side))
    withUnsafeBytes(of: sequence.bigEndian) { result += $0 }
    return result
  }

  private func append(_ waiting: [Row], to records: inout RawRecords) {
    for side in 0..<2 {
      let entries = waiting.filter { $0.side == side }.map(\.entry)
      let encoded = RowCodec.encode(sides[side].rows.gather(entries), count: entries.count)
      encoded.withBytes { bytes in
        for (place, entry) in entries.enumerated() {
          key(side, entry).withUnsafeBytes {
            records.append(key: $0, value: bytes[place], timestamp: 0)
          }
        }
      }
    }
  }

  private func appendTime(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    records.append(key: [], value: value, timestamp: 0)
  }

  func drainChanges(into records: inout RawRecords) -> Bool {
    removed.drain(into: &records)
    let unsaved = added.filter { row in
      let mark = marks[row.side][Int(row.entry)]
      return mark.isWaiting && !mark.isSaved
    }
    append(unsaved, to: &records)
    if streamTime != savedStreamTime { appendTime(to: &records) }
    dropChanges()
    return true
  }

  func dropChanges() {
    removed.removeAll()
    for row in added where marks[row.side][Int(row.entry)].isWaiting {
      marks[row.side][Int(row.entry)].isSaved = true
    }
    added.removeAll(keepingCapacity: true)
    savedStreamTime = streamTime
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    if let store, store.isWhole { return try store.snapshot(into: &pieces) }
    for side in 0..<2 {
      var waiting: [Row] = []
      for entry in marks[side].indices where marks[side][entry].isWaiting {
        waiting.append(Row(side: side, slot: marks[side][entry].slot, entry: Int32(entry)))
      }
      waiting.sort(by: comesBefore)
      for first in stride(from: 0, to: waiting.count, by: 1024) {
        append(Array(waiting[first..<min(first + 1024, waiting.count)]), to: &pieces.records)
        try pieces.passOn()
      }
    }
    appendTime(to: &pieces.records)
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    let builders = sides.map { $0.rows.types.map { ColumnBuilder($0, capacity: 1) } }
    for record in 0..<records.count {
      let damage = DamagedState(record: record)
      guard let key = records.key(record) else { throw damage }
      let value = records.value(record)
      if key.isEmpty {
        guard let value, value.count == 8 else { throw damage }
        streamTime = value.loadUnaligned(as: Int64.self)
        savedStreamTime = streamTime
        continue
      }
      guard key.count >= 17, key[8] < 2 else { throw damage }
      if let value {
        // Rows are read when their buffers are there; that they can be is known now.
        let row = builders[Int(key[8])]
        var reader = RowReader(value)
        guard reader.readWhole(into: row) else { throw damage }
        for builder in row { builder.truncate(to: 0) }
      }
      restored[Array(key)] = value.map { Array($0) }
    }
  }

  /// After the buffers have been read back too: rows wait under the entries that their buffers have
  /// for them.
  func link() {
    for (key, row) in restored.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      key.withUnsafeBytes { key in row.withUnsafeBytes { link(key, $0) } }
    }
    restored = [:]
  }

  private func link(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    let side = Int(key[8])
    let buffer = sides[side]
    let timestamp = Int64(bigEndian: key.loadUnaligned(as: Int64.self))
    let sequence = Int64(bigEndian: key.loadUnaligned(fromByteOffset: 9, as: Int64.self))
    let slot = Int32(buffer.index.insert(UnsafeRawBufferPointer(rebasing: key[17...])).slot)
    if let entry = buffer.entry(slot, timestamp: timestamp, sequence: sequence) {
      if Int(entry) < marks[side].count, marks[side][Int(entry)].isWaiting { return }
      let row = Row(side: side, slot: slot, entry: entry)
      return insert(row, Mark(isWaiting: true, isSaved: true, slot: slot))
    }
    guard !owns(side, slot, timestamp, sequence) else { return }
    // The buffer need not remember the last instant of its retention.
    let builders = buffer.rows.types.map { ColumnBuilder($0, capacity: 1) }
    var reader = RowReader(value)
    guard reader.read(into: builders) else { return }
    let entry = buffer.rows.add(builders.map { $0.finish() }, rowtimes: [timestamp])[0]
    buffer.remember(entry, slot: slot, sequence: sequence)
    insert(
      Row(side: side, slot: slot, entry: entry),
      Mark(isWaiting: true, isSaved: true, isOwned: true, slot: slot))
  }

  /// Whether the row waits that its buffer has let go.
  private func owns(_ side: Int, _ slot: Int32, _ time: Int64, _ sequence: Int64) -> Bool {
    guard ownedPerSlot[slot] != nil else { return false }
    return marks[side].indices.contains { entry in
      let mark = marks[side][entry]
      return mark.isWaiting && mark.isOwned && mark.slot == slot
        && sides[side].rows.times[entry] == time
        && sides[side].sequence(Int32(entry)) == sequence
    }
  }

  // MARK: - Out of memory and back. Records stand in the order of their times, so that those that
  // are due come first.

  var timesKey: [UInt8]? { [] }

  var isSettled: Bool { added.isEmpty && removed.isEmpty && (changes?.isEmpty ?? true) }

  /// A row that its buffer has let go could not be found again.
  var pinnedSlots: Set<Int32> { Set(ownedPerSlot.keys) }

  private func waiting(_ slot: Int32) -> [Row] {
    guard holds(Int(slot)) else { return [] }
    return rows(of: slot).filter { row in
      Int(row.entry) < marks[row.side].count && marks[row.side][Int(row.entry)].isWaiting
    }
  }

  /// Those that the buffers have.
  private func rows(of slot: Int32) -> [Row] {
    (0..<2).flatMap { side in
      sides[side].entries(of: slot).map { Row(side: side, slot: slot, entry: $0) }
    }
  }

  /// What the heaps say of the rows is passed over when their time comes; it may not be most of
  /// what they hold.
  func forget(_ slots: [Int32]) {
    for row in slots.flatMap({ waiting($0) }) {
      marks[row.side][Int(row.entry)].isWaiting = false
      waitingPerSlot[Int(row.slot)] -= 1
      count -= 1
      storeIsWhole()
    }
    guard times[0].count + times[1].count > 2 * count + 1024 else { return }
    times = [EndHeap(), EndHeap()]
    for side in 0..<2 {
      for entry in marks[side].indices where marks[side][entry].isWaiting {
        times[side].push(
          EndHeap.Entry(
            end: sides[side].rows.times[entry], group: Int32(entry), slot: marks[side][entry].slot))
      }
    }
  }

  func storeIsWhole() {
    earliestDue = .min
    lookedThrough = nil
    due = []
  }

  /// Rows wait where their buffers have them; those that theirs have let go come with `dueKeys`.
  func admit(_ slots: [Int32]) throws(QueryFailure) -> [Int32] {
    let candidates = slots.flatMap { rows(of: $0) }
    var keys = RawRecords(buffer: ByteBuffer(capacity: candidates.count * 32))
    for row in candidates {
      let key =
        rowKey(time(row), row.side, sequence(row)) + sides[0].index.key(Int(row.slot))
      keys.append(key: key, value: nil, timestamp: 0)
    }
    let found = try stored { (store) throws(StorageError) in
      try store.get(keys, space: StateSpace.records)
    }
    guard let found else { return [] }
    var known = Set<Int32>()
    for (record, row) in candidates.enumerated() where found.value(record) != nil {
      // What is stored was drained before.
      insert(row, Mark(isWaiting: true, isSaved: true, slot: row.slot))
      known.insert(row.slot)
    }
    return known.sorted()
  }

  /// A row is due with the shorter of both waits: one that has to wait longer is in memory for that
  /// long.
  func dueKeys() throws(QueryFailure) -> RawRecords {
    linkDue()
    guard earliestDue <= streamTime, isWhole else { return .none }
    let wait = (waitMs.min() ?? 0) + 1
    let found = try stored { (store) throws(StorageError) in
      try store.scan(space: StateSpace.records, after: lookedThrough ?? [], limit: 4096)
    }
    guard let found, found.count > 0 else {
      earliestDue = .max
      return .none
    }
    var keys = RawRecords(buffer: ByteBuffer(capacity: found.count * 16))
    for record in 0..<found.count {
      guard let key = found.key(record), let value = found.value(record), key.count >= 17 else {
        throw damage
      }
      let time = Int64(bigEndian: key.loadUnaligned(as: Int64.self))
      guard time + wait <= streamTime else {
        earliestDue = time + wait
        break
      }
      lookedThrough = Array(key)
      due.append((Array(key), Array(value)))
      keys.append(key: UnsafeRawBufferPointer(rebasing: key[17...]), value: nil, timestamp: 0)
    }
    return keys
  }

  /// The keys of the rows that were due are in memory: those that their buffers do not have are
  /// this store's own.
  private func linkDue() {
    for (key, row) in due {
      key.withUnsafeBytes { key in
        if !removed.contains(key) { row.withUnsafeBytes { link(key, $0) } }
      }
    }
    due = []
  }
}
