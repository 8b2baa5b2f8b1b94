// The door to all decoders: bytes of one side of a batch of records in, columns out.
// One virtual decision a batch; the loops over records live in the format's own decoder.

internal import CHeadraceSupport
public import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe; reused batch after batch.
public final class SideDecoder {
  private enum Engine {
    case json(JSONDecoder)
    case delimited(DelimitedDecoder)
    case kafka
    case none
  }

  private let fields: [FormatField]
  private let table: FieldSlots
  private let engine: Engine

  /// `times`: how text of times is read; nil: times are numbers.
  public init(layout: FormatLayout, fields: [FormatField], times: TimeTextReader? = nil) {
    precondition(layout.kind != .kafka || fields.count <= 1, "KAFKA holds one column")
    self.fields = fields
    table = FieldSlots(fields, times)
    switch layout.kind {
    case .json:
      engine = .json(JSONDecoder(fields, isWrapped: layout.isWrapped, table: table))
    case .delimited:
      engine = .delimited(
        DelimitedDecoder(fields, delimiter: layout.delimiter, table: table))
    case .kafka: engine = .kafka
    case .none: engine = .none
    }
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
    switch engine {
    case .json(let decoder): return decoder.decode(buffer, starts, lengths)
    case .delimited(let decoder): return decoder.decode(buffer, starts, lengths)
    case .kafka: return KafkaDecoder.decode(buffer, starts, lengths, into: table, fields)
    case .none:
      if table.hasBuilders {
        for row in 0..<starts.count { table.closeRow(row) }
      }
      return []
    }
  }
}
