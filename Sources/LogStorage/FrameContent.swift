// What a frame of the journal says, before it is cut into blocks. The records of a group of commits
// may be megabytes that lie encoded in buffers already: they are pointed to where they stand in the
// content, and copied once, into the blocks.

internal import HeadraceColumns
import HeadraceFoundations

final class FrameContent {
  /// The frame's header, and all but the data of runs.
  let bytes = ByteBuffer(capacity: 64 << 10)
  /// Data, and before which of `bytes` each stands, in that order.
  private var data: [(place: Int, bytes: UnsafeRawBufferPointer)] = []
  private var dataBytes = 0

  /// With the frame's header.
  var count: Int { bytes.count + dataBytes }

  /// Leaves room for the frame's header.
  func begin() {
    data.removeAll(keepingCapacity: true)
    dataBytes = 0
    bytes.count = 0
    bytes.reserve(JournalFrameHeader.byteCount)
    bytes.count = JournalFrameHeader.byteCount
  }

  /// `more` must stay where it is until the frame is written.
  func append(data more: UnsafeRawBufferPointer) {
    data.append((bytes.count, more))
    dataBytes += more.count
  }

  func put(_ header: JournalFrameHeader) {
    let end = bytes.count
    bytes.count = 0
    header.write(to: bytes)
    bytes.count = end
  }

  /// Reads the content in order.
  struct Cursor {
    private let content: FrameContent
    /// Read of `bytes`, whole parts of the data, and what is read of the next one.
    private var place = 0
    private var part = 0
    private var partPlace = 0

    init(_ content: FrameContent) { self.content = content }

    /// Copies the next `count` bytes, which must be there.
    mutating func read(_ count: Int, to target: UnsafeMutableRawPointer) {
      var done = 0
      while done < count {
        let hasPart = part < content.data.count
        let end = hasPart ? content.data[part].place : content.bytes.count
        if place < end {
          let size = min(end - place, count - done)
          (target + done).copyMemory(from: content.bytes.base + place, byteCount: size)
          place += size
          done += size
          continue
        }
        precondition(hasPart, "a frame ends before its length")
        let bytes = content.data[part].bytes
        let size = min(bytes.count - partPlace, count - done)
        if let base = bytes.baseAddress, size > 0 {
          (target + done).copyMemory(from: base + partPlace, byteCount: size)
        }
        partPlace += size
        done += size
        if partPlace == bytes.count { (part, partPlace) = (part + 1, 0) }
      }
    }
  }
}
