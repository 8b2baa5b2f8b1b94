// The bytes of a text file to records, one a line: of streams over files and of COPY alike. A byte
// order mark is no part of the first line, nor a carriage return of any. In CSV a line end inside
// quotes belongs to the record.
// Invariant: where a record ends depends only on the bytes from its start on, so that reading may
// begin at any record.

internal import CHeadraceSupport
public import HeadraceColumns
import HeadraceFoundations

public struct LineSplitter: Sendable {
  /// A record that is longer than the limit, as its offset.
  public struct TooLong: Error { public var offset: Int64 }

  /// Stands between the fields of a line, those in quotes apart; nil: every line end ends a record.
  public let separator: UInt8?
  /// An empty line is a record: with one column it says NULL.
  private let keepsEmptyLines: Bool
  private let bytesMax: Int

  /// `columns`: fields of a line.
  public init(_ layout: FormatLayout, columns: Int, bytesMax: Int) {
    separator = layout.spec.format.lines?.separator(layout.spec)
    keepsEmptyLines = separator != nil && columns == 1
    self.bytesMax = bytesMax
  }

  /// Complete lines of a buffer whose first byte is byte `offset` of the file, from byte `start` of
  /// the buffer on; and where in it they end, which is `start` if the first one is longer than the
  /// buffer. `isEnd`: nothing comes behind the buffer, and an open last line counts. `limit`: of
  /// CSV, at most so many records.
  /// Throws: a first line beyond the limit; later ones have their turn.
  public func split(
    _ buffer: ByteBuffer, from start: Int = 0, at offset: Int64, isEnd: Bool, limit: Int = .max
  ) throws(TooLong) -> (records: RawRecords, end: Int) {
    let start = offset == 0 && start == 0 && startsWithMark(buffer) ? 3 : start
    guard let separator else { return try plain(buffer, start, offset, isEnd) }
    var next = start
    var lines = FoundLines(in: buffer, from: start)
    var quote = QuoteSearch(buffer)
    var found = 0
    scan: while next < buffer.count, found < limit {
      guard var end = lines.nextEnd() ?? (isEnd ? buffer.count : nil) else { break }
      if quote.stands(in: next..<end) {
        switch quotedEnd(buffer, next, separator, isEnd: isEnd) {
        case .at(let place) where place - next <= bytesMax + 1:
          while end < place { end = lines.nextEnd() ?? buffer.count }
          end = place
        // One stray quote costs its line and no other.
        case .at, .malformed: break
        case .open: if !isEnd, buffer.count - next <= bytesMax { break scan }
        }
      }
      var length = end - next
      if length > 0, buffer.base[end - 1] == 0x0D { length -= 1 }
      if length > bytesMax {
        if found > 0 { break }
        throw TooLong(offset: offset + Int64(next))
      }
      if length > 0 || keepsEmptyLines {
        lines.append(next, length)
        found += 1
      }
      next = min(end + 1, buffer.count)
    }
    return (records(lines.take(), buffer, offset), next)
  }

  /// The same where every line end ends a record. By itself: it is done for each line of JSON.
  private func plain(
    _ buffer: ByteBuffer, _ start: Int, _ offset: Int64, _ isEnd: Bool
  ) throws(TooLong) -> (records: RawRecords, end: Int) {
    var lines = FoundLines(in: buffer, from: start)
    var start = start
    while start < buffer.count {
      var end = buffer.count
      var next = end
      if let found = lines.nextEnd() {
        end = found
        next = end + 1
      } else if !isEnd {
        break
      }
      var length = end - start
      if length > 0, buffer.base[start + length - 1] == 0x0D { length -= 1 }
      if length > bytesMax {
        if lines.hasAny { break }
        throw TooLong(offset: offset + Int64(start))
      }
      if length > 0 { lines.append(start, length) }
      start = next
    }
    return (records(lines.take(), buffer, offset), start)
  }

  private func records(
    _ lines: (starts: [Int32], lengths: [Int32]), _ buffer: ByteBuffer, _ offset: Int64
  ) -> RawRecords {
    var records = RawRecords(buffer: buffer)
    (records.valueStart, records.valueLength) = lines
    let count = records.valueStart.count
    records.offsets = records.valueStart.map { offset + Int64($0) }
    records.keyStart = Array(repeating: 0, count: count)
    records.keyLength = Array(repeating: -1, count: count)
    records.timestamps = Array(repeating: 0, count: count)
    records.sequences = records.offsets
    return records
  }

  private func startsWithMark(_ buffer: ByteBuffer) -> Bool {
    buffer.count >= 3 && buffer.base[0] == 0xEF && buffer.base[1] == 0xBB && buffer.base[2] == 0xBF
  }

  private enum RecordEnd {
    /// Where the line end stands, or the end of the file.
    case at(Int)
    /// The quotes are not those of a field.
    case malformed
    /// The buffer ends before the record does.
    case open
  }

  /// Where the record that begins at `start` ends, quotes heeded as the decoder does.
  private func quotedEnd(
    _ buffer: ByteBuffer, _ start: Int, _ delimiter: UInt8, isEnd: Bool
  ) -> RecordEnd {
    let (p, count) = (buffer.base, buffer.count)
    let atEnd = isEnd ? RecordEnd.at(count) : .open
    var index = start
    while true {
      if index < count, p[index] == 0x22 {
        index += 1
        while true {
          while index < count, p[index] != 0x22 { index += 1 }
          guard index < count, isEnd || index + 1 < count else { return .open }
          index += 1
          guard index < count, p[index] == 0x22 else { break }
          index += 1
        }
        while index < count, p[index] == 0x20 || p[index] == 0x09, p[index] != delimiter {
          index += 1
        }
        if index < count, p[index] == 0x0D { index += 1 }
        if index == count { return atEnd }
        guard p[index] == delimiter || p[index] == 0x0A else { return .malformed }
      } else {
        while index < count, p[index] != delimiter, p[index] != 0x0A { index += 1 }
        if index == count { return atEnd }
      }
      if p[index] == 0x0A { return .at(index) }
      index += 1
    }
  }
}

/// Where the next quote stands; each byte is looked at once.
private struct QuoteSearch {
  private let buffer: ByteBuffer
  private var next = -1

  init(_ buffer: ByteBuffer) { self.buffer = buffer }

  mutating func stands(in range: Range<Int>) -> Bool {
    if next < range.lowerBound {
      next = range.lowerBound
      while next < buffer.count {
        let stops = headrace_equal16(buffer.base + next, 0x22)
        if stops != 0 {
          next += stops.trailingZeroBitCount
          break
        }
        next += 16
      }
    }
    return next < range.upperBound
  }
}

/// The lines of a buffer. Their ends are looked for many at a time, and their starts and lengths go
/// to the arrays many at a time: a call and two appends for each take longer than what is done with
/// the line.
private struct FoundLines: ~Copyable {
  private static let room = 512
  private let buffer: ByteBuffer
  private let ends = UnsafeMutablePointer<Int32>.allocate(capacity: 3 * room)
  private var endCount = 0
  private var place = 0
  /// Up to where ends were looked for.
  private var searched: Int
  private var recentCount = 0
  private var starts: [Int32] = []
  private var lengths: [Int32] = []

  init(in buffer: ByteBuffer, from start: Int) {
    self.buffer = buffer
    searched = start
  }

  deinit { ends.deallocate() }

  var hasAny: Bool { recentCount > 0 || !starts.isEmpty }

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
