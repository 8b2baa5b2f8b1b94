// The end of a buffer that is being filled, as raw positions: encoders write there without touching
// the buffer object for each value. Invariant: the buffer's own count is stale until `flush`.

internal import HeadraceColumns

struct OutputRoom {
  let buffer: ByteBuffer
  var base: UnsafeMutablePointer<UInt8>
  /// Where the next byte goes.
  var p: UnsafeMutablePointer<UInt8>
  var limit: UnsafeMutablePointer<UInt8>

  init(_ buffer: ByteBuffer) {
    self.buffer = buffer
    base = buffer.base
    p = base + buffer.count
    limit = base + buffer.capacity
  }

  @inline(__always)
  mutating func reserve(_ bytes: Int) {
    if limit - p < bytes { self = grown(bytes) }
  }

  @inline(never)
  private func grown(_ bytes: Int) -> OutputRoom {
    flush()
    buffer.reserve(bytes)
    return OutputRoom(buffer)
  }

  @inline(__always)
  func flush() { buffer.count = p - base }

  @inline(__always)
  mutating func append(_ byte: UInt8) {
    p[0] = byte
    p += 1
  }
}
