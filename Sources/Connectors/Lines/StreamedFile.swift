// What COPY reads, a piece at a time: a file or a pipe. Its lines are split as those of streams over files are.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics

final class CopyInput {
  private let file: any OutsideFile
  private var buffer = ByteBuffer(capacity: 0)
  /// Where in the buffer the next record begins.
  private var start = 0
  /// Bytes and lines that came before the buffer.
  private var offset: Int64 = 0
  private var linesBefore = 0
  private var isAtEnd = false
  private static let pieceBytes = 1 << 20

  init(_ file: any OutsideFile) { self.file = file }

  /// The first byte that is no space and no byte order mark, without taking it.
  func peek() throws(QueryFailure) -> UInt8? {
    while true {
      let bytes = UnsafeBufferPointer(start: buffer.base + start, count: buffer.count - start)
      let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
      if let byte = text.first(where: { $0 > 0x20 }) { return byte }
      if isAtEnd { return nil }
      try fill()
    }
  }

  /// Some records; nil at the end.
  func next(
    _ splitter: LineSplitter, limit: Int, lineBytesMax: Int
  ) throws(QueryFailure) -> RawRecords? {
    while true {
      // As many records as asked for go on together, even where a read gives little.
      while limit > 1, !isAtEnd, buffer.count - start < Self.pieceBytes { try fill() }
      let found: (records: RawRecords, end: Int)
      do throws(LineSplitter.TooLong) {
        found = try splitter.split(
          buffer, from: start, at: offset, isEnd: isAtEnd, limit: limit)
      } catch {
        let number = line(at: Int32(error.offset - offset))
        throw QueryFailure("line \(number) is longer than \(lineBytesMax) bytes", isLimit: true)
      }
      let hasTaken = found.end > start
      start = found.end
      if found.records.count > 0 { return found.records }
      if isAtEnd, !hasTaken { return nil }
      if !hasTaken { try fill() }
    }
  }

  /// The number of the line that begins at a place in the buffer, from 1 on.
  func line(at place: Int32) -> Int {
    let bytes = UnsafeBufferPointer(start: buffer.base, count: min(Int(place), buffer.count))
    return linesBefore + bytes.reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
  }

  /// Reads what comes next, behind what is left. Records may hold the buffer: what is in it stays where it is.
  private func fill() throws(QueryFailure) {
    if buffer.capacity - buffer.count < Self.pieceBytes / 4 {
      linesBefore = line(at: Int32(start)) - 1
      let rest = buffer.count - start
      let filled = ByteBuffer(capacity: 2 * max(rest, Self.pieceBytes))
      filled.append(UnsafeRawBufferPointer(start: buffer.base + start, count: rest))
      offset += Int64(start)
      buffer = filled
      start = 0
    }
    let target = UnsafeMutableRawBufferPointer(
      start: buffer.base + buffer.count, count: buffer.capacity - buffer.count)
    let count: Int
    do throws(StorageError) {
      count = try file.readNext(into: target)
    } catch {
      throw QueryFailure(
        "cannot read after line \(line(at: Int32(buffer.count)) - 1): \(error)")
    }
    if count == 0 { isAtEnd = true } else { buffer.count += count }
  }
}
