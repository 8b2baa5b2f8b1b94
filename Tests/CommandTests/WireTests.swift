// The socket protocol's encodings: what goes in comes out, and no bytes whatever make the reader trap.

import Columns
import Foundation
import LogStorage
import Testing

@testable import Engine

@Suite struct WireTests {
  private let type = DataType.structure([
    StructField("a", .array(.map(key: .string, value: .decimal(precision: 10, scale: 2)))),
    StructField("b", .timestamp), StructField("c", .boolean),
  ])

  @Test func values() throws {
    let values: [Value] = [
      .null, .boolean(true), .int(-1), .bigint(.max), .double(.infinity), .string("é"),
      .decimal(Decimal("-12.50") ?? Decimal(0)), .bytes([0, 255]), .date(1), .time(2),
      .timestamp(3), .array([.int(1), .null]), .map([MapEntry(.string("k"), .bigint(1))]),
      .structure([.null, .string("x")]),
    ]
    var writer = WireWriter()
    writer.put([ResultColumn("v", type, isKey: true)])
    for value in values { writer.put(value) }
    var reader = WireReader(writer.bytes)
    let columns = try reader.columns()
    #expect(columns == [ResultColumn("v", type, isKey: true)])
    for value in values {
      let read = try reader.value()
      #expect(read == value)
    }
    let isAtEnd = reader.isAtEnd
    #expect(isAtEnd)
  }

  @Test func records() throws {
    var records = RawRecords(buffer: ByteBuffer(capacity: 16))
    records.append(key: nil, value: [1], timestamp: 5)
    records.append(
      key: [2], value: nil, timestamp: 6, headers: [RecordHeader(key: "h", value: nil)])
    records.offsets = [10, 11]
    records.sequences = [20, 21]
    var writer = WireWriter()
    writer.put(records)
    var reader = WireReader(writer.bytes)
    let read = try reader.records()
    #expect(read.count == 2 && read.key(0) == nil && read.value(1) == nil)
    #expect(read.offsets == [10, 11] && read.sequences == [20, 21] && read.timestamps == [5, 6])
    #expect(read.headers == [[], [RecordHeader(key: "h", value: nil)]])
  }

  /// Damaged payloads are refused or read as something; they never crash.
  @Test func damaged() {
    var writer = WireWriter()
    writer.put([ResultColumn("v", type)])
    for _ in 0..<3 { writer.put(Value.array([.string("abc"), .map([])])) }
    var state: UInt64 = 42
    for _ in 0..<5000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var bytes = writer.bytes
      bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      bytes.removeLast(Int(state >> 50) % 4)
      var reader = WireReader(bytes)
      if let columns = try? reader.columns() {
        _ = try? reader.rows(width: max(1, min(columns.count, 4)))
      }
      var other = WireReader(bytes)
      _ = try? other.records()
    }
  }

  @Test func hashes() {
    #expect(
      SHA256.hash([])
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      SHA256.hash(Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      SHA256.hash([UInt8](repeating: 97, count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
