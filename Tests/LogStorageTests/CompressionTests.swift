// Compressed batches: they come back, whatever the codec and whenever the setting changed; what claims or
// expands to too much, and what is cut or changed, is damage with its place.

import HeadraceFoundations
import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct CompressionTests {
  static let codecs: [CompressionType] = [.lz4, .zstd]

  /// A batch of the given records, sealed at offset 0.
  static func batch(_ records: RawRecords, _ codec: CompressionType) throws -> EncodedBatches {
    let encoded = try RecordBatchEncoder().encode(records).compressed(codec)
    RecordBatchTests.seal(encoded, from: 0)
    return encoded
  }

  static func lines(_ count: Int) -> RawRecords {
    records((0..<count).map { "{\"id\": \($0), \"name\": \"somebody\", \"amount\": \($0 * 7)}" })
  }

  /// Puts a payload of our own into a batch: what no encoder of ours would write.
  static func batch(
    payload: [UInt8], _ codec: CompressionType, count: Int32
  ) throws -> ByteBuffer {
    let encoded = try RecordBatchEncoder().encode(records(["x"]))
    let bytes = ByteBuffer(encoded.buffer.array().prefix(RecordBatchFormat.headerBytes))
    bytes.append(payload)
    let header = UnsafeMutableRawPointer(bytes.base)
    header.putBig(Int32(bytes.count - RecordBatchFormat.lengthEnd), at: 8)
    header.putBig(UInt16(codec.rawValue), at: 21)
    header.putBig(count, at: 57)
    BatchRewriter.seal(bytes, lastOffsetDelta: max(0, count - 1), sequenceDelta: 0)
    return bytes
  }

  static func compress(_ bytes: [UInt8], _ codec: CompressionType) throws -> [UInt8] {
    let contexts = CodecContexts.take()
    defer { contexts.giveBack() }
    let target = ByteBuffer(capacity: 0)
    #expect(try bytes.withRaw { try contexts.compress($0, codec, onto: target) })
    return target.array()
  }

  @Test(arguments: codecs) func recordsComeBack(codec: CompressionType) throws {
    var random = SeededGenerator(state: 11)
    for round in 0..<30 {
      let input = RecordBatchTests.random(round * 9, &random, headers: round % 3 == 0)
      let encoded = try Self.batch(input, codec)
      #expect(encoded.recordCount == input.count)
      #expect(RecordBatchTests.same(input, try RecordBatchTests.decode(encoded.buffer, from: 0)))
    }
    let many = try Self.batch(Self.lines(5_000), codec)
    #expect(many.byteCount * 4 < (try RecordBatchEncoder().encode(Self.lines(5_000)).byteCount))
    let output = try RecordBatchTests.decode(many.buffer, from: 0)
    #expect(values(output) == values(Self.lines(5_000)))
    #expect(output.offsets == Array(0..<5_000))
  }

  @Test func smallOnesAndControlBatchesStayAsTheyAre() throws {
    for codec in Self.codecs {
      let small = try RecordBatchEncoder().encode(records(["x"]))
      #expect(try small.compressed(codec).buffer.array() == small.buffer.array())
      let marker = try RecordBatchEncoder().encodeControl(
        key: [0, 0, 0, 1], value: Array(repeating: 0, count: 500), timestamp: 9)
      #expect(try marker.compressed(codec).buffer.array() == marker.buffer.array())
    }
  }

  @Test(arguments: codecs) func everyFlippedBitIsFound(codec: CompressionType) throws {
    let encoded = try Self.batch(Self.lines(20), codec)
    for bit in 0..<encoded.byteCount * 8 {
      encoded.buffer.base[bit / 8] ^= 1 << UInt8(bit % 8)
      do throws(StorageError) {
        let output = try RecordBatchTests.decode(encoded.buffer, from: 0)
        #expect(output.count == 0, "bit \(bit) went unnoticed")
      } catch {
        #expect(error.kind == .corruption, "bit \(bit): \(error)")
      }
      encoded.buffer.base[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }

  /// Under a right checksum the codec and the decoder alone must hold.
  @Test(arguments: codecs) func hostileBytesOnlyThrow(codec: CompressionType) throws {
    var random = SeededGenerator(state: 12)
    var thrown = 0
    for _ in 0..<2_000 {
      let encoded = try Self.batch(Self.lines(12), codec)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 57..<encoded.byteCount, using: &random)
        encoded.buffer.base[place] = UInt8.random(in: 0...255, using: &random)
      }
      let bytes = encoded.buffer
      BatchRewriter.seal(bytes, lastOffsetDelta: 11, sequenceDelta: 0)
      do throws(StorageError) {
        let output = try RecordBatchTests.decode(bytes, from: 0)
        for row in 0..<output.count { _ = output.value(row).map(Array.init) }
      } catch {
        thrown += 1
        #expect(error.kind == .corruption)
      }
    }
    #expect(thrown > 300)
  }

  @Test(arguments: codecs) func aBombIsDamage(codec: CompressionType) throws {
    func failure(_ zeros: Int, hidingSize: Bool) throws -> StorageError? {
      var payload = try Self.compress([UInt8](repeating: 0, count: zeros), codec)
      if hidingSize { payload = try Self.withoutSize(payload, codec) }
      let bytes = try Self.batch(payload: payload, codec, count: 1)
      return #expect(throws: StorageError.self) { try RecordBatchTests.decode(bytes, from: 0) }
    }
    let limit = RecordBatchFormat.expandedBytesMax
    for hidingSize in [false, true] {
      let over = try failure(limit + 1, hidingSize: hidingSize)
      #expect(over?.kind == .corruption && over?.position == 0)
      #expect(over?.expected == "at most \(limit) bytes")
      #expect(over?.operation.contains(codec.name) ?? false)
      // At the limit it is expanded; what is found then is that zeros are no record.
      let at = try failure(limit, hidingSize: hidingSize)
      #expect(at?.operation == "a record does not fit its batch")
    }
    // Records that there is no room for are refused before memory is taken for them.
    let few = try Self.batch(
      payload: try Self.compress([UInt8](repeating: 0, count: 700), codec), codec, count: 101)
    let error = #expect(throws: StorageError.self) { try RecordBatchTests.decode(few, from: 0) }
    #expect(error?.operation == "record count of a batch")
    let cut = try Self.compress(Array(repeating: 7, count: 5_000), codec).dropLast(3)
    let torn = try Self.batch(payload: Array(cut), codec, count: 1)
    // A frame that was given up does not spoil the next one, which says nothing of its size.
    for _ in 0..<5 {
      #expect(throws: StorageError.self) { try RecordBatchTests.decode(torn, from: 0) }
      KafkaBatchTests.expect(
        try RecordBatchTests.decode(KafkaBatchTests.bytes(KafkaBatchTests.lz4), from: 0))
    }
  }

  /// The same frame, as a writer makes it that does not know how much will come.
  private static func withoutSize(
    _ frame: [UInt8], _ codec: CompressionType
  ) throws -> [UInt8] {
    var bytes = frame
    switch codec {
    case .none: break
    case .lz4:
      // Flag 3 and the eight bytes of the size; then the checksum of the header fits no more.
      bytes[4] &= ~0x08
      bytes.removeSubrange(6..<14)
      bytes[6] = lz4HeaderChecksum(Array(bytes[4..<6]))
    case .zstd:
      // One segment with a size becomes a window of 128 MiB without one.
      let widths = [1, 2, 4, 8]
      let width = widths[Int(bytes[4] >> 6)]
      let isSingle = bytes[4] & 0x20 != 0
      let sizeStart = isSingle ? 5 : 6
      bytes.removeSubrange(sizeStart..<sizeStart + (width == 1 && !isSingle ? 0 : width))
      if isSingle { bytes.insert(17 << 3, at: 5) }
      bytes[4] &= ~0xE0
    }
    return bytes
  }

  /// Second byte of the 32-bit xxHash of fewer than four bytes.
  private static func lz4HeaderChecksum(_ bytes: [UInt8]) -> UInt8 {
    var hash = UInt32(374_761_393) &+ UInt32(bytes.count)
    for byte in bytes {
      hash = hash &+ UInt32(byte) &* 374_761_393
      hash = (hash << 11 | hash >> 21) &* 2_654_435_761
    }
    hash = (hash ^ hash >> 15) &* 2_246_822_519
    hash = (hash ^ hash >> 13) &* 3_266_489_917
    return UInt8(truncatingIfNeeded: (hash ^ hash >> 16) >> 8)
  }

  // MARK: - In a store

  private static func text(_ store: LogStore, maxBytes: Int) throws -> [String] {
    var result: [String] = []
    var offset: Int64 = 0
    while offset < (try store.committedEnd("t", 0)) {
      let read = try store.read("t", 0, from: offset, maxBytes: maxBytes)
      for row in 0..<read.records.count {
        let value = read.records.value(row).map { String(decoding: $0, as: UTF8.self) } ?? "null"
        result.append("\(read.records.offsets[row]) \(value)")
      }
      #expect(read.nextOffset > offset)
      offset = read.nextOffset
    }
    return result
  }

  @Test func theSettingMayChangeAtAnyTime() throws {
    let place = try TemporaryDirectory()
    var expected: [String] = []
    var store = try LogStore.open(directory: place.path + "/d")
    var config = TopicConfig()
    config.compression = .zstd
    try store.createTopic("t", partitions: 1, config: config)
    var sizes: [Int64] = []
    for (step, codec) in [.zstd, .none, .lz4, .zstd, .lz4, .none].enumerated()
      as EnumeratedSequence<[CompressionType]>
    {
      if step > 0 { try store.alterTopic("t") { $0.compression = codec } }
      let before = store.topic("t")?.partitions[0].byteCount ?? 0
      let input = Self.lines(3_000)
      try store.append("t", [(0, input)])
      expected += values(input).enumerated().map { "\(step * 3_000 + $0.offset) \($0.element)" }
      sizes.append((store.topic("t")?.partitions[0].byteCount ?? 0) - before)
      if step == 2 {
        try store.close()
        store = try LogStore.open(directory: place.path + "/d")
        #expect(store.topic("t")?.config.compression == .lz4)
      }
    }
    #expect(sizes[0] == sizes[3] && sizes[2] == sizes[4] && sizes[1] == sizes[5])
    #expect(sizes[0] < sizes[2] && sizes[2] * 3 < sizes[1])
    for maxBytes in [1, 5_000, 512 << 10, 64 << 20] {
      #expect(try Self.text(store, maxBytes: maxBytes) == expected, "\(maxBytes)")
    }
    // A read expands to about as much as it may.
    let read = try store.read("t", 0, from: 0, maxBytes: 70_000)
    #expect(read.records.buffer.count < 200_000)
    #expect(try store.verify().damages.isEmpty)
    #expect(try store.offset("t", 0, forSequence: 4_321) == 4_321)
    try store.close()
  }

  @Test func conditionsAndTransactionsSeeCompressedKeys() throws {
    let place = try TemporaryDirectory()
    let store = try LogStore.open(directory: place.path + "/d")
    var config = TopicConfig()
    config.compression = .lz4
    try store.createTopic("t", partitions: 1, config: config)
    var keyed = RawRecords(buffer: ByteBuffer(capacity: 0))
    for row in 0..<50 {
      keyed.append(key: Array("k\(row)".utf8), value: Array("vvvvvvvv".utf8), timestamp: 0)
    }
    var transaction = TopicAppend(outputs: [
      EpochCommit.Output(topic: "t", partition: 0, records: keyed)
    ])
    try store.commit(transaction)
    for (key, isRefused) in [("k49", true), ("k50", false)] {
      transaction.conditions = [
        KeyCondition(topic: "t", partition: 0, knownEnd: 0, keys: [Array(key.utf8)])
      ]
      do {
        try store.commit(transaction)
        #expect(!isRefused)
      } catch {
        #expect(isRefused && error.kind == .conflict, "\(error)")
      }
    }
    try store.close()
  }

  @Test func compactionWritesWithTheCodecOfTheTopic() throws {
    let place = try TemporaryDirectory()
    let store = try LogStore.open(directory: place.path + "/d")
    var config = TopicConfig(cleanupPolicy: .compact)
    config.compression = .lz4
    try store.createTopic("t", partitions: 1, config: config)
    func put(_ round: Int) throws {
      var keyed = RawRecords(buffer: ByteBuffer(capacity: 0))
      for row in 0..<400 {
        keyed.append(
          key: Array("key \(row)".utf8), value: Array("\(round) \(row) somebody".utf8),
          timestamp: 0)
      }
      try store.append("t", [(0, keyed)])
    }
    for round in 0..<3 { try put(round) }
    var late = RawRecords(buffer: ByteBuffer(capacity: 0))
    for row in stride(from: 0, to: 400, by: 2) {
      late.append(key: Array("key \(row)".utf8), value: Array("late".utf8), timestamp: 0)
    }
    try store.append("t", [(0, late)])
    try store.alterTopic("t") { $0.compression = .zstd }
    let report = try store.compact(topic: "t", now: 1)
    #expect(report.recordsRemoved == 1_000)
    let kept = try Self.text(store, maxBytes: 1 << 20)
    #expect(kept.count == 400 && kept[0] == "801 2 1 somebody")
    // The batch that lost records is zstd, the one that stayed whole still lz4.
    let log = try #require(store.shared.withLock { $0.published.topics["t"] }).partitions[0]
    var names: [String] = []
    for part in log.segments where part.extent.byteCount > 0 {
      let expectation = BatchExpectation(
        path: part.segment.path, position: 0, offset: part.segment.baseOffset,
        segmentSequence: part.segment.baseSequence)
      try part.segment.scan(expectation, to: part.extent.byteCount, chain: 0) { batch in
        if batch.header.count > 0 {
          names.append(RecordBatchFormat.compressionName(batch.header.attributes))
        }
      }
    }
    #expect(names == ["zstd", "lz4"])
    #expect(try store.verify().damages.isEmpty)
    try store.close()
  }

  @Test func topicsWithoutTheSettingAreWrittenAsBefore() throws {
    for codec in CompressionType.allCases {
      var config = TopicConfig()
      config.compression = codec
      let bytes = ByteBuffer(capacity: 0)
      config.write(to: bytes)
      #expect(bytes.count == (codec == .none ? 58 : 59))
      var reader = ByteReader(bytes.raw, path: "")
      #expect(try TopicConfig(from: &reader) == config)
    }
    #expect(CompressionType(name: "gzip") == nil && CompressionType(name: "LZ4") == .lz4)
  }
}
