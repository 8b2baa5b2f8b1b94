// What the log costs: a commit by touched partitions, and a record each way through Kafka's format.
// Run small by the tests, so that it cannot rot, and at full size by Benchmarks/log-benchmark.

public import HeadraceColumns
import HeadraceFoundations
import HeadraceLogStorage
public import HeadraceTopics
internal import Glibc

/// Measurements of the log; each returns lines to print.
public enum LogBenchmark {
  /// Nanoseconds of processor time of this thread.
  private static func threadTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  private static func wallTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  private static func milliseconds(_ nanoseconds: Int) -> String {
    let hundredths = (nanoseconds + 5_000) / 10_000
    let rest = hundredths % 100
    return "\(hundredths / 100)." + (rest < 10 ? "0" : "") + "\(rest)"
  }

  private static func tenths(_ total: Int, per count: Int) -> String {
    let value = total * 10 / max(1, count)
    return "\(value / 10).\(value % 10)"
  }

  /// Records with 8-byte keys and values of `valueBytes`.
  public static func sample(_ count: Int, valueBytes: Int = 223) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: count * (valueBytes + 8)))
    let value = (0..<valueBytes).map { UInt8(truncatingIfNeeded: 32 + $0 % 90) }
    for index in 0..<count {
      let key = withUnsafeBytes(of: Int64(index).bigEndian) { Array($0) }
      records.append(key: key, value: value, timestamp: 1_700_000_000_000 + Int64(index))
    }
    return records
  }

  /// Nanoseconds a record to encode and to decode one batch of 1000 after the other, with and
  /// without the CRC; best of `rounds`.
  public static func codec(records count: Int, rounds: Int) throws(StorageError) -> [String] {
    let batchRecords = min(1000, count)
    let input = sample(batchRecords)
    var encoder = RecordBatchEncoder()
    encoder.recordsPerBatch = batchRecords
    encoder.bytesPerBatch = 1 << 20
    let repeats = max(1, count / batchRecords)
    var best = [Int](repeating: .max, count: 4)
    var sum = 0
    for _ in 0..<rounds {
      var start = threadTime()
      for _ in 0..<repeats { sum &+= try encoder.encode(input).byteCount }
      best[1] = min(best[1], threadTime() - start)
      let encoded = try encoder.encode(input)
      encoded.sealFirst()
      start = threadTime()
      for _ in 0..<repeats { sum &+= Int(encoded.checksum()) }
      best[0] = min(best[0], threadTime() - start)
      for checksCRC in [false, true] {
        start = threadTime()
        for _ in 0..<repeats { sum &+= try encoded.decoded(checksCRC: checksCRC).count }
        best[checksCRC ? 3 : 2] = min(best[checksCRC ? 3 : 2], threadTime() - start)
      }
    }
    // The encoder always sums up, so its time without is the difference.
    best[0] = best[1] - best[0]
    let figures = best.map { tenths($0, per: repeats * batchRecords) }
    return [
      "encode \(figures[0]) ns a record without CRC, \(figures[1]) with",
      "decode \(figures[2]) ns a record without CRC, \(figures[3]) with",
      "\(repeats) batches of \(batchRecords) records of 223 + 8 bytes, check \(sum)",
    ]
  }

  /// Milliseconds of epoch commits that touch `partitions` partitions with `bytes` each.
  public static func commits(
    directory: String, partitions: Int, bytes: Int, count: Int, durability: Durability = .disk
  ) throws(StorageError) -> [String] {
    let store = try LogStore.open(directory: directory, durability: durability)
    try store.createTopic("out", partitions: partitions)
    let records = sample(max(1, bytes / 240))
    var times: [Int] = []
    for epoch in 0..<count {
      var commit = EpochCommit(epoch: Int64(epoch))
      commit.metadata = [.init(key: Array("position".utf8), value: [UInt8(epoch & 255)])]
      for partition in 0..<partitions {
        commit.outputs.append(.init(topic: "out", partition: partition, records: records))
      }
      let start = wallTime()
      try store.commit(commit)
      times.append(wallTime() - start)
    }
    let counters = store.counters
    try store.close()
    times.sort()
    let middle = milliseconds(times[times.count / 2])
    let slow = milliseconds(times[min(times.count - 1, times.count * 99 / 100)])
    let written = Double(counters.bytesWritten) / Double(max(1, counters.segmentBytesWritten))
    let amplification = Int(written * 100)
    return [
      "\(partitions) partitions x \(bytes) bytes: p50 \(middle) ms, p99 \(slow) ms, "
        + "\(counters.syncCount) syncs for \(count) commits, "
        + "\(counters.checkpointCount) checkpoints, "
        + "written \(amplification) % of the data"
    ]
  }

  /// Reading a topic from end to end, warm.
  public static func scan(
    directory: String, records count: Int
  ) throws(StorageError) -> [String] {
    let store = try LogStore.openTemporary(directory: directory)
    try store.createTopic("in", partitions: 1)
    let records = sample(10_000)
    let appendStart = wallTime()
    var appended = 0
    while appended < count {
      try store.append("in", [(0, records)])
      appended += records.count
    }
    let appendTime = wallTime() - appendStart
    var best = Int.max
    for _ in 0..<3 {
      let start = threadTime()
      var offset: Int64 = 0
      while offset < Int64(appended) { offset = try store.read("in", 0, from: offset).nextOffset }
      best = min(best, threadTime() - start)
    }
    try store.close()
    return [
      "append \(tenths(appendTime, per: appended)) ns a record (wall, page cache), "
        + "read \(tenths(best, per: appended)) ns (processor, with pread and CRC)"
    ]
  }

  /// JSON objects of about 230 bytes, as events look: some fields of a few values, some of many.
  static func events(_ count: Int, from first: Int) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: count * 250))
    var state: UInt64 = UInt64(first) &* 0x9E37_79B9_7F4A_7C15 | 1
    func number(_ limit: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % limit
    }
    let cities = ["Oslo", "Bern", "Quito", "Lima", "Accra", "Hanoi", "Perth", "Turin"]
    for index in first..<first + count {
      let time = 1_700_000_000_000 + Int64(index)
      let (user, session) = (number(100_000), String(number(1 << 60), radix: 16))
      let value =
        #"{"event_time":\#(time),"user_id":\#(user),"session":"\#(session)","#
        + #""page":"/products/\#(number(5_000))/details","city":"\#(cities[Int(number(8))])","#
        + #""amount":\#(number(100_000)).\#(number(90) + 10),"currency":"EUR","agent":"#
        + #""Mozilla/5.0 (X11; Linux x86_64) build \#(number(40))","referrer":null,"ok":true}"#
      records.append(key: Array("\(user)".utf8), value: Array(value.utf8), timestamp: time)
    }
    return records
  }

  /// What each codec makes of JSON records: bytes, and the time of writing and of reading them.
  public static func compression(
    directory: String, records count: Int
  ) throws(StorageError) -> [String] {
    let step = min(10_000, count)
    let parts = stride(from: 0, to: count, by: step).map { events(step, from: $0) }
    let plainBytes = parts.reduce(0) { $0 + $1.buffer.count }
    let store = try LogStore.openTemporary(directory: directory)
    var lines: [String] = []
    for codec in CompressionType.allCases {
      var config = TopicConfig()
      config.compression = codec
      try store.createTopic(codec.name, partitions: 1, config: config)
      var start = threadTime()
      for part in parts { try store.append(codec.name, [(0, part)]) }
      let writing = threadTime() - start
      var reading = Int.max
      for _ in 0..<3 {
        start = threadTime()
        var offset: Int64 = 0
        while offset < Int64(count) {
          offset = try store.read(codec.name, 0, from: offset).nextOffset
        }
        reading = min(reading, threadTime() - start)
      }
      let bytes = Int(store.topic(codec.name)?.partitions[0].byteCount ?? 0)
      lines.append(
        "\(codec.name): \(bytes) bytes of \(plainBytes), written in \(tenths(writing, per: count)) "
          + "ns a record, read in \(tenths(reading, per: count)) (processor)")
    }
    try store.close()
    return lines
  }
}
