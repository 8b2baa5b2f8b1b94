// The frame of a run, a file of records in key order that is written once:
//
//   header  magic (8), version (4), number of the run (8), hash of the store's identity (8),
//           CRC-32C of these (4)
//   blocks  one behind the other: see `Block`
//   index   where the blocks are and where their keys begin: see `BlockIndex`
//   filter  which keys may be here; may be missing: see `RunFilter`
//   footer  what is told of the run, with places and checksums of index and filter: fields as in
//           `encoded`, one row a space of keys, then CRC-32C, length of the footer (4) and magic
//           (8)
//
// Numbers are little-endian. All checksums begin with the identity and the number of the run, so
// that no part of another run passes. A change of any of this is another version.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// What a run has of one space.
struct SpaceCount: Equatable {
  var space: UInt8
  /// Records with a value.
  var records = 0
  var tombstones = 0
  /// Of records with a value.
  var minTimestamp = Int64.max
  var maxTimestamp = Int64.min
}

struct RunFooter: Equatable {
  static let magic: UInt64 = 0x314E_5552_5F45_5448  // "HTE_RUN1"
  static let version: UInt32 = 1
  static let headerBytes = 32
  /// Behind the footer's fields: checksum, length, magic.
  static let trailerBytes = 16
  /// No footer is longer: 256 rows and some fields.
  static let bytesMax = 16 << 10

  var blockCount = 0
  /// Where the blocks end.
  var indexPosition = 0
  var indexBytes = 0
  var indexChecksum: UInt32 = 0
  var filterPosition = 0
  /// 0: there is no filter.
  var filterBytes = 0
  var filterChecksum: UInt32 = 0
  /// Bits that the filter sets for a key.
  var filterHashes: UInt32 = 0
  /// Different keys, or parts of keys, that a filter has or would have.
  var filterKeys = 0
  /// Whether the filter is of parts of keys.
  var filtersParts = false
  var spaces: [SpaceCount] = []

  /// What all checksums of a run begin with.
  static func seed(identity: UInt64, number: UInt64) -> UInt32 {
    let buffer = ByteBuffer(capacity: 16)
    buffer.put(identity)
    buffer.put(number)
    return buffer.checksum(seed: 0)
  }

  static func header(identity: UInt64, number: UInt64) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: headerBytes)
    buffer.put(magic)
    buffer.put(version)
    buffer.put(number)
    buffer.put(identity)
    buffer.put(buffer.checksum(seed: 0))
    return buffer
  }

  func encoded(seed: UInt32) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: 128 + spaces.count * 33)
    buffer.put(Self.version)
    for number in [
      blockCount, indexPosition, indexBytes, filterPosition, filterBytes, filterKeys,
    ] { buffer.put(Int64(number)) }
    buffer.put(indexChecksum)
    buffer.put(filterChecksum)
    buffer.put(filterHashes)
    buffer.put(UInt8(filtersParts ? 1 : 0))
    buffer.put(UInt16(spaces.count))
    for space in spaces {
      buffer.put(space.space)
      buffer.put(Int64(space.records))
      buffer.put(Int64(space.tombstones))
      buffer.put(space.minTimestamp)
      buffer.put(space.maxTimestamp)
    }
    let fields = buffer.count
    buffer.put(buffer.checksum(seed: seed))
    buffer.put(UInt32(fields))
    buffer.put(Self.magic)
    return buffer
  }

  /// Reads the footer from the last bytes of a file of `fileBytes`. Returns its checksum as well.
  static func decode(
    _ tail: ByteBuffer, fileBytes: Int, seed: UInt32, path: String
  ) throws(StorageError) -> (RunFooter, checksum: UInt32) {
    let damaged = StorageError(
      .corruption, "footer of a run", path: path, position: Int64(max(0, fileBytes - tail.count)))
    guard tail.count >= trailerBytes else { throw damaged }
    let end = tail.count - trailerBytes
    var trailer = StateReader(
      UnsafeRawBufferPointer(rebasing: tail.raw[end...]), path: path,
      origin: fileBytes - trailerBytes)
    let checksum = try trailer.number(UInt32.self)
    let length = Int(try trailer.number(UInt32.self))
    guard try trailer.number(UInt64.self) == magic, length <= end else { throw damaged }
    let fields = UnsafeRawBufferPointer(rebasing: tail.raw[(end - length)..<end])
    guard let base = fields.baseAddress, crc32c(base, length, seed: seed) == checksum else {
      throw damaged
    }
    var reader = StateReader(fields, path: path, origin: fileBytes - trailerBytes - length)
    let found = try reader.number(UInt32.self)
    guard found == version else {
      throw StorageError(
        .unsupportedVersion, "footer of a run", path: path, expected: "\(version)",
        found: "\(found)")
    }
    let footer = try RunFooter(&reader)
    let filterEnd = footer.filterPosition + footer.filterBytes
    guard reader.remaining == 0, footer.indexPosition > headerBytes,
      footer.indexPosition + footer.indexBytes == footer.filterPosition,
      filterEnd + length + trailerBytes == fileBytes, footer.filterBytes % RunFilter.lineBytes == 0,
      footer.blockCount > 0
    else { throw damaged }
    return (footer, checksum)
  }

  init() {}

  private init(_ reader: inout StateReader) throws(StorageError) {
    blockCount = try reader.natural()
    indexPosition = try reader.natural()
    indexBytes = try reader.natural()
    filterPosition = try reader.natural()
    filterBytes = try reader.natural()
    filterKeys = try reader.natural()
    indexChecksum = try reader.number(UInt32.self)
    filterChecksum = try reader.number(UInt32.self)
    filterHashes = try reader.number(UInt32.self)
    filtersParts = try reader.number(UInt8.self) != 0
    for _ in 0..<(try reader.number(UInt16.self)) {
      spaces.append(
        SpaceCount(
          space: try reader.number(UInt8.self), records: try reader.natural(),
          tombstones: try reader.natural(), minTimestamp: try reader.number(Int64.self),
          maxTimestamp: try reader.number(Int64.self)))
    }
  }
}
