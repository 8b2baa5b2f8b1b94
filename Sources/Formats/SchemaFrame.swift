// What stands before the bytes of a record whose schema lies in a registry: a zero and the id of
// the schema, as Confluent's serializers write it.

internal import HeadraceColumns
import HeadraceFoundations

enum SchemaFrame {
  static let bytes = 5

  /// nil: it is none; `problem` says why.
  @inline(__always)
  static func id(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count >= bytes, p[0] == 0 else { return nil }
    let bits = UnsafeRawPointer(p).loadUnaligned(fromByteOffset: 1, as: UInt32.self)
    return Int64(Int32(bitPattern: UInt32(bigEndian: bits)))
  }

  static func problem(_ p: UnsafePointer<UInt8>, _ count: Int) -> String {
    if count < bytes {
      return "\(count) bytes, where \(bytes) with the id of a schema are expected"
    }
    return "the record begins with \(p[0]), not with 0 and the id of a schema"
  }

  @inline(__always)
  static func write(_ id: Int64, _ p: UnsafeMutablePointer<UInt8>) {
    p[0] = 0
    UnsafeMutableRawPointer(p + 1).storeBytes(
      of: UInt32(truncatingIfNeeded: id).bigEndian, as: UInt32.self)
  }

  static func prefix(_ id: Int64) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: bytes) { room, count in
      if let base = room.baseAddress { write(id, base) }
      count = bytes
    }
  }
}
