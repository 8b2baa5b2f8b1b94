// Kafka's message format v2, the header of a batch (61 bytes, big-endian):
//
//    0 base offset i64        17 CRC-32C u32             43 producer id i64
//    8 length i32 (after it)  21 attributes i16          51 producer epoch i16
//   12 leader epoch i32       23 last offset delta i32   53 base sequence i32
//   16 magic i8 = 2           27 base timestamp i64      57 record count i32
//                             35 max timestamp i64       61 records
//
// The CRC covers everything from byte 21 on. Two fields carry our append sequence (DESIGN,
// "Order"): the leader epoch holds the batch's first sequence relative to its segment's first;
// attribute bits 7-15 (unused by Kafka) hold a nine-bit fold of it, so that the CRC guards what
// lies outside of it. A batch written by Kafka itself with leader epoch 0 satisfies this too.
// Source: Kafka's documentation, "Message Format"; record fields are zigzag varints.

internal import CHeadraceSupport
import HeadraceFoundations

/// Places and bits of the format.
enum RecordBatchFormat {
  static let headerBytes = 61
  /// Bytes in front of those that the length field counts.
  static let lengthEnd = 12
  /// First byte that the CRC covers.
  static let crcStart = 21
  /// Bytes that the segment's chain checksum takes of each batch: up to and with its CRC.
  static let chainBytes = 21
  /// A record without key, value and headers takes this much.
  static let recordBytesMin = 7
  /// What the records of a compressed batch may expand to: the largest record and a batch around
  /// it.
  static let expandedBytesMax = 17 << 20
  static let compressionMask: UInt16 = 0x07
  static let transactionalBit: UInt16 = 0x10
  static let controlBit: UInt16 = 0x20
  /// The base timestamp is the time from which the batch's tombstones may go.
  static let deleteHorizonBit: UInt16 = 0x40
  /// First of the nine bits of the fold.
  static let foldShift: UInt16 = 7
  static let foldMask: UInt16 = 0xFF80

  /// Nine bits of `delta`: any flip of up to nine neighbouring bits changes them.
  static func fold(_ delta: UInt32) -> UInt16 {
    let mixed = delta ^ (delta >> 9) ^ (delta >> 18) ^ (delta >> 27)
    return UInt16(truncatingIfNeeded: mixed & 0x1FF) << foldShift
  }

  static func compressionName(_ attributes: UInt16) -> String {
    switch attributes & compressionMask {
    case 0: return "none"
    case 1: return "gzip"
    case 2: return "snappy"
    case 3: return "lz4"
    case 4: return "zstd"
    default: return "codec \(attributes & compressionMask)"
    }
  }
}

extension UnsafeRawPointer {
  @inline(__always) func bigInt64(_ at: Int) -> Int64 {
    Int64(bigEndian: loadUnaligned(fromByteOffset: at, as: Int64.self))
  }
  @inline(__always) func bigInt32(_ at: Int) -> Int32 {
    Int32(bigEndian: loadUnaligned(fromByteOffset: at, as: Int32.self))
  }
  @inline(__always) func bigUInt32(_ at: Int) -> UInt32 {
    UInt32(bigEndian: loadUnaligned(fromByteOffset: at, as: UInt32.self))
  }
  @inline(__always) func bigUInt16(_ at: Int) -> UInt16 {
    UInt16(bigEndian: loadUnaligned(fromByteOffset: at, as: UInt16.self))
  }
}

extension UnsafeMutableRawPointer {
  @inline(__always) func putBig<Number: FixedWidthInteger>(_ value: Number, at: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: at, as: Number.self)
  }
}

/// The header of one batch, read but not yet believed: `BatchWalker` checks it.
struct RecordBatchHeader {
  var baseOffset: Int64
  /// Bytes of the whole batch with its first 12.
  var totalBytes: Int
  var sequenceDelta: UInt32
  var magic: UInt8
  var crc: UInt32
  var attributes: UInt16
  var lastOffsetDelta: Int32
  var baseTimestamp: Int64
  var maxTimestamp: Int64
  var count: Int32

  init(_ p: UnsafeRawPointer) {
    baseOffset = p.bigInt64(0)
    totalBytes = Int(p.bigInt32(8)) + RecordBatchFormat.lengthEnd
    sequenceDelta = p.bigUInt32(12)
    magic = p.load(fromByteOffset: 16, as: UInt8.self)
    crc = p.bigUInt32(17)
    attributes = p.bigUInt16(21)
    lastOffsetDelta = p.bigInt32(23)
    baseTimestamp = p.bigInt64(27)
    maxTimestamp = p.bigInt64(35)
    count = p.bigInt32(57)
  }

  var nextOffset: Int64 { baseOffset &+ Int64(lastOffsetDelta) &+ 1 }
  var deleteHorizon: Int64? {
    attributes & RecordBatchFormat.deleteHorizonBit != 0 ? baseTimestamp : nil
  }
  var isControl: Bool { attributes & RecordBatchFormat.controlBit != 0 }
}

/// CRC-32C of two ranges of bytes put together, from the CRC of each: the first one's is multiplied
/// by x^(8 * length of the second) modulo the polynomial. Lets the committer change a batch header
/// without reading the records again.
/// Complexity: one 32-step multiplication per set bit of `secondBytes`.
enum CRC32CCombine {
  private static let polynomial: UInt32 = 0x82F6_3B78
  /// x^(2^k) for k = 0...31, bit-reversed as the CRC is.
  private static let powers: [UInt32] = {
    var list: [UInt32] = [1 << 30]
    for k in 1..<32 { list.append(multiply(list[k - 1], list[k - 1])) }
    return list
  }()

  private static func multiply(_ a: UInt32, _ b: UInt32) -> UInt32 {
    var product: UInt32 = 0
    var factor = b
    var bit: UInt32 = 1 << 31
    while bit != 0 {
      if a & bit != 0 { product ^= factor }
      factor = factor & 1 != 0 ? (factor >> 1) ^ polynomial : factor >> 1
      bit >>= 1
    }
    return product
  }

  static func combine(_ first: UInt32, _ second: UInt32, secondBytes: Int) -> UInt32 {
    let powers = Self.powers
    var shift: UInt32 = 1 << 31
    var rest = secondBytes
    // x^8 is power 3; the order of x divides 2^32 - 1, so powers repeat after 32.
    var k = 3
    while rest != 0 {
      if rest & 1 != 0 { shift = multiply(powers[k & 31], shift) }
      rest >>= 1
      k += 1
    }
    return multiply(shift, first) ^ second
  }
}
