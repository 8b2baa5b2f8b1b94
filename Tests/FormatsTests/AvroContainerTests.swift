// Container files: those that fastavro 1.13.1 wrote (two fixtures, four rows in several blocks), our own, and damaged ones.

import Foundation
import HeadraceColumns
import Testing

@testable import HeadraceFormats

@Suite struct AvroContainerTests {
  private let fields = [
    FormatField("ID", .bigint), FormatField("NAME", .string), FormatField("EXTRA", .array(.int)),
  ]
  private var rows: [[Value]] {
    (0..<4 as Range<Int32>).map { index in
      let name = index % 2 == 0 ? Value.string("n\(index)") : .null
      let extra = Array(repeating: Value.int(index), count: Int(index))
      return [.bigint(Int64(index)), name, .array(extra)]
    }
  }

  private func fixture(_ codec: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures")
    return Array(try Data(contentsOf: folder.appendingPathComponent("fastavro-\(codec).avro")))
  }

  /// `piece`: how many bytes come at once.
  private func read(
    _ file: [UInt8], piece: Int = .max, isDamaged: Bool = false
  ) throws(ContainerProblem) -> [[Value]] {
    let reader = AvroContainerReader()
    var (kept, rest) = ([UInt8](), file[...])
    var result: [[Value]] = []
    while true {
      let isEnd = rest.isEmpty
      let found = kept.withUnsafeBufferPointer { bytes in
        Result { () throws(ContainerProblem) in try reader.split(bytes, isEnd: isEnd) }
      }
      let (records, end) = try found.get()
      kept.removeFirst(end)
      if end == 0, isEnd { return result }
      if end == 0 {
        kept += rest.prefix(piece)
        rest = rest.dropFirst(piece)
      }
      guard records.count > 0, let layout = reader.layout else { continue }
      let side = SideDecoder(layout: layout, fields: fields).decode(
        records, .value, rows: 0..<records.count)
      #expect(side.bad.isEmpty || isDamaged)
      result += FormatsTests.rows(side, fields, count: records.count)
    }
  }

  private func written(_ blocks: Int) throws -> [UInt8] {
    let writer = try AvroContainerWriter(fields)
    let columns = fields.enumerated().map { index, field in
      Column.from(rows.map { $0[index] }, field.type)
    }
    return try writer.opening
      + (0..<blocks).flatMap { _ in try writer.block(columns, count: rows.count) }
  }

  @Test(arguments: ["null", "deflate"]) func readsThoseOfOthers(_ codec: String) throws {
    let file = try fixture(codec)
    for piece in [1, 7, 100, .max] { #expect(try read(file, piece: piece) == rows) }
  }

  @Test func readsItsOwn() throws {
    #expect(try read(try written(2)) == rows + rows)
    #expect(try read(try written(0)) == [])
  }

  /// Every beginning of a file, and every bit the other way: rows, or a problem.
  @Test func damageIsAProblem() throws {
    for file in [try fixture("null"), try fixture("deflate"), try written(1)] {
      let blockStart = try #require(
        (0..<file.count).first { (try? read(Array(file.prefix($0)))) != nil })
      for length in 0..<file.count where length != blockStart {
        // Between two blocks a file may end.
        if let some = try? read(Array(file.prefix(length))) { #expect(some.count < 4) }
      }
      for bit in 0..<file.count * 8 {
        var changed = file
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        _ = try? read(changed, isDamaged: true)
      }
    }
  }

  @Test func otherCodecsAreNamed() throws {
    let file = String(decoding: try fixture("null"), as: UTF8.self)
    let other = file.replacing("avro.codec\u{8}null", with: "avro.codec\u{8}zstd")
    #expect(other != file)
    let problem = #expect(throws: ContainerProblem.self) { try read(Array(other.utf8)) }
    #expect(problem?.message == "blocks compressed with zstd cannot be read, only deflate")
    let none = #expect(throws: ContainerProblem.self) { try read(Array("{\"a\":1}".utf8)) }
    #expect(none?.message == "this is no Avro container file")
  }
}
