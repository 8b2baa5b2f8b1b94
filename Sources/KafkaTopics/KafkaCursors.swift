// Readers of partitions. A consumer of librdkafka stands at one place of a partition; queries that
// catch up, folds and PRINT read at others, so there are a few consumers (lanes), each with cursors
// of its own, and the one that stands where somebody reads on is found again. What runs at the end
// of the topics shares the first lane, so each record is fetched once.

import CHeadraceKafka
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// Where one lane stands in a partition.
final class KafkaCursor: @unchecked Sendable {
  // Unchecked: all under `lock`, but for what the owner of the cursors looks at.
  private let lock = FairLock()
  private let client: KafkaClient
  private let buffers: FetchBuffers
  private let topic: String
  private let partition: Int
  private var pointer: OpaquePointer?
  /// Of what was fetched last: readers may want the rest of it, or all of it once more.
  private var batch = RawRecords.none
  private var batchStart: Int64 = 0
  private var next: Int64
  private var isAtEnd = false
  /// Where what is written from now on begins.
  static let end: Int64 = -1
  /// Bytes that wait to be read again are dropped beyond this.
  private static let keptBytesMax = 8 << 20
  /// Under the lock of all cursors.
  var lastUse: UInt64 = 0
  /// First offset at hand and the one to read on from, for who must not wait for a read.
  private let span: Monitor<(start: Int64, next: Int64)>

  init(
    _ client: KafkaClient, _ buffers: FetchBuffers, _ topic: String, _ partition: Int,
    at offset: Int64
  ) {
    self.client = client
    self.buffers = buffers
    self.topic = topic
    self.partition = partition
    next = offset
    batchStart = offset
    span = Monitor((offset, offset))
  }

  deinit { if let pointer { headrace_kafka_cursor_close(pointer) } }

  /// Whether it can go on from an offset without asking for what it has read already.
  func holds(_ offset: Int64) -> Bool {
    span.withLock { offset >= $0.start && offset <= $0.next }
  }

  struct Read {
    var records: RawRecords
    var next: Int64
    var isAtEnd: Bool
  }

  /// Records from `offset` on, which the cursor goes to if it stands elsewhere. Waits for the first
  /// of them. `bytesMax`: about how much of what is at hand is given at a time.
  /// `stamp`: gives records their numbers in the order of arrival.
  func read(
    from offset: Int64, waitMs: Int32, bytesMax: Int, _ stamp: (Int) -> Int64
  ) throws(StorageError) -> Read {
    lock.lock()
    defer {
      span.withLock { $0 = (batchStart, next) }
      lock.unlock()
    }
    if offset >= batchStart, offset < next { return part(of: batch.from(offset), bytesMax) }
    if offset != next { try move(to: offset) }
    let fetched: headrace_kafka_fetched
    do {
      fetched = try fetch(waitMs)
    } catch {
      // The library may hand the answer to a reader's last request to the reader that follows: of a
      // topic that was made anew, that is an offset of the old one. The second answer is this
      // reader's own.
      guard error.kind == .offsetOutOfRange else { throw error }
      fetched = try fetch(waitMs)
    }
    if fetched.count > 0 {
      batch = take(fetched, stamp)
      batchStart = offset
      isAtEnd = false
    } else {
      batch = .none
      buffers.noteEmptyRead()
      batchStart = fetched.next >= 0 ? fetched.next : next
    }
    if fetched.next >= 0 { next = fetched.next }
    if fetched.is_end { isAtEnd = true }
    let read = part(of: batch, bytesMax)
    if batch.buffer.count > Self.keptBytesMax, read.next == next {
      batch = .none
      batchStart = next
    }
    return read
  }

  private func fetch(_ waitMs: Int32) throws(StorageError) -> headrace_kafka_fetched {
    if pointer == nil { try open() }
    var fetched = headrace_kafka_fetched()
    do {
      try client.request("reading partition \(partition)", topic) { fault in
        headrace_kafka_fetch(pointer, isAtEnd ? 0 : waitMs, &fetched, &fault)
      }
    } catch {
      // The library's reader of this partition has stopped.
      close()
      throw error
    }
    return fetched
  }

