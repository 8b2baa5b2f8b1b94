// Whether a file-backed stream still reads the file that it began with. With a query's positions
// the engine commits device, inode and size of each file and checksums of the first and the last
// bytes consumed; when the query starts again they must hold, or the query fails by name instead of
// reading other records.

import HeadraceFoundations
import CHeadraceSupport
import HeadraceColumns
import Glibc
import HeadraceTopics

struct FileIdentity: Hashable {
  static let headBytes: Int64 = 64 << 10
  private static let tailBytes: Int64 = 4 << 10

  var device: UInt64
  var inode: UInt64
  /// Bytes consumed; the file is at least that long.
  var consumed: Int64
  /// CRC-32C of the first 64 KiB of what was consumed, and of the last 4 KiB.
  var head: UInt32
  var tail: UInt32

  /// The open file, of which `consumed` bytes have been read. `head`: the checksum of its first
  /// bytes, where it is known.
  /// Throws: `io`; `truncated` for a file that is shorter.
  init(_ file: any OutsideFile, consumed: Int64, head known: UInt32? = nil) throws(StorageError) {
    let (device, inode, size) = try file.identity()
    guard size >= consumed else {
      throw StorageError(
        .io, "the file has become shorter", path: file.path, expected: "\(consumed) bytes",
        found: "\(size)")
    }
    self.device = device
    self.inode = inode
    self.consumed = consumed
    let headEnd = min(consumed, Self.headBytes)
    if let known { head = known } else { head = try Self.checksum(file, 0..<headEnd) }
    tail = try Self.checksum(file, max(0, consumed - Self.tailBytes)..<consumed)
  }

  private static func checksum(
    _ file: any OutsideFile, _ range: Range<Int64>
  ) throws(StorageError) -> UInt32 {
    let buffer = try file.bytes(range.count, at: range.lowerBound)
    guard buffer.count == range.count else {
      throw StorageError(
        .io, "the file has become shorter", path: file.path,
        position: range.lowerBound + Int64(buffer.count), expected: "\(range.upperBound) bytes")
    }
    return headrace_crc32c(0, buffer.base, buffer.count)
  }

  /// What differs from the file as it was, in words; nil: nothing.
  func difference(from earlier: FileIdentity) -> String? {
    if device != earlier.device || inode != earlier.inode {
      return "another file has taken its place (inode \(inode), was \(earlier.inode))"
    }
    if head != earlier.head { return "its first bytes have changed" }
    if tail != earlier.tail { return "the bytes before byte \(consumed) have changed" }
    return nil
  }

  var text: String { "\(device) \(inode) \(consumed) \(head) \(tail)" }

  init?(text: String) {
    let parts = text.split(separator: " ")
    guard parts.count == 5, let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
      let consumed = Int64(parts[2]), let head = UInt32(parts[3]), let tail = UInt32(parts[4])
    else { return nil }
    self.device = device
    self.inode = inode
    self.consumed = consumed
    self.head = head
    self.tail = tail
  }
}
