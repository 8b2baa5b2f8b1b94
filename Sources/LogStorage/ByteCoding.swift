// Little-endian writing and checked reading of our own small structures: commit records and
// checkpoints. (Kafka's batches are big-endian and have their own code.) A reader never trusts a
// length: whatever does not fit makes it throw, and no byte sequence makes it loop or allocate more
// than it was given.

internal import CHeadraceSupport
internal import HeadraceColumns

extension ByteBuffer {
  func put(_ value: UInt64) {
    reserve(8)
    UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: UInt64.self)
    count += 8
  }

  func put(_ value: Int64) { put(UInt64(bitPattern: value)) }
  func put(_ value: Int) { put(UInt64(bitPattern: Int64(value))) }

  func put(_ value: UInt32) {
    reserve(4)
    UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: UInt32.self)
    count += 4
  }

  func put(_ value: UInt8) {
    reserve(1)
    base[count] = value
    count += 1
  }

  /// Seven bits a byte, low ones first; for counts and lengths.
  func putCount(_ value: Int) {
    precondition(value >= 0, "counts are not negative")
    var rest = UInt64(value)
    while rest >= 0x80 {
      put(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    put(UInt8(rest))
  }

  func putBytes(_ bytes: [UInt8]) {
    putCount(bytes.count)
    bytes.withUnsafeBytes { append($0) }
  }

  func putString(_ text: String) { putBytes(Array(text.utf8)) }
}

/// Reads what the extension above wrote. Throws `corruption` naming `path` and the byte.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  let path: String
  /// Where `bytes` begins in the file; only for messages.
  let origin: Int
  private(set) var at = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String, origin: Int = 0) {
    self.bytes = bytes
    self.path = path
    self.origin = origin
  }

  var remaining: Int { bytes.count - at }

  func damaged(_ operation: String) -> StorageError {
    StorageError(.corruption, operation, path: path, position: Int64(origin + at))
  }

  private mutating func take(_ length: Int) throws(StorageError) -> Int {
    guard length >= 0 && length <= remaining else { throw damaged("structure ends too early") }
    at += length
    return at - length
  }

  mutating func uint64() throws(StorageError) -> UInt64 {
    let start = try take(8)
    return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
  }

  mutating func int64() throws(StorageError) -> Int64 { Int64(bitPattern: try uint64()) }

  /// A number of bytes or things: not negative, and so small that sums of a few do not overflow.
  mutating func natural() throws(StorageError) -> Int {
    let value = try int64()
    guard value >= 0 && value <= 1 << 56 else { throw damaged("number out of range") }
    return Int(value)
  }

  /// An offset, a sequence or a counter: at least -1, with room above.
  mutating func ordinal() throws(StorageError) -> Int64 {
    let value = try int64()
    guard value >= -1 && value <= Int64.max / 2 else { throw damaged("number out of range") }
    return value
  }

  mutating func uint32() throws(StorageError) -> UInt32 {
    let start = try take(4)
    return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
  }

  mutating func uint8() throws(StorageError) -> UInt8 { bytes[try take(1)] }

  mutating func countValue() throws(StorageError) -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 63 {
      let byte = try uint8()
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return Int(value) }
      shift += 7
    }
    throw damaged("count is too long")
  }

  mutating func data() throws(StorageError) -> UnsafeRawBufferPointer {
    let length = try countValue()
    let start = try take(length)
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
  }

  mutating func byteArray() throws(StorageError) -> [UInt8] { Array(try data()) }

  mutating func string() throws(StorageError) -> String {
    String(decoding: try data(), as: UTF8.self)
  }
}

/// CRC-32C of `bytes`, continuing from `seed`.
func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
  guard let base = bytes.baseAddress else { return seed }
  return headrace_crc32c(seed, base, bytes.count)
}

extension [UInt8] {
  func withRaw<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeBufferPointer { (buffer) throws(Failure) in
      try body(UnsafeRawBufferPointer(buffer))
    }
  }
}
