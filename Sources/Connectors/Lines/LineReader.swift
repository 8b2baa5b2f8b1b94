// The lines of a file as records, from any of them on: the offset of a record is the byte at which
// its line starts. Streams over files and COPY read by it.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics

final class LineReader: Sendable {
  let file: any OutsideFile
  let layout: FormatLayout
  let bytesMax: Int
  private let splitter: LineSplitter
  /// Whether a last line without its end counts, since nothing comes behind it.
  private let takesOpenLine: Bool
  private static let firstLineBytes = 1 << 16

  /// `columns`: fields of a line.
  init(
    _ file: any OutsideFile, _ layout: FormatLayout, columns: Int, bytesMax: Int,
    takesOpenLine: Bool
  ) {
    self.file = file
    self.layout = layout
    self.bytesMax = bytesMax
    // The end of a stream is one.
    self.takesOpenLine = takesOpenLine || file.isStream
    splitter = LineSplitter(layout, columns: columns, bytesMax: bytesMax)
  }

  /// Complete lines from `offset` on, and how many bytes they take; 0: no line is complete.
  /// `limit`: at most this many records (CSV only).
  /// Throws: `tooLarge` for a first line beyond the limit, at its offset; `io`.
  func lines(
    from offset: Int64, maxBytes: Int, limit: Int = .max
  ) throws(StorageError) -> (records: RawRecords, end: Int) {
    var wanted = maxBytes
    // Whoever waits for the rest of a stream waits for whole lines as well.
    var stopsAtLine = limit == 1 || file.isStream
    while true {
      let hasEnded = file.hasEnded
      let (buffer, isWhole) = try bytes(offset, wanted, stopsAtLine: stopsAtLine)
      let size = buffer.count == 0 && !file.isStream ? try file.identity().size : Int64.max
      if size < offset {
        throw StorageError(
          .io, "the file has become shorter", path: file.path, expected: "\(offset) bytes",
          found: "\(size)")
      }
      let found: (records: RawRecords, end: Int)
      do throws(LineSplitter.TooLong) {
        found = try splitter.split(
          buffer, at: offset, isEnd: isWhole && hasEnded && takesOpenLine, limit: limit)
      } catch {
        throw tooLong(error.offset)
      }
      if found.end > 0 || isWhole { return found }
      // The line end stood in quotes.
      if stopsAtLine, buffer.count < wanted {
        stopsAtLine = false
        continue
      }
      // A line longer than the buffer: take a larger one, up to the limit of a record.
      let enough = bytesMax + 2  // With its end.
      guard wanted < enough else { throw tooLong(offset) }
      wanted = min(wanted * 4, enough)
    }
  }

  /// `stopsAtLine`: the read may end at a line end, so that a pipe need not give more.
  private func bytes(
    _ offset: Int64, _ wanted: Int, stopsAtLine: Bool
  ) throws(StorageError) -> (buffer: ByteBuffer, isWhole: Bool) {
    let buffer = ByteBuffer(capacity: wanted)
    var got = 0
    var isWhole = false
    while got < wanted {
      let piece = UnsafeMutableRawBufferPointer(start: buffer.base + got, count: wanted - got)
      let count = try file.read(into: piece, at: offset + Int64(got))
      isWhole = count == 0
      if isWhole { break }
      got += count
      if stopsAtLine, piece.prefix(count).contains(0x0A) { break }
    }
    buffer.count = got
    return (buffer, isWhole)
  }

  private func tooLong(_ offset: Int64) -> StorageError {
    StorageError(
      .tooLarge, "read", path: file.path, position: offset,
      expected: "a line of at most \(bytesMax) bytes")
  }

  // MARK: - Header

  /// A line that names the columns.
  struct Header {
    /// nil: lines of this format have no names.
    var names: [String]?
    /// Where the records begin.
    var end: Int64
  }

  /// The first line that is not empty. nil: it is not complete, or there are only empty ones.
  /// Throws: `invalidArgument`, for more empty lines than a line may have bytes.
  func header() throws(StorageError) -> Header? {
    var start: Int64 = 0
    var first = try lines(from: start, maxBytes: Self.firstLineBytes, limit: 1)
    while first.records.count == 0, first.end > 0 {
      start += Int64(first.end)
      guard start <= bytesMax else {
        throw StorageError(
          .invalidArgument, "read", path: file.path,
          expected: "the names of the columns within the first \(bytesMax) bytes")
      }
      first = try lines(from: start, maxBytes: Self.firstLineBytes, limit: 1)
    }
    guard first.end > 0 else { return nil }
    var names: [String]?
    if let separator = splitter.separator, first.records.count > 0,
      let line = first.records.value(0)
    {
      names = FileHeader.names(line, delimiter: separator)
    }
    // Lines of JSON are not counted as they are found.
    let end = first.records.count > 1 ? first.records.offsets[1] : start + Int64(first.end)
    return Header(names: names, end: end)
  }
}
