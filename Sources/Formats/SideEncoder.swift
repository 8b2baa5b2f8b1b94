// The door to all encoders: columns in, one side of a batch of records out. Invariant: every call
// appends exactly `count` entries to the arrays of its side, bad rows included.

internal import CSupport
public import Columns

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

  public init(layout: FormatLayout, fields: [FormatField]) {
    precondition(layout.kind != .kafka || fields.count <= 1, "KAFKA holds one column")
    self.fields = fields
    switch layout.kind {
    case .json: engine = .json(JSONEncoder(fields, isWrapped: layout.isWrapped))
    case .delimited: engine = .delimited(DelimitedEncoder(fields, delimiter: layout.delimiter))
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
    var bad: [BadRecord] = []
    for row in 0..<count {
      let start = buffer.count
      starts.append(Int32(start))
      guard let column, !column.isNull(row), !(isNull.map { $0[row] } ?? false) else {
        lengths.append(-1)
        continue
      }
      switch (column, fields[0].type) {
      case (.int(let column), .int): buffer.append(bigEndian: column.values[row])
      case (.bigint(let column), .bigint): buffer.append(bigEndian: column.values[row])
      case (.double(let column), .double):
        buffer.append(bigEndian: column.values[row].bitPattern)
      case (.bytes(let column), _): buffer.append(UnsafeRawBufferPointer(column.view(row)))
      default:
        let reason = "KAFKA cannot hold \(fields[0].type) in field \(fields[0].name)"
        bad.append(BadRecord(row: row, reason: reason))
        lengths.append(-1)
        continue
      }
      lengths.append(Int32(buffer.count - start))
    }
    return bad
  }
}

extension ByteBuffer {
  fileprivate func append(bigEndian value: some FixedWidthInteger) {
    var value = value.bigEndian
    withUnsafeBytes(of: &value) { append($0) }
  }
}