  private func part(of records: RawRecords, _ bytesMax: Int) -> Read {
    let first = records.first(bytesMax: bytesMax)
    if first.count < records.count, let last = first.offsets.last {
      return Read(records: first, next: last + 1, isAtEnd: false)
    }
    return Read(records: records, next: next, isAtEnd: isAtEnd)
  }

  private func take(_ fetched: headrace_kafka_fetched, _ stamp: (Int) -> Int64) -> RawRecords {
    let count = fetched.count
    let buffer = buffers.take(fetched.byte_count)
    var records = RawRecords(buffer: buffer)
    if fetched.has_headers { records.headers = (0..<count).map { headers($0) } }
    records.keyStart = Array(repeating: 0, count: count)
    records.keyLength = records.keyStart
    records.valueStart = records.keyStart
    records.valueLength = records.keyStart
    records.timestamps = Array(repeating: 0, count: count)
    records.offsets = records.timestamps
    headrace_kafka_take(
      pointer, buffer.base, &records.keyStart, &records.keyLength, &records.valueStart,
      &records.valueLength, &records.timestamps, &records.offsets)
    buffer.count = fetched.byte_count
    let first = stamp(count)
    records.sequences = (0..<Int64(count)).map { first + $0 }
    return records
  }

  private func headers(_ row: Int) -> [RecordHeader] {
    var result: [RecordHeader] = []
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while headrace_kafka_header(pointer, row, result.count, &name, &value, &size) {
      guard let name else { break }
      let bytes = value.map { Array(UnsafeRawBufferPointer(start: $0, count: size)) }
      result.append(RecordHeader(key: String(cString: name), value: bytes))
    }
    return result
  }

  private func move(to offset: Int64) throws(StorageError) {
    close()
    batch = .none
    batchStart = offset
    next = offset
  }

  private func open() throws(StorageError) {
    isAtEnd = false
    pointer = try client.request("reading partition \(partition)", topic) { fault in
      headrace_kafka_cursor_open(client.handle, topic, Int32(partition), next, &fault)
    }
  }

  private func close() {
    if let pointer { headrace_kafka_cursor_close(pointer) }
    pointer = nil
    isAtEnd = false
  }

  /// Begins to fetch, so that what comes raises the signal.
  func watch() throws(StorageError) {
    try lock.withLock { () throws(StorageError) in if pointer == nil { try open() } }
  }
}

/// The buffers of large fetches, again and again: rows refer to them until their slice is computed,
/// and the allocator would give so much memory back to the system and fault it in anew meanwhile.
final class FetchBuffers: Sendable {
  private struct State {
    var kept: [ByteBuffer] = []
    var lastUse = ContinuousClock.now
  }

  private let state = Monitor(State())
  private static let bytesMin = 64 << 10
  private static let keptBytesMax = 16 << 20
  /// They go when there was nothing to read for so long.
  private static let idle = Duration.seconds(1)

  /// An empty buffer for so many bytes.
  func take(_ bytes: Int) -> ByteBuffer {
    guard bytes >= Self.bytesMin else { return ByteBuffer(capacity: bytes) }
    return state.withLock { state in
      state.lastUse = .now
      for index in state.kept.indices
      where (bytes...(2 * bytes)).contains(state.kept[index].capacity) {
        guard isKnownUniquelyReferenced(&state.kept[index]) else { continue }
        state.kept[index].count = 0
        return state.kept[index]
      }
      // Whole steps, so that one serves as another.
      let fresh = ByteBuffer(capacity: (bytes / Self.bytesMin + 1) * Self.bytesMin)
      state.kept.append(fresh)
      var sum = state.kept.reduce(0) { $0 + $1.capacity }
      while sum > Self.keptBytesMax { sum -= state.kept.removeFirst().capacity }
      return fresh
    }
  }

  /// A read has found nothing.
  func noteEmptyRead() {
    state.withLock { state in
      guard !state.kept.isEmpty, ContinuousClock.now - state.lastUse > Self.idle else { return }
      state.kept = []
    }
  }
}

