// A file or pipe that can only be read on, as one that can be read at places: what was read is kept
// from the first byte that is still asked for. It counts lines, so that what is wrong can be named
// by its line.

import HeadraceFoundations
import HeadraceTopics

final class StreamedFile: OutsideFile, @unchecked Sendable {
  // Unchecked: one COPY reads it.
  private let file: any OutsideFile
  /// What is kept: the bytes from `start` on.
  private var kept: [UInt8] = []
  private var start: Int64 = 0
  private var isAtEnd = false
  private var chunk = [UInt8](repeating: 0, count: 1 << 18)
  /// A place and how many line ends stand before it.
  private var counted: (place: Int64, lines: Int) = (0, 0)

  init(_ file: any OutsideFile) { self.file = file }

  var path: String { file.path }

  private var end: Int64 { start + Int64(kept.count) }

  /// The bytes before `place` are not asked for again.
  func release(before place: Int64) {
    _ = line(at: place)
    kept.removeFirst(Int(place - start))
    start = place
  }

  /// The number of the line in which a place lies that has been read, from 1 on.
  func line(at place: Int64) -> Int {
    if place < counted.place { counted = (start, counted.lines - lineEnds(start..<counted.place)) }
    counted = (place, counted.lines + lineEnds(counted.place..<place))
    return counted.lines + 1
  }

  private func lineEnds(_ range: Range<Int64>) -> Int {
    kept[Int(range.lowerBound - start)..<Int(range.upperBound - start)]
      .reduce(0) { $1 == 0x0A ? $0 + 1 : $0 }
  }

  /// Lines that have been read whole.
  var lineCount: Int { line(at: end) - 1 }

  private static let spacesMax = 1 << 20

  /// The first byte that is no space and no byte order mark; nil: there is none in the first MiB.
  func firstByte() throws(StorageError) -> UInt8? {
    var place = 0
    while true {
      if kept.count > 2 || isAtEnd {
        if place == 0, kept.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
        if let byte = kept[place...].first(where: { $0 > 0x20 }) { return byte }
        place = kept.count
        if place >= Self.spacesMax { return nil }
      }
      if isAtEnd { return nil }
      try fill()
    }
  }

  private func fill() throws(StorageError) {
    let count = try file.readNext(into: &chunk)
    if count == 0 { isAtEnd = true } else { kept += chunk[..<count] }
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageError) -> Int {
    precondition(position >= start, "these bytes were released")
    while position >= end {
      if isAtEnd { return 0 }
      try fill()
    }
    let first = Int(position - start)
    let count = min(target.count, kept.count - first)
    kept.withUnsafeBytes { bytes in
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[first..<(first + count)]))
    }
    return count
  }

  func readNext(into target: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try file.readNext(into: target)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) { try file.write(bytes) }

  func finish() throws(StorageError) { try file.finish() }

  /// The size is that of what has come.
  func identity() throws(StorageError) -> (device: UInt64, inode: UInt64, size: Int64) {
    (0, 0, end)
  }
}
