// The journal's unit: 512 bytes, each with its own checksum.
//
//    0 CRC-32C u32 of bytes 4..<512    8 frame number u32 (low bits)
//    4 generation u32                 12 block number in the file u32
//   16 496 bytes of the frame
//
// Why not one checksum a frame: the files are recycled, so a torn last frame leaves blocks of an
// earlier generation (or zeros) among its own. With a checksum in each block three cases can be
// told apart: the block is ours, it is an older one or zero (the write did not reach it), or it is
// neither (damage). Disks write a sector of 512 bytes wholly or not at all.

internal import HeadraceColumns
import HeadraceFoundations
internal import Glibc

enum JournalBlock {
  static let byteCount = 512
  static let headerBytes = 16
  static let payloadBytes = byteCount - headerBytes

  enum Content: Equatable {
    case zero
    case valid(generation: UInt32, frame: UInt32)
    case damaged
  }

  static func content(_ block: UnsafeRawBufferPointer, number: Int) -> Content {
    let stored = UInt32(littleEndian: block.load(fromByteOffset: 0, as: UInt32.self))
    let crc = crc32c(UnsafeRawBufferPointer(rebasing: block[4...]))
    let place = UInt32(littleEndian: block.load(fromByteOffset: 12, as: UInt32.self))
    if stored == crc && place == UInt32(truncatingIfNeeded: number) {
      return .valid(
        generation: UInt32(littleEndian: block.load(fromByteOffset: 4, as: UInt32.self)),
        frame: UInt32(littleEndian: block.load(fromByteOffset: 8, as: UInt32.self)))
    }
    return isZero(block) ? .zero : .damaged
  }

  /// All bytes equal the one after them, and the first is zero.
  private static func isZero(_ block: UnsafeRawBufferPointer) -> Bool {
    guard let base = block.baseAddress else { return true }
    return block[0] == 0 && memcmp(base, base + 1, block.count - 1) == 0
  }

  static func seal(
    _ block: UnsafeMutableRawPointer, generation: UInt32, frame: Int64, number: Int
  ) -> UInt32 {
    block.storeBytes(of: generation.littleEndian, toByteOffset: 4, as: UInt32.self)
    block.storeBytes(
      of: UInt32(truncatingIfNeeded: frame).littleEndian, toByteOffset: 8, as: UInt32.self)
    block.storeBytes(
      of: UInt32(truncatingIfNeeded: number).littleEndian, toByteOffset: 12, as: UInt32.self)
    let crc = crc32c(UnsafeRawBufferPointer(start: block + 4, count: byteCount - 4))
    block.storeBytes(of: crc.littleEndian, toByteOffset: 0, as: UInt32.self)
    return crc
  }
}

/// The first bytes of a frame's content.
struct JournalFrameHeader {
  /// Commits of these frames end with the replacements of compaction.
  static let magic: UInt32 = 0x4852_4a32
  /// Frames of format version 1, whose commits have none.
  static let firstMagic: UInt32 = 0x4852_4a46
  static let byteCount = 24

  var frame: Int64
  /// Bytes of the frame with this header.
  var length: Int
  /// Digest of the frame before: CRC-32C over its blocks' checksums.
  var previousDigest: UInt32
  /// Of the commits in the frame.
  private(set) var version = 2

  func write(to buffer: ByteBuffer) {
    buffer.put(Self.magic)
    buffer.put(previousDigest)
    buffer.put(frame)
    buffer.put(length)
  }

  init(frame: Int64, length: Int, previousDigest: UInt32) {
    self.frame = frame
    self.length = length
    self.previousDigest = previousDigest
  }

  init(from reader: inout ByteReader) throws(StorageError) {
    switch try reader.uint32() {
    case Self.magic: version = 2
    case Self.firstMagic: version = 1
    default: throw reader.damaged("journal frame")
    }
    previousDigest = try reader.uint32()
    frame = try reader.int64()
    length = try reader.natural()
    guard length >= Self.byteCount else { throw reader.damaged("length of a journal frame") }
  }
}