/// All cursors of a store.
final class KafkaCursors: Sendable {
  private struct State {
    var lanes: [KafkaClient] = []
    /// One a lane but the first, see `openLane`.
    var pulses: [KafkaCursor] = []
    /// By topic and partition; one a lane at most, in their order.
    var cursors: [TextKey: [KafkaCursor?]] = [:]
    var uses: UInt64 = 0
    var delivered: Int64 = 0
  }

  /// Places of a partition that are read at a time without going back and forth.
  private static let lanesMax = 6
  private let state = Monitor(State())
  private let buffers = FetchBuffers()
  private let open: @Sendable () throws(StorageError) -> KafkaClient

  /// A topic in which little is written.
  private let quietTopic: String?

  init(
    quietTopic: String?, _ open: @escaping @Sendable () throws(StorageError) -> KafkaClient
  ) {
    (self.quietTopic, self.open) = (quietTopic, open)
  }

  /// librdkafka stops fetching when it has enough of all partitions, and looks again after a
  /// second, or when something else is fetched. So each lane follows a topic in which there is
  /// hardly anything: that fetch ends after 20 ms. In the first lane there are the store's own
  /// topics.
  private func openLane(_ state: inout State) throws(StorageError) {
    let lane = try open()
    if let quietTopic, !state.lanes.isEmpty {
      let pulse = KafkaCursor(lane, buffers, quietTopic, 0, at: KafkaCursor.end)
      try pulse.watch()
      state.pulses.append(pulse)
    }
    state.lanes.append(lane)
  }

  func read(
    _ topic: String, _ partition: Int, from offset: Int64, waitMs: Int32, bytesMax: Int = .max
  ) throws(StorageError) -> KafkaCursor.Read {
    let cursor = try cursor(topic, partition, offset)
    return try cursor.read(from: offset, waitMs: waitMs, bytesMax: bytesMax) { count in
      state.withLock { state in
        state.delivered += Int64(count)
        return state.delivered - Int64(count)
      }
    }
  }

  /// Sees to it that what comes to a partition, which ends at `end` now, raises the signal.
  func watch(_ topic: String, _ partition: Int, end: Int64) throws(StorageError) {
    let key = TextKey("\(topic)/\(partition)")
    guard state.withLock({ $0.cursors[key] == nil }) else { return }
    try cursor(topic, partition, end).watch()
  }

  /// The cursor that goes on at an offset, or else the one that was not used for longest.
  private func cursor(
    _ topic: String, _ partition: Int, _ offset: Int64
  ) throws(StorageError) -> KafkaCursor {
    let key = TextKey("\(topic)/\(partition)")
    return try state.withLock { (state) throws(StorageError) in
      state.uses += 1
      var known = state.cursors[key] ?? []
      let found = known.first { $0?.holds(offset) ?? false } ?? nil
      let cursor: KafkaCursor
      if let found {
        cursor = found
      } else if let free = known.firstIndex(where: { $0 == nil }) ?? newLane(known.count) {
        while state.lanes.count <= free { try openLane(&state) }
        cursor = KafkaCursor(state.lanes[free], buffers, topic, partition, at: offset)
        while known.count <= free { known.append(nil) }
        known[free] = cursor
      } else {
        cursor =
          known.compactMap { $0 }.min { $0.lastUse < $1.lastUse }
          ?? KafkaCursor(state.lanes[0], buffers, topic, partition, at: offset)
      }
      cursor.lastUse = state.uses
      state.cursors[key] = known
      return cursor
    }
  }

  private func newLane(_ count: Int) -> Int? { count < Self.lanesMax ? count : nil }

  /// The readers of a topic that is gone.
  func forget(_ topic: String) {
    state.withLock { state in
      state.cursors = state.cursors.filter { !$0.key.text.hasPrefix("\(topic)/") }
    }
  }

  func closeAll() {
    state.withLock { state in
      (state.cursors, state.pulses) = ([:], [])
      state.lanes = []
    }
  }
}
