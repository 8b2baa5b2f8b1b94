// The codec: what is encoded is decoded, and no bytes, however hostile, do more than throw.

import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct RecordBatchTests {
  /// Random records with nulls, empty and large fields, and headers if asked for.
  static func random(
    _ count: Int, _ random: inout SeededGenerator, headers: Bool = false
  ) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    let sizes = [
      0, 1, 30, 49, 50, 51, 55, 56, 57, 58, 63, 64, 65, 127, 128, 200, 8170, 8192, 20_000,
    ]
    for _ in 0..<count {
      func field() -> [UInt8]? {
        let kind = Int.random(in: 0..<8, using: &random)
        if kind == 0 { return nil }
        let size = kind == 1 ? sizes.randomElement(using: &random) ?? 0 : kind * 9
        return (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ kind) }
      }
      var list: [RecordHeader] = []
      if headers && Bool.random(using: &random) {
        list = [RecordHeader(key: "k€", value: field()), RecordHeader(key: "", value: nil)]
      }
      records.append(
        key: field(), value: field(),
        timestamp: Int64.random(in: -1_000...5_000_000_000_000, using: &random), headers: list)
    }
    return records
  }

  static func same(_ a: RawRecords, _ b: RawRecords) -> Bool {
    guard a.count == b.count, a.timestamps == b.timestamps else { return false }
    for index in 0..<a.count {
      guard a.key(index).map(Array.init) == b.key(index).map(Array.init),
        a.value(index).map(Array.init) == b.value(index).map(Array.init)
      else { return false }
    }
    let none = Array(repeating: [RecordHeader](), count: a.count)
    return (a.headers.isEmpty ? none : a.headers) == (b.headers.isEmpty ? none : b.headers)
  }

  /// Gives the batches offsets from `offset` on.
  static func seal(_ encoded: EncodedBatches, from offset: Int64) {
    var next = offset
    for (index, batch) in encoded.batches.enumerated() {
      encoded.seal(index, offset: next, sequenceDelta: UInt32(next * 3))
      next += Int64(batch.offsetSpan)
    }
  }

  static func decode(_ buffer: ByteBuffer, from offset: Int64) throws(StorageError) -> RawRecords {
    var walker = BatchWalker(
      buffer.raw, BatchExpectation(path: "test", position: 0, offset: offset, segmentSequence: 5))
    var batches: [CheckedBatch] = []
    while case .batch(let batch) = try walker.next() { batches.append(batch) }
    return try RecordDecoder.decode(buffer, batches, from: offset, path: "test", position: 0)
  }

  @Test func recordsComeBack() throws {
    var random = SeededGenerator(state: 1)
    for round in 0..<60 {
      let input = Self.random(round * 5, &random, headers: round % 3 == 0)
      var encoder = RecordBatchEncoder()
      encoder.recordsPerBatch = [1, 7, 1000][round % 3]
      let encoded = try encoder.encode(input)
      #expect(encoded.recordCount == input.count)
      Self.seal(encoded, from: 100)
      let output = try Self.decode(encoded.buffer, from: 100)
      #expect(Self.same(input, output), "round \(round)")
      #expect(output.offsets == (0..<Int64(input.count)).map { 100 + $0 })
      if encoder.recordsPerBatch == 1 {
        #expect(output.sequences == output.offsets.map { 5 + $0 * 3 })
      }
    }
  }

  @Test func controlBatchesAreSkipped() throws {
    let encoder = RecordBatchEncoder()
    let marker = try encoder.encodeControl(key: [0, 0, 0, 1], value: [0, 0], timestamp: 9)
    let plain = try encoder.encode(records(["x"]))
    marker.seal(0, offset: 4, sequenceDelta: 0)
    plain.seal(0, offset: 5, sequenceDelta: 1)
    let both = ByteBuffer(capacity: 0)
    both.append(marker.buffer.raw)
    both.append(plain.buffer.raw)
    let output = try Self.decode(both, from: 4)
    #expect(values(output) == ["x"] && output.offsets == [5])
  }

  @Test func otherCodecsAreRefusedByName() throws {
    for (bits, name) in [(1, "gzip"), (2, "snappy"), (7, "codec 7")] as [(UInt8, String)] {
      let encoded = try RecordBatchEncoder().encode(records(["x"]))
      encoded.buffer.base[22] |= bits
      encoded.seal(0, offset: 0, sequenceDelta: 0)
      let error = #expect(throws: StorageError.self) { try Self.decode(encoded.buffer, from: 0) }
      #expect(error?.kind == .unsupportedCompression && error?.operation == name)
    }
  }

  @Test func everyFlippedBitIsFound() throws {
    var random = SeededGenerator(state: 3)
    let input = Self.random(6, &random, headers: true)
    let encoded = try RecordBatchEncoder().encode(input)
    encoded.seal(0, offset: 9, sequenceDelta: 77)
    for bit in 0..<(min(encoded.byteCount, 400) * 8) {
      encoded.buffer.base[bit / 8] ^= 1 << UInt8(bit % 8)
      do throws(StorageError) {
        let output = try Self.decode(encoded.buffer, from: 9)
        #expect(output.count == 0, "bit \(bit) went unnoticed")
      } catch {
        #expect(error.kind == .corruption, "bit \(bit): \(error)")
      }
      encoded.buffer.base[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }

  /// Hostile records under a right CRC: the decoder alone must hold.
  @Test func hostileRecordsOnlyThrow() throws {
    var random = SeededGenerator(state: 4)
    var thrown = 0
    for _ in 0..<3_000 {
      let input = Self.random(3, &random, headers: Bool.random(using: &random))
      let encoded = try RecordBatchEncoder().encode(input)
      guard encoded.byteCount < 4000 else { continue }
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 57..<encoded.byteCount, using: &random)
        encoded.buffer.base[place] =
          Bool.random(using: &random) ? 0xFF : UInt8.random(in: 0...255, using: &random)
      }
      encoded.seal(0, offset: 0, sequenceDelta: 0)
      do throws(StorageError) {
        let output = try Self.decode(encoded.buffer, from: 0)
        for index in 0..<output.count {
          _ = output.key(index).map(Array.init)
          _ = output.value(index).map(Array.init)
        }
      } catch {
        thrown += 1
        #expect(error.kind == .corruption)
      }
    }
    #expect(thrown > 300)
  }

  @Test func limitsAreChecked() throws {
    var encoder = RecordBatchEncoder()
    encoder.recordBytesMax = 10
    _ = try encoder.encode(records(["0123456789"]))
    #expect(throws: StorageError.self) { try encoder.encode(records(["0123456789a"])) }
    var broken = records(["abc"])
    broken.valueLength[0] = 1_000_000
    #expect(throws: StorageError.self) { try RecordBatchEncoder().encode(broken) }
  }

  @Test func checksumsAndHashesAreTheKnownOnes() {
    // RFC 3720, B.4.
    let crcs: [([UInt8], UInt32)] = [
      (Array("123456789".utf8), 0xE306_9283), (Array(repeating: 0, count: 32), 0x8A91_36AA),
      (Array(repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
    ]
    for (bytes, crc) in crcs { #expect(bytes.withRaw { crc32c($0) } == crc) }
    let hashes: [(String, Int32)] = [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ]
    for (text, hash) in hashes {
      #expect(Array(text.utf8).withUnsafeBytes { Partitioner.murmur2($0) } == hash, "\(text)")
    }
    #expect(
      Partitioner.partition(key: Array("foobar".utf8), partitionCount: 7) == 1_357_151_166 % 7)
    #expect(Partitioner.partition(key: nil, inputPartition: 9, partitionCount: 4) == 1)
    var random = SeededGenerator(state: 5)
    for size in [0, 1, 5, 100, 4096, 70_001] {
      let first = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
      let second = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
      let whole = (first + second).withRaw { crc32c($0) }
      let parts = CRC32CCombine.combine(
        first.withRaw { crc32c($0) }, second.withRaw { crc32c($0) }, secondBytes: size)
      #expect(whole == parts, "\(size) bytes")
    }
  }
}
