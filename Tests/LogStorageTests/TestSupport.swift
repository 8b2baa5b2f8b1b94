// What the tests of the log share: directories that go away, records from strings, a seeded
// generator.

import HeadraceColumns
import Glibc

@testable import HeadraceLogStorage
import HeadraceTopics

/// A directory that is removed with the last reference.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/headrace-log-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw systemError("making a directory", "/tmp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    do {
      try PosixFileSystem().removeTree(path)
    } catch {
      perror(error.description)
    }
  }
}

/// Splitmix64: the same seed gives the same numbers everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Records without keys, one for each string.
func records(_ values: [String], at timestamp: Int64 = 0) -> RawRecords {
  var records = RawRecords(buffer: ByteBuffer(capacity: 256))
  for value in values {
    records.append(key: nil, value: Array(value.utf8), timestamp: timestamp)
  }
  return records
}

func values(_ records: RawRecords) -> [String] {
  (0..<records.count).map { index in
    records.value(index).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }
}
