// KAFKA: the bytes of Kafka's own serdes for one column, nothing around them.

import HeadraceColumns
import HeadraceFoundations

extension RecordFormat {
  static let kafka = RecordFormat(
    "KAFKA",
    holds: FormatCapacity(
      columns: .one, types: [.int, .bigint, .double, .string, .bytes], namesColumns: false,
      feedsJoins: false),
    wrapping: .never, keys: FormatKeys(placeRows: true), lines: LineRules(),
    shows: .custom(shownKafka),
    codec: FormatCodec(
      decoder: { _, fields, table in KafkaDecoder(fields, table: table) },
      encoder: { _, fields in KafkaEncoder(fields) }))
}

/// Numbers where the bytes are as many as they have.
private func shownKafka(_ bytes: UnsafeRawBufferPointer, _ type: DataType?) -> String? {
  switch type {
  case .int? where bytes.count == 4:
    return "\(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))"
  case .bigint? where bytes.count == 8:
    return "\(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))"
  case .double? where bytes.count == 8:
    let bits = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    return javaText(of: Double(bitPattern: bits))
  case .string?: return printableText(bytes)
  default: return nil
  }
}
