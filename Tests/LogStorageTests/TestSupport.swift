// What the tests of the log share: directories that go away, records from strings, a seeded
// generator.

import HeadraceColumns
import Glibc

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

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

typealias SeededGenerator = SplitMix

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
