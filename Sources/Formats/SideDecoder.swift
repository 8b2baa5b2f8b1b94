// The door to all decoders: bytes of one side of a batch of records in, columns out.
// One virtual decision a batch; the loops over records live in the format's own decoder.

internal import CHeadraceSupport
public import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe; reused batch after batch.
public final class SideDecoder {
  private let table: FieldSlots
  private let decoder: any FormatDecoder

  /// `times`: how text of times is read; nil: times are numbers.
  public init(layout: FormatLayout, fields: [FormatField], times: TimeTextReader? = nil) {
    let format = layout.spec.format
    precondition(
      format.holds.columns != .one || fields.count <= 1, "\(format.name) holds one column")
    table = FieldSlots(fields, times)
    decoder = format.codec.decoder(layout, fields, table)
  }

  /// Decodes one side of the records `rows`; row 0 of the result is record `rows.lowerBound`.
  public func decode(
    _ records: RawRecords, _ side: RecordSide, rows: Range<Int>
  ) -> DecodedSide {
    let starts = side == .key ? records.keyStart : records.valueStart
    let lengths = side == .key ? records.keyLength : records.valueLength
    table.begin(rows: rows.count)
    let bad = starts.withUnsafeBufferPointer { starts in
      lengths.withUnsafeBufferPointer { lengths in
        decode(
          records.buffer, UnsafeBufferPointer(rebasing: starts[rows]),
          UnsafeBufferPointer(rebasing: lengths[rows]))
      }
    }
    return DecodedSide(
      columns: table.finish(rows: rows.count, buffer: records.buffer), bad: bad)
  }

  private func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    for row in 0..<starts.count where lengths[row] >= 0 {
      let isInside = starts[row] >= 0 && Int(starts[row]) + Int(lengths[row]) <= buffer.count
      precondition(isInside, "a record lies outside its buffer")
    }
    return decoder.decode(buffer, starts, lengths)
  }
}
