// Writing and checked reading of the small structures of runs and manifests; numbers are
// little-endian. A reader never trusts a length: whatever does not fit makes it throw.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

extension ByteBuffer {
  /// Of little-endian machines, as all are that this runs on.
  @inline(__always)
  func put<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
    let size = MemoryLayout<Number>.size
    reserve(size)
    UnsafeMutableRawPointer(base + count).storeBytes(of: value, as: Number.self)
    count += size
  }

  func put<Number: FixedWidthInteger & BitwiseCopyable>(all numbers: [Number]) {
    numbers.withUnsafeBytes { append($0) }
  }

  /// Seven bits a byte, low ones first.
  @inline(__always)
  func putVarint(_ value: UInt64) {
    reserve(10)
    var rest = value
    while rest >= 0x80 {
      base[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      count += 1
      rest >>= 7
    }
    base[count] = UInt8(rest)
    count += 1
  }

  func append(contentsOf other: ByteBuffer) {
    withExtendedLifetime(other) { append(other.raw) }
  }

  /// Valid as long as the buffer is held: not of one that nothing else holds.
  var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  func checksum(seed: UInt32) -> UInt32 { crc32c(base, count, seed: seed) }

  /// Replaces the content by `count` bytes of a file. False: it has not so many.
  func fill(
    from file: any File, at position: Int, count length: Int
  ) throws(StorageError) -> Bool {
    count = 0
    reserve(length)
    count = try file.read(
      into: UnsafeMutableRawBufferPointer(start: base, count: length), at: position)
    return count == length
  }
}

/// Timestamps of both signs as small numbers.
@inline(__always)
func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

@inline(__always)
func unzigzag(_ value: UInt64) -> Int64 {
  Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}

@inline(__always)
func varintCount(_ value: UInt64) -> Int {
  (max(1, 64 - value.leadingZeroBitCount) + 6) / 7
}

/// Reads what the extension above wrote. Throws `corruption` that names the file and the byte.
struct StateReader {
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

  mutating func take(_ length: Int) throws(StorageError) -> UnsafeRawBufferPointer {
    guard length >= 0, length <= remaining else { throw damaged("structure ends too early") }
    defer { at += length }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<at + length])
  }

  mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _: Number.Type
  ) throws(StorageError) -> Number {
    try take(MemoryLayout<Number>.size).loadUnaligned(as: Number.self)
  }

  /// A number of bytes or things: not negative, and so small that sums of a few do not overflow.
  mutating func natural() throws(StorageError) -> Int {
    let value = try number(Int64.self)
    guard value >= 0, value <= 1 << 56 else { throw damaged("number out of range") }
    return Int(value)
  }
}
