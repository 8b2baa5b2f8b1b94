// Deflate without a header around it (RFC 1951), by zlib.

internal import CHeadraceZlib
internal import HeadraceColumns
import HeadraceFoundations

enum Deflate {
  /// Negative: no header and no checksum.
  private static let windowBits: Int32 = -15

  /// nil: the bytes are none, or more than `bytesMax` when unpacked. What follows the end of the
  /// stream is passed over: fastavro leaves a part of zlib's checksum there.
  static func inflated(_ bytes: UnsafeBufferPointer<UInt8>, bytesMax: Int) -> ByteBuffer? {
    var stream = z_stream()
    guard
      inflateInit2_(
        &stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { inflateEnd(&stream) }
    let result = ByteBuffer(capacity: min(bytesMax, max(256, bytes.count * 3)))
    stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
    stream.avail_in = UInt32(bytes.count)
    while true {
      let room = min(result.capacity, bytesMax) - result.count
      guard room > 0 else { return nil }
      stream.next_out = result.base + result.count
      stream.avail_out = UInt32(room)
      let status = inflate(&stream, Z_NO_FLUSH)
      result.count += room - Int(stream.avail_out)
      if status == Z_STREAM_END { return result }
      guard status == Z_OK || status == Z_BUF_ERROR else { return nil }
      // All was taken, and no end of the stream was in it.
      if stream.avail_out > 0 { return nil }
      result.reserve(min(result.capacity, bytesMax - result.count))
    }
  }

  static func deflated(_ bytes: ByteBuffer) -> ByteBuffer? {
    var stream = z_stream()
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    let result = ByteBuffer(capacity: Int(deflateBound(&stream, UInt(bytes.count))))
    stream.next_in = bytes.base
    stream.avail_in = UInt32(bytes.count)
    stream.next_out = result.base
    stream.avail_out = UInt32(result.capacity)
    guard deflate(&stream, Z_FINISH) == Z_STREAM_END else { return nil }
    result.count = result.capacity - Int(stream.avail_out)
    return result
  }
}
