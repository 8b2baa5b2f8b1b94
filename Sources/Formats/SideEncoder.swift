// The door to all encoders: columns in, one side of a batch of records out. Invariant: every call
// appends exactly `count` entries to the arrays of its side, bad rows included.

internal import CHeadraceSupport
public import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe; reused batch after batch.
public final class SideEncoder {
  private enum Engine {
    case json(JSONEncoder)
    case delimited(DelimitedEncoder)
    case kafka
    case none
  }

  private let fields: [FormatField]
  private let engine: Engine
  private let hasDoubles: Bool

  public init(layout: FormatLayout, fields: [FormatField]) {
    precondition(layout.kind != .kafka || fields.count <= 1, "KAFKA holds one column")
    self.fields = fields
    hasDoubles = fields.contains { $0.type.containsDoubles }
    switch layout.kind {
    case .json: engine = .json(JSONEncoder(fields, isWrapped: layout.isWrapped))
    case .delimited:
      engine = .delimited(
        DelimitedEncoder(fields, delimiter: layout.delimiter, isLossless: layout.isLossless))
    case .kafka: engine = .kafka
    case .none: engine = .none
    }
  }

  /// Appends the side of every row; where `isNull` is set the side is null (length -1).
  /// Returns the rows that cannot be written, whose side is null as well.
  public func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, into records: inout RawRecords,
    _ side: RecordSide
  ) -> [BadRecord] {
    precondition(columns.count == fields.count, "as many columns as fields")
    let buffer = records.buffer
    switch side {
    case .key:
      // Equal keys have equal bytes, so that they lie in one partition and compaction knows them.
      let columns = hasDoubles ? columns.map(\.withCanonicalDoubles) : columns
      return encode(
        columns, count, isNull, buffer, &records.keyStart, &records.keyLength)
    case .value:
      return encode(
        columns, count, isNull, buffer, &records.valueStart, &records.valueLength)
    }
  }

  private func encode(
    _ columns: [Column], _ count: Int, _ isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    starts.reserveCapacity(starts.count + count)
    lengths.reserveCapacity(lengths.count + count)
    switch engine {
    case .json(let encoder):
      return encoder.encode(
        columns, count: count, isNull: isNull, buffer, &starts, &lengths)
    case .delimited(let encoder):
      return encoder.encode(
        columns, count: count, isNull: isNull, buffer, &starts, &lengths)
    case .kafka:
      return encodeKafka(columns.first, count, isNull, buffer, &starts, &lengths)
    case .none:
      for _ in 0..<count {
        starts.append(Int32(buffer.count))
        lengths.append(-1)
      }
      return []
    }
  }

  private func encodeKafka(
    _ column: Column?, _ count: Int, _ isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    guard let column else {
      starts.append(contentsOf: repeatElement(Int32(buffer.count), count: count))
      lengths.append(contentsOf: repeatElement(-1, count: count))
      return []
    }
    switch (column, fields.first?.type) {
    case (.int(let column), .int):
      let validity = intersect(column.validity, isNull?.inverted)
      encodeWords(column.values, validity, buffer, &starts, &lengths) { $0.bigEndian }
    case (.bigint(let column), .bigint):
      let validity = intersect(column.validity, isNull?.inverted)
      encodeWords(column.values, validity, buffer, &starts, &lengths) { $0.bigEndian }
    case (.double(let column), .double):
      let validity = intersect(column.validity, isNull?.inverted)
      encodeWords(column.values, validity, buffer, &starts, &lengths) { $0.bitPattern.bigEndian }
    case (.bytes(let column), _):
      let validity = intersect(column.validity, isNull?.inverted)
      for row in 0..<count {
        starts.append(Int32(buffer.count))
        if let validity, !validity[row] {
          lengths.append(-1)
        } else {
          buffer.append(UnsafeRawBufferPointer(column.view(row)))
          lengths.append(Int32(column.lengths[row]))
        }
      }
    case (let column, let type):
      var bad: [BadRecord] = []
      for row in 0..<count {
        starts.append(Int32(buffer.count))
        lengths.append(-1)
        guard let type, !column.isNull(row), !(isNull.map { $0[row] } ?? false) else {
          continue
        }
        bad.append(
          BadRecord(row: row, reason: "KAFKA cannot hold \(type) in field \(fields[0].name)"))
      }
      return bad
    }
    return []
  }

  /// Values of one machine type in network order.
  @inline(__always)
  private func encodeWords<Value, Word: FixedWidthInteger & BitwiseCopyable>(
    _ values: [Value], _ validity: Bitmap?, _ buffer: ByteBuffer, _ starts: inout [Int32],
    _ lengths: inout [Int32], _ word: (Value) -> Word
  ) {
    let width = MemoryLayout<Word>.size
    let count = values.count
    buffer.reserve(count * width)
    let base = UnsafeMutableRawPointer(buffer.base)
    var end = buffer.count
    values.withUnsafeBufferPointer { values in
      starts.append(count: count) { starts in
        lengths.append(count: count) { lengths in
          guard let validity else {
            for row in 0..<count {
              starts[row] = Int32(truncatingIfNeeded: end)
              lengths[row] = Int32(truncatingIfNeeded: width)
              (base + end).storeBytes(of: word(values[row]), as: Word.self)
              end += width
            }
            return
          }
          for row in 0..<count {
            starts[row] = Int32(truncatingIfNeeded: end)
            lengths[row] = validity[row] ? Int32(truncatingIfNeeded: width) : -1
            guard validity[row] else { continue }
            (base + end).storeBytes(of: word(values[row]), as: Word.self)
            end += width
          }
        }
      }
    }
    buffer.count = end
  }
}

extension [Int32] {
  /// Appends `count` numbers that `fill` writes, all of them.
  @inline(__always)
  mutating func append(
    count: Int, _ fill: (UnsafeMutablePointer<Int32>) -> Void
  ) {
    append(
      contentsOf: [Int32](unsafeUninitializedCapacity: count) { room, initialized in
        if let base = room.baseAddress { fill(base) }
        initialized = count
      })
  }
}
