// The socket protocol's encodings: what goes in comes out, and no bytes whatever make the reader trap.

import HeadraceColumns
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace
@testable import HeadraceCommand

@Suite struct WireTests {
  private let type = DataType.structure([
    StructField("a", .array(.map(key: .string, value: .decimal(precision: 10, scale: 2)))),
    StructField("b", .timestamp), StructField("c", .boolean),
  ])

  /// Clients up to the limit are served, one more is told why it is not, and has its turn when another has gone.
  @Test func clients() throws {
    let scratch = try Scratch()
    let directory = scratch.path + "/data"
    var options = EngineOptions(directory: directory)
    options.clientsMax = 2
    let engine = try Engine.open(options)
    let loop = EngineLoop(engine)
    let server = try Server(engine, directory: directory)
    func attach() throws -> RemoteConnection {
      try #require(try RemoteConnection.attach(directory: directory, isBatch: true))
    }
    func ask(_ connection: RemoteConnection) throws {
      try connection.execute(SourceText(name: "test", "SHOW TOPICS;"), CollectedResult())
    }
    let first = try attach()
    let second = try attach()
    for _ in 0..<3 {
      let error = try #require(throws: ServiceError.self) { try attach() }
      #expect(error.kind == .limit && error.text.contains("2 clients"), "\(error.text)")
    }
    try ask(first)
    second.close()
    var third: RemoteConnection?
    for _ in 0..<1000 where third == nil {
      third = try? attach()
      usleep(10_000)
    }
    try ask(#require(third))
    server.stop()
    loop.stop()
    try engine.close()
  }

  /// Lines of a producer that go together, at the limit and beyond it.
  @Test func linesThatGoTogether() {
    for (text, together, isWithin) in [
      ("12345678\n", 1, true), ("12345678\n12", 1, true), ("123456789\n", 1, false),
      ("12345678", 1, true), ("123456789", 1, false), ("1\n2345678\n9", 1, true),
      ("123\n5678\n", 2, true), ("123\n5678\n1\n", 2, true), ("123\n56789\n", 2, false),
      ("123\n5678", 2, true), ("123\n56789", 2, false), ("", 1, true),
    ] {
      #expect(Produce.isWithin(8, Array(text.utf8), together: together) == isWithin, "\(text)")
    }
  }

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
