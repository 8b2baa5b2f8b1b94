// A file as a log: its lines are records, the offset of a record is the byte at which its line starts. The
// file may grow; a last line without its end is read only where no more is expected, in a batch run.

import CSupport
import Columns
import Executor
import Foundations
import Glibc
import LogStorage
import Planner

final class FileReader: RecordReader {
  private let file: any OutsideFile
  private let hasHeader: Bool
  /// Whether an unterminated last line counts as a record: at the end of input of a batch run.
  private let takesOpenLine: Bool
  private let lineBytesMax: Int
  /// Checksum of the first bytes, once it is known.
  private let head = Monitor<UInt32?>(nil)
  /// Up to where the file was told that it will be read.
  private let askedFor = Monitor<Int64>(0)
  private static let aheadBytes: Int64 = 64 << 20

  /// Opens the partition's file of a source: the files of its path or glob, sorted, are one partition each.
  static func open(
    _ source: SourceDefinition, _ pattern: String, partition: Int, takesOpenLine: Bool,
    _ files: any OutsideFiles, lineBytesMax: Int
  ) throws(QueryFailure) -> FileReader {
    let paths = files.matches(pattern)
    guard partition < paths.count else {
      throw QueryFailure("file \"\(pattern)\" does not exist")
    }
    do {
      return FileReader(
        try files.open(paths[partition], beneath: source.fileRoots),
        hasHeader: source.fileHasHeader, takesOpenLine: takesOpenLine,
        lineBytesMax: lineBytesMax)
    } catch {
      switch error {
      case .outside:
        throw QueryFailure(
          "the path \"\(paths[partition])\" lies outside the declared directories")
      case .storage(let error):
        throw QueryFailure("cannot open \"\(paths[partition])\": \(error)")
      }
    }
  }

  init(_ file: any OutsideFile, hasHeader: Bool, takesOpenLine: Bool, lineBytesMax: Int) {
    self.lineBytesMax = lineBytesMax
    self.file = file
    self.hasHeader = hasHeader
    self.takesOpenLine = takesOpenLine
  }

  func identity(consumed: Int64) throws(StorageError) -> FileIdentity {
    try FileIdentity(file, consumed: consumed)
  }

  /// As `identity`, each epoch: the first bytes, once all of them are consumed, are looked at once.
  func identityToCommit(consumed: Int64) throws(StorageError) -> FileIdentity {
    guard consumed >= FileIdentity.headBytes else { return try identity(consumed: consumed) }
    let known = head.withLock { $0 }
    let result = try FileIdentity(file, consumed: consumed, head: known)
    if known == nil { head.withLock { $0 = result.head } }
    return result
  }

  /// Tells the file what will be read next, so that what is not in memory is on its way early.
  private func lookAhead(from offset: Int64) {
    let wanted = askedFor.withLock { asked -> Range<Int64>? in
      let end = offset + Self.aheadBytes
      if asked < offset || asked > end { asked = offset }
      // In large pieces: each is a call.
      guard end - asked >= Self.aheadBytes / 4 else { return nil }
      defer { asked = end }
      return asked..<end
    }
    if let wanted { file.willRead(wanted) }
  }

  /// Bytes in the file now; 0 when nobody knows.
  var byteCount: Int64 { (try? file.identity().size) ?? 0 }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> LogRead {
    var wanted = maxBytes
    lookAhead(from: offset)
    while true {
      let buffer = ByteBuffer(capacity: wanted)
      var got = 0
      while got < wanted {
        let count = try file.read(
          into: UnsafeMutableRawBufferPointer(start: buffer.base + got, count: wanted - got),
          at: offset + Int64(got))
        if count == 0 { break }
        got += count
      }
      buffer.count = got
      let isWhole = got < wanted
      let size = got == 0 ? try file.identity().size : Int64.max
      if size < offset {
        throw StorageError(
          .io, "the file has become shorter", path: file.path, expected: "\(offset) bytes",
          found: "\(size)")
      }
      let (records, consumed) = try lines(buffer, offset, takesRest: isWhole)
      if consumed > 0 || isWhole {
        return LogRead(records: records, nextOffset: offset + Int64(consumed))
      }
      // A line longer than the buffer: take a larger one, up to the limit of a record.
      let enough = lineBytesMax + 2  // With its end.
      guard wanted < enough else { throw tooLong(offset) }
      wanted = min(wanted * 4, enough)
    }
  }

  private func tooLong(_ offset: Int64) -> StorageError {
    StorageError(
      .tooLarge, "read", path: file.path, position: offset,
      expected: "a line of at most \(lineBytesMax) bytes")
  }

  private func lines(
    _ buffer: ByteBuffer, _ offset: Int64, takesRest: Bool
  ) throws(StorageError) -> (RawRecords, Int) {
    var lines = FoundLines(in: buffer)
    var start = 0
    while start < buffer.count {
      var end = buffer.count
      var next = end
      if let found = lines.nextEnd() {
        end = found
        next = end + 1
      } else if !takesRest || !takesOpenLine {
        break
      }
      var length = end - start
      if length > 0, buffer.base[start + length - 1] == 0x0D { length -= 1 }
      if length > lineBytesMax {
        // The lines before it have their turn.
        if start > 0 { break }
        throw tooLong(offset)
      }
      let isHeader = hasHeader && offset == 0 && start == 0
      if length > 0, !isHeader { lines.append(start, length) }
      start = next
    }
    var records = RawRecords(buffer: buffer)
    (records.valueStart, records.valueLength) = lines.take()
    let count = records.valueStart.count
    records.offsets = records.valueStart.map { offset + Int64($0) }
    records.keyStart = Array(repeating: 0, count: count)
    records.keyLength = Array(repeating: -1, count: count)
    records.timestamps = Array(repeating: 0, count: count)
    records.sequences = records.offsets
    return (records, start)
  }
}

/// The lines of a buffer. Their ends are looked for many at a time, and their starts and lengths go to the arrays many at
/// a time: a call and two appends for each take longer than what is done with the line.
private struct FoundLines: ~Copyable {
  private static let room = 512
  private let buffer: ByteBuffer
  private let ends = UnsafeMutablePointer<Int32>.allocate(capacity: 3 * room)
  private var endCount = 0
  private var place = 0
  /// Up to where ends were looked for.
  private var searched = 0
  private var recentCount = 0
  private var starts: [Int32] = []
  private var lengths: [Int32] = []

  init(in buffer: ByteBuffer) { self.buffer = buffer }

  deinit { ends.deallocate() }

  /// Where the next line feed stands.
  mutating func nextEnd() -> Int? {
    if place == endCount {
      guard searched < buffer.count else { return nil }
      place = 0
      endCount = headrace_positions(buffer.base, searched, buffer.count, 0x0A, ends, Self.room)
      searched = endCount < Self.room ? buffer.count : Int(ends[endCount - 1]) + 1
      if endCount == 0 { return nil }
    }
    place += 1
    return Int(ends[place - 1])
  }

  mutating func append(_ start: Int, _ length: Int) {
    if recentCount == Self.room { flush() }
    ends[Self.room + recentCount] = Int32(start)
    ends[2 * Self.room + recentCount] = Int32(length)
    recentCount += 1
  }

  private mutating func flush() {
    let recent = UnsafeBufferPointer(start: ends + Self.room, count: 2 * Self.room)
    starts.append(contentsOf: recent[..<recentCount])
    lengths.append(contentsOf: recent[Self.room..<Self.room + recentCount])
    recentCount = 0
  }

  mutating func take() -> (starts: [Int32], lengths: [Int32]) {
    flush()
    return (starts, lengths)
  }
}
