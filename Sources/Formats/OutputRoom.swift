// The end of a buffer that is being filled, as raw positions: encoders write there without touching
// the buffer object for each value. Invariant: the buffer's own count is stale until `flush`.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

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

  /// Room for the bytes and 16 more was reserved.
  @inline(__always)
  mutating func copy(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let source = bytes.baseAddress else { return }
    var copied = 0
    while copied < bytes.count {
      headrace_copy16(p + copied, source + copied)
      copied += 16
    }
    p += bytes.count
  }
}

extension FormatEncoder {
  /// Calls `write` with the steps of a plan, the columns of its list, and room for where the rows'
  /// bytes are.
  func withPlan<Step>(
    _ steps: [Step], _ flat: [Column], _ plans: [TypePlan], _ count: Int,
    _ starts: inout [Int32], _ lengths: inout [Int32],
    _ write: (
      UnsafePointer<Step>, UnsafePointer<BoundColumn>, UnsafeMutablePointer<Int32>,
      UnsafeMutablePointer<Int32>
    ) -> Void
  ) {
    withBound(flat, plans) { bound in
      bound.withUnsafeBufferPointer { bound in
        steps.withUnsafeBufferPointer { steps in
          guard let bound = bound.baseAddress, let steps = steps.baseAddress else { return }
          starts.append(count: count) { starts in
            lengths.append(count: count) { lengths in write(steps, bound, starts, lengths) }
          }
        }
      }
    }
  }

  /// Notes where each row's bytes are. `write` appends them; false: the row's side is null.
  @inline(__always)
  func writeRows(
    _ count: Int, _ buffer: ByteBuffer, _ starts: UnsafeMutablePointer<Int32>,
    _ lengths: UnsafeMutablePointer<Int32>, _ bad: inout [BadRecord],
    _ write: (Int, inout OutputRoom) throws(BadInput) -> Bool
  ) {
    var room = OutputRoom(buffer)
    for row in 0..<count {
      let start = room.p - room.base
      starts[row] = Int32(truncatingIfNeeded: start)
      do throws(BadInput) {
        lengths[row] =
          try write(row, &room) ? Int32(truncatingIfNeeded: room.p - room.base - start) : -1
      } catch {
        room.p = room.base + start
        lengths[row] = -1
        bad.append(BadRecord(row: row, reason: error.reason))
      }
    }
    room.flush()
  }
}
