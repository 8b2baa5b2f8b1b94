// Kafka's own serdes: one column, its values in network order. A NULL is a null side.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class KafkaEncoder: FormatEncoder {
  private let fields: [FormatField]

  init(_ fields: [FormatField]) { self.fields = fields }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    guard let column = columns.first else {
      encodeNulls(count, buffer, &starts, &lengths)
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
      encodeTexts(column, validity, count, buffer, &starts, &lengths)
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

  private func encodeTexts(
    _ column: ByteColumn, _ validity: Bitmap?, _ count: Int, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) {
    column.starts.withUnsafeBufferPointer { from in
      column.lengths.withUnsafeBufferPointer { sizes in
        var total = 0
        for row in 0..<count { total += Int(sizes[row]) }
        buffer.reserve(total)
        let arena = column.arena.base
        let base = buffer.base
        var end = buffer.count
        starts.append(count: count) { starts in
          lengths.append(count: count) { lengths in
            for row in 0..<count {
              starts[row] = Int32(truncatingIfNeeded: end)
              if let validity, !validity[row] {
                lengths[row] = -1
                continue
              }
              let size = Int(sizes[row])
              lengths[row] = Int32(truncatingIfNeeded: size)
              // Both buffers have padding for the last 16 bytes.
              var copied = 0
              while copied < size {
                headrace_copy16(base + end + copied, arena + Int(from[row]) + copied)
                copied += 16
              }
              end += size
            }
          }
        }
        buffer.count = end
      }
    }
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
