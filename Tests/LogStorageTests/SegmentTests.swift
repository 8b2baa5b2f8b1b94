// Segments and topics from the outside: rolling, indexes, search, retention, names, and an
// independent reader of the files.

import HeadraceLogBenchmark
import HeadraceColumns
import Glibc
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct SegmentTests {
  static func smallSegments() -> TopicConfig {
    var config = TopicConfig()
    config.segmentBytes = 10_000
    return config
  }

  /// What an index takes in memory does not grow with its segment.
  @Test func largeSegmentsHaveAsManyEntries() throws {
    var index = SegmentIndex(baseOffset: 100)
    for batch in 0..<20_000 {
      let offset = Int64(100 + batch * 3)
      index.add(
        offset: offset, nextOffset: offset + 3, baseOffset: 100, byteCount: 4096,
        sequence: offset * 2, recordSpan: 3, maxTimestamp: offset)
      #expect(index.entries.count <= SegmentIndex.entriesMax)
    }
    let files = index.files(baseOffset: 100)
    let read = try #require(
      SegmentIndex(
        offsetIndex: files.offsetIndex.array(), timeIndex: files.timeIndex.array(),
        sequenceIndex: files.sequenceIndex.array(), baseOffset: 100))
    #expect(read.entries == index.entries)
    #expect(index.entries.count > SegmentIndex.entriesMax / 4)
    for wanted in stride(from: 0, to: 60_000, by: 777) {
      let entry = try #require(index.lastEntry { Int($0.relativeOffset) > wanted })
      #expect(Int(entry.relativeOffset) == Int(entry.position) / 4096 * 3)
      // No more than two intervals are looked through.
      #expect(wanted - Int(entry.relativeOffset) < 60_000 * 2 / index.entries.count + 3)
    }
  }

  @Test func offsetsTimesAndSequencesAreFound() throws {
    let directory = try TemporaryDirectory()
    var options = LogStoreOptions()
    options.encoder.recordsPerBatch = 3
    var store = try LogStore.open(directory: directory.path, options: options)
    try store.createTopic("t", partitions: 1, config: Self.smallSegments())
    try store.createTopic("other", partitions: 1)
    for round in 0..<200 {
      let texts = (0..<7).map { "\(round * 7 + $0) " + String(repeating: "z", count: 40) }
      try store.append("t", [(0, records(texts, at: Int64(round) * 10))])
      try store.append("other", [(0, records(["x", "y"]))])
    }
    for reopening in 0..<4 {
      // Index files: as written by close; removed; damaged.
      if reopening > 0 {
        try store.close()
        for name in try PosixFileSystem().list(directory.path + "/topics/t/0-1")
        where name.hasSuffix("index") && reopening > 1 {
          let path = directory.path + "/topics/t/0-1/" + name
          let file = try PosixFileSystem().open(path, create: false)
          if reopening == 2 { try PosixFileSystem().unlink(path) }
          if reopening == 3, try file.size() > 0 {
            try [UInt8(0x5A)].withRaw { (byte) throws(StorageError) in
              try file.write(byte, at: try file.size() / 2)
            }
          }
        }
        store = try LogStore.open(directory: directory.path, options: options)
      }
      #expect(store.topic("t").map { $0.partitions[0].segmentCount > 5 } ?? false)
      for offset in stride(from: Int64(0), to: 1400, by: 13) {
        let read = try store.read("t", 0, from: offset, maxBytes: 100)
        #expect(read.records.offsets.first == offset)
        #expect(values(read.records)[0].hasPrefix("\(offset) "))
        let round = offset / 7
        #expect(read.records.sequences.first == round * 9 + offset % 7)
        #expect(try store.offset("t", 0, forTimestamp: round * 10) == round * 7)
        #expect(try store.offset("t", 0, forTimestamp: round * 10 - 5) == round * 7)
        #expect(try store.offset("t", 0, forSequence: round * 9 + offset % 7) == offset)
        #expect(try store.offset("t", 0, forSequence: round * 9 + 7) == (round + 1) * 7)
      }
      #expect(try store.offset("t", 0, forTimestamp: 1991) == 1400)
      #expect(try store.read("t", 0, from: 1400).records.count == 0)
      #expect(throws: StorageError.self) { try store.read("t", 0, from: 1401) }
      #expect(try store.verify().damages.isEmpty)
    }
    try store.close()
  }

  @Test func retentionAndDeletionDropWholeSegments() throws {
    let directory = try TemporaryDirectory()
    let store = try LogStore.open(directory: directory.path)
    var config = Self.smallSegments()
    config.retentionMs = 1000
    try store.createTopic("timed", partitions: 1, config: config)
    config.retentionMs = nil
    config.retentionBytes = 15_000
    try store.createTopic("sized", partitions: 1, config: config)
    for round in 0..<100 {
      let texts = (0..<10).map { _ in String(repeating: "z", count: 90) }
      for topic in ["timed", "sized"] {
        try store.append(topic, [(0, records(texts, at: Int64(round) * 100))])
      }
    }
    #expect(try store.applyRetention(now: 5_000) > 0)
    let start = try store.earliestOffset("timed", 0)
    #expect(start > 200 && start <= 410)
    #expect(try store.read("timed", 0, from: start).records.offsets.first == start)
    #expect(throws: StorageError.self) { try store.read("timed", 0, from: start - 1) }
    let bytes = store.topic("sized")?.partitions[0].byteCount ?? 0
    #expect(bytes >= 15_000 && bytes <= 25_000)
    #expect(try store.applyRetention(now: 5_000) == 0)
    try store.deleteRecords(topic: "sized", partition: 0, before: 995)
    #expect(try store.read("sized", 0, from: 995).records.count == 5)
    let segments = try PosixFileSystem().list(directory.path + "/topics/sized/0-2").count
    try store.checkpoint()
    #expect(try PosixFileSystem().list(directory.path + "/topics/sized/0-2").count < segments)
    try store.deleteTopic("sized")
    try store.checkpoint()
    #expect(try !PosixFileSystem().exists(directory.path + "/topics/sized"))
    try store.close()
    let other = try LogStore.open(directory: directory.path)
    #expect(try other.earliestOffset("timed", 0) == start)
    try other.close()
  }

  @Test func wrongCallsAreRefused() throws {
    let directory = try TemporaryDirectory()
    let store = try LogStore.open(directory: directory.path)
    try store.createTopic("t", partitions: 2)
    let long = String(repeating: "n", count: 250)
    for name in ["", ".", "..", "a/b", "a b", "ä", long] {
      let error = #expect(throws: StorageError.self) { try store.createTopic(name, partitions: 1) }
      #expect(error?.kind == .invalidName)
    }
    try store.createTopic(String(long.dropFirst()), partitions: 1)
    let one = records(["x"])
    let calls: [(StorageError.Kind, () throws -> Void)] = [
      (.topicExists, { try store.createTopic("t", partitions: 1) }),
      (.invalidArgument, { try store.createTopic("u", partitions: 0) }),
      (.topicUnknown, { try store.append("u", [(0, one)]) }),
      (.partitionUnknown, { try store.append("t", [(2, one)]) }),
      (.topicUnknown, { try store.deleteTopic("u") }),
      (.partitionUnknown, { _ = try store.read("t", 2, from: 0) }),
      (.offsetOutOfRange, { try store.deleteRecords(topic: "t", partition: 0, before: 1) }),
      (.invalidArgument, { try store.commit(EpochCommit(epoch: -2)) }),
    ]
    for (kind, call) in calls {
      let error = #expect(throws: StorageError.self, "\(kind)") { try call() }
      #expect(error?.kind == kind)
    }
    // A refused commit leaves nothing, not even its good parts.
    var epoch = EpochCommit(epoch: 1)
    epoch.topicsCreated = [TopicCreation(name: "new", partitionCount: 1)]
    epoch.outputs = [
      .init(topic: "new", partition: 0, records: one),
      .init(topic: "gone", partition: 0, records: one),
    ]
    #expect(throws: StorageError.self) { try store.commit(epoch) }
    #expect(store.topic("new") == nil)
    try store.close()
  }

  @Test func givenSequencesAreKept() throws {
    let directory = try TemporaryDirectory()
    let store = try LogStore.open(directory: directory.path)
    try store.createTopic("t", partitions: 2)
    func output(_ sequence: Int64?) -> EpochCommit.Output {
      .init(topic: "t", partition: 0, records: records(["a", "b"]), sequence: sequence)
    }
    try store.commit(EpochCommit(epoch: 1, outputs: [output(100)]))
    try store.commit(EpochCommit(epoch: 2, outputs: [output(nil)]))
    try store.commit(EpochCommit(epoch: 3, outputs: [output(5_000_000_000)]))
    for refused in [[output(50)], [output(6_000_000_000), output(6_000_000_001)]] {
      #expect(throws: StorageError.self) {
        try store.commit(EpochCommit(epoch: 4, outputs: refused))
      }
    }
    try store.append("t", [(1, records(["c"]))])
    try store.close()
    let other = try LogStore.open(directory: directory.path)
    var found: [Int64] = []
    var offset: Int64 = 0
    while offset < 6 {
      let read = try other.read("t", 0, from: offset)
      found += read.records.sequences
      offset = read.nextOffset
    }
    #expect(found == [100, 101, 102, 103, 5_000_000_000, 5_000_000_001])
    #expect(try other.read("t", 1, from: 0).records.sequences == [5_000_000_002])
    try other.close()
  }

  @Test func theBenchmarkRuns() throws {
    let directory = try TemporaryDirectory()
    #expect(try LogBenchmark.codec(records: 3000, rounds: 1).count == 3)
    #expect(try LogBenchmark.scan(directory: directory.path + "/a", records: 20_000).count == 1)
    let codecs = try LogBenchmark.compression(directory: directory.path + "/c", records: 2_000)
    #expect(codecs.map { $0.prefix(5) } == ["none:", "lz4: ", "zstd:"])
    let lines = try LogBenchmark.commits(
      directory: directory.path + "/b", partitions: 4, bytes: 500, count: 5)
    #expect(lines[0].contains("syncs for 5 commits"))
  }

  /// aiokafka (PyPI) reads a segment of ours, compressed ones with cramjam; without them the test says so and
  /// passes.
  @Test(arguments: [[.none], [.lz4, .none, .zstd]] as [[CompressionType]])
  func anIndependentReaderReadsSegments(codecs: [CompressionType]) throws {
    let directory = try TemporaryDirectory()
    var random = SeededGenerator(state: 11)
    let store = try LogStore.open(directory: directory.path)
    try store.createTopic("t", partitions: 1)
    var expected: [String] = []
    for round in 0..<6 {
      try store.alterTopic("t") { $0.compression = codecs[round % codecs.count] }
      let input = RecordBatchTests.random(700, &random, headers: round % 2 == 1)
      for index in 0..<input.count {
        func text(_ bytes: [UInt8]?) -> String {
          guard let bytes else { return "-" }
          return "x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let headers = input.headers.isEmpty ? [] : input.headers[index]
        let list = headers.map { $0.key + "=" + text($0.value) }.joined(separator: ",")
        expected.append(
          "\(expected.count) \(input.timestamps[index]) \(text(input.key(index).map(Array.init))) "
            + "\(text(input.value(index).map(Array.init))) \(list)")
      }
      try store.append("t", [(0, input)])
    }
    try store.close()
    let tool =
      String(#filePath.dropLast("LogStorageTests/SegmentTests.swift".count))
      + "Tools/read_segments.py"
    let segment = directory.path + "/topics/t/0-1/00000000000000000000.log"
    let command = "python3 '\(tool)' '\(segment)' > '\(directory.path)/out' 2>&1"
    let status = system(command)
    if status == 3 << 8 || status == 127 << 8 {
      print("skipped: an independent reader needs python3 with aiokafka and cramjam")
      return
    }
    let bytes = try PosixFileSystem().contents(directory.path + "/out")
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(status == 0 && lines.count == expected.count)
    for (found, wanted) in zip(lines, expected) where found != wanted {
      Issue.record("\(found.prefix(200)) instead of \(wanted.prefix(200))")
      break
    }
  }
}
