// Kafka's own serdes: one column, its bytes in network order, nothing around them.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class KafkaDecoder: FormatDecoder {
  private let fields: [FormatField]
  private let table: FieldSlots

  init(_ fields: [FormatField], table: FieldSlots) {
    self.fields = fields
    self.table = table
  }

  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    guard let field = fields.first else { return [] }
    var bad: [BadRecord] = []
    let slot = table.slots
    let kind = slot.pointee.kind
    for row in 0..<starts.count where lengths[row] >= 0 {
      let raw = UnsafeRawPointer(buffer.base + Int(starts[row]))
      let length = Int(lengths[row])
      switch kind {
      case .int where length == 4:
        slot.pointee.store(Int32(bigEndian: raw.loadUnaligned(as: Int32.self)), row)
      case .bigint where length == 8:
        slot.pointee.store(Int64(bigEndian: raw.loadUnaligned(as: Int64.self)), row)
      case .double where length == 8:
        let bits = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
        slot.pointee.store(Double(bitPattern: bits), row)
      case .string:
        if let fault = firstInvalidUTF8(raw.assumingMemoryBound(to: UInt8.self), length) {
          let reason = "invalid UTF-8 at byte \(fault) in field \(field.name)"
          bad.append(BadRecord(row: row, reason: reason))
        } else {
          slot.pointee.storeView(start: Int(starts[row]), length: length, row)
        }
      case .base64: slot.pointee.storeView(start: Int(starts[row]), length: length, row)
      case .int, .bigint, .double:
        let reason = "cannot read \(length) bytes as \(field.type) in field \(field.name)"
        bad.append(BadRecord(row: row, reason: reason))
      case .boolean, .decimal, .date, .time, .timestamp, .built, .checkedInteger, .checkedInt,
        .checkedString, .unknown, .end:
        bad.append(
          BadRecord(
            row: row, reason: "KAFKA cannot hold \(field.type) in field \(field.name)"))
      }
    }
    table.closeRows(starts.count)
    return bad
  }
}
