// Container files as logs: fixtures of several blocks, read from any record on, in any pieces, while they grow, and damaged.

import Foundation
import HeadraceColumns
import HeadraceFormats
import HeadraceTopics
import Testing

@testable import Headrace

/// A file in memory that gives few bytes at once.
private final class SmallFile: OutsideFile, @unchecked Sendable {
  // Unchecked: one test has it.
  var bytes: [UInt8]
  let piece: Int
  let path = "small.avro"

  init(_ bytes: [UInt8], piece: Int = .max) {
    self.bytes = bytes
    self.piece = piece
  }

  func read(into target: UnsafeMutableRawBufferPointer, at position: Int64) -> Int {
    let found = bytes.dropFirst(Int(position)).prefix(min(target.count, piece))
    target.copyBytes(from: found)
    return found.count
  }

  func readNext(into target: UnsafeMutableRawBufferPointer) -> Int { 0 }
  func write(_ bytes: UnsafeRawBufferPointer) {}
  func finish() {}
  func identity() -> (device: UInt64, inode: UInt64, size: Int64) { (1, 1, Int64(bytes.count)) }
}

@Suite struct BlockContentTests {
  private static let count = 4

  private func fixture(_ codec: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures")
    return Array(try Data(contentsOf: folder.appendingPathComponent("fastavro-\(codec).avro")))
  }

  private func content(
    _ file: SmallFile, takesOpenEnd: Bool = true
  ) throws -> BlockContent {
    let format = try #require(RecordFormats.named("AVRO"))
    return BlockContent(
      file, try #require(format.containerReader()), takesOpenEnd: takesOpenEnd)
  }

  /// Offsets and values from an offset on, and how many bytes were consumed with each read.
  private func read(
    _ content: BlockContent, from start: Int64 = 0
  ) throws -> (values: [Int64: [UInt8]], ends: [Int64: Int64]) {
    var result: [Int64: [UInt8]] = [:]
    var ends: [Int64: Int64] = [:]
    var offset = start
    while case .records(let records, let next) = try content.read(from: offset, maxBytes: 1) {
      for row in 0..<records.count {
        result[records.offsets[row]] = records.value(row).map { Array($0) }
      }
      #expect(next > offset && records.sequences == records.offsets)
      offset = next
      ends[next] = try content.bytes(before: next)
    }
    return (result, ends)
  }

  @Test(arguments: ["null", "deflate"]) func readsFromAnyRecordOn(_ codec: String) throws {
    let bytes = try fixture(codec)
    let all = try read(content(SmallFile(bytes)))
    #expect(all.values.keys.sorted() == [0, 1, 2, 3] && all.ends[4] == Int64(bytes.count))
    #expect(all.ends.count > 1, "the fixture has several blocks")
    for piece in [1, 3, 50, .max] {
      let known = try content(SmallFile(bytes, piece: piece))
      for start in [3, 0, 2, 1, 4, 0] as [Int64] {
        for content in [known, try content(SmallFile(bytes, piece: piece))] {
          let rest = try read(content, from: start)
          #expect(rest.values == all.values.filter { $0.key >= start })
          for (offset, byte) in rest.ends { #expect(all.ends[offset] == byte) }
        }
      }
    }
  }

  @Test func theFileGrows() throws {
    let bytes = try fixture("deflate")
    let all = try read(content(SmallFile(bytes)))
    let file = SmallFile([])
    let content = try content(file, takesOpenEnd: false)
    var (offset, found) = (Int64(0), [Int64: [UInt8]]())
    for length in 0...bytes.count {
      file.bytes = Array(bytes.prefix(length))
      while case .records(let records, let next) = try content.read(from: offset, maxBytes: 1) {
        #expect(all.ends[next] == Int64(length))
        for row in 0..<records.count {
          found[records.offsets[row]] = records.value(row).map { Array($0) }
        }
        offset = next
      }
    }
    #expect(found == all.values)
  }

  /// Every beginning of a file, and every bit the other way: records, or an error with its place.
  @Test func damageIsAnError() throws {
    let bytes = try fixture("null")
    let all = try read(content(SmallFile(bytes)))
    let starts = Set(all.ends.values)
    for length in 1..<bytes.count where !starts.contains(Int64(length)) {
      do {
        let some = try read(content(SmallFile(Array(bytes.prefix(length)))))
        #expect(some.values.isEmpty, "\(length) bytes")
      } catch let error as StorageError {
        #expect(error.kind == .corruption && error.position != nil)
      }
    }
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      do {
        #expect(try read(content(SmallFile(changed))).values.count <= Self.count)
      } catch let error as StorageError {
        #expect(error.kind == .corruption)
      }
    }
  }
}
