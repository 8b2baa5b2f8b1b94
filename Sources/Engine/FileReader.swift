// A file as a log: its lines are records, the offset of a record is the byte at which its line starts. The
// file may grow; a last line without its end is read only where no more is expected, in a batch run.

import Columns
import Executor
import Glibc
import LogStorage

final class FileReader: RecordReader {
  private let path: String
  private let descriptor: Int32
  private let partition: Int
  private let hasHeader: Bool
  /// Whether an unterminated last line counts as a record: at the end of input of a batch run.
  private let takesOpenLine: Bool

  /// The files of a path or glob, sorted; one partition each.
  static func paths(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, GLOB_TILDE, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { index in
      found.gl_pathv[index].map { String(cString: $0) }
    }.sorted()
  }

  static func open(
    _ pattern: String, partition: Int, hasHeader: Bool, takesOpenLine: Bool
  ) throws(QueryFailure) -> FileReader {
    let paths = Self.paths(pattern)
    guard partition < paths.count else {
      throw QueryFailure("file \"\(pattern)\" does not exist")
    }
    let descriptor = Glibc.open(paths[partition], O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw QueryFailure(
        "cannot open \"\(paths[partition])\": \(String(cString: strerror(errno)))")
    }
    return FileReader(paths[partition], descriptor, partition, hasHeader, takesOpenLine)
  }

  private init(
    _ path: String, _ descriptor: Int32, _ partition: Int, _ hasHeader: Bool, _ takesOpenLine: Bool
  ) {
    self.hasHeader = hasHeader
    self.path = path
    self.descriptor = descriptor
    self.partition = partition
    self.takesOpenLine = takesOpenLine
  }

  deinit { close(descriptor) }

  func identity(consumed: Int64) throws(StorageError) -> FileIdentity {
    try FileIdentity(descriptor, path: path, consumed: consumed)
  }

  /// Bytes in the file now.
  var byteCount: Int64 {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> LogRead {
    var wanted = maxBytes
    while true {
      let buffer = ByteBuffer(capacity: wanted)
      var got = 0
      while got < wanted {
        let count = pread(descriptor, buffer.base + got, wanted - got, off_t(offset) + off_t(got))
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else {
          throw StorageError(.io, "read", path: path, position: offset, errno: errno)
        }
        if count == 0 { break }
        got += count
      }
      buffer.count = got
      let isWhole = got < wanted
      if got == 0, byteCount < offset {
        throw StorageError(
          .io, "the file has become shorter", path: path, expected: "\(offset) bytes",
          found: "\(byteCount)")
      }
      let (records, consumed) = lines(buffer, offset, takesRest: isWhole)
      if consumed > 0 || isWhole {
        return LogRead(records: records, nextOffset: offset + Int64(consumed))
      }
      // A line longer than the buffer: take a larger one, up to the limit of a record.
      guard wanted < 64 << 20 else {
        throw StorageError(
          .tooLarge, "read", path: path, position: offset, expected: "a line of at most 64 MiB")
      }
      wanted *= 4
    }
  }

  private func lines(
    _ buffer: ByteBuffer, _ offset: Int64, takesRest: Bool
  ) -> (RawRecords, Int) {
    var records = RawRecords(buffer: buffer)
    let estimate = buffer.count / 64 + 1
    records.valueStart.reserveCapacity(estimate)
    records.valueLength.reserveCapacity(estimate)
    records.offsets.reserveCapacity(estimate)
    var start = 0
    while start < buffer.count {
      let end: Int
      let next: Int
      if let found = memchr(buffer.base + start, 0x0A, buffer.count - start) {
        end = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(buffer.base)
        next = end + 1
      } else {
        guard takesRest, takesOpenLine else { break }
        end = buffer.count
        next = end
      }
      var length = end - start
      if length > 0, buffer.base[start + length - 1] == 0x0D { length -= 1 }
      let isHeader = hasHeader && offset == 0 && start == 0
      if length > 0, !isHeader {
        records.valueStart.append(Int32(start))
        records.valueLength.append(Int32(length))
        records.offsets.append(offset + Int64(start))
      }
      start = next
    }
    let count = records.valueStart.count
    records.keyStart = Array(repeating: 0, count: count)
    records.keyLength = Array(repeating: -1, count: count)
    records.timestamps = Array(repeating: 0, count: count)
    records.sequences = records.offsets
    return (records, start)
  }
}
