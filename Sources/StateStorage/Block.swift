// A block of a run: some consecutive records, and what is needed to find one of them.
//
//   records   one behind the other, in key order: length of the stored key (varint), the stored
//             key, length of the value + 1 (varint; 0: the key is deleted), timestamp (zigzag
//             varint), the value
//   offsets   where each record begins (4 each)
//   count     of records (4)
//   checksum  CRC-32C (4) over the run's identity and number, the position of the block in the
//             file, and all before it: a block of another place, file or store does not pass for
//             this one
//
// Invariant: nothing outside of the block is ever read, whatever it holds; what does not fit is
// damage.

import HeadraceFoundations

/// One record; its pointers are valid as long as what they point into is not moved.
struct RecordView {
  /// The stored key.
  var key: UnsafeRawPointer
  var keyCount: Int
  var value: UnsafeRawPointer
  /// -1: the key is deleted.
  var valueCount: Int
  var timestamp: Int64
}

struct Block {
  static let offsetBytes = 4
  /// Behind the offsets: number of records, checksum.
  static let tailBytes = 8

  private let base: UnsafeRawPointer
  private let recordsEnd: Int
  let count: Int

  /// nil: the checksum is wrong, or it is no block.
  init?(_ base: UnsafeRawPointer, _ length: Int, position: Int, seed: UInt32) {
    guard length > Self.tailBytes else { return nil }
    let sum = crc32c(base, length - 4, seed: Self.seed(position, seed))
    guard base.loadUnaligned(fromByteOffset: length - 4, as: UInt32.self) == sum else { return nil }
    let count = Int(base.loadUnaligned(fromByteOffset: length - 8, as: UInt32.self))
    let end = length - Self.tailBytes - count * Self.offsetBytes
    guard count > 0, end > 0 else { return nil }
    (self.base, self.count, recordsEnd) = (base, count, end)
  }

  /// What the checksum of a block at this position begins with.
  static func seed(_ position: Int, _ run: UInt32) -> UInt32 {
    withUnsafeBytes(of: Int64(position)) { bytes in
      bytes.baseAddress.map { crc32c($0, bytes.count, seed: run) } ?? run
    }
  }

  /// What a record that stands alone begins with.
  struct Head {
    var keyStart: Int
    var keyCount: Int
    var valueStart: Int
    /// -1: the key is deleted.
    var valueCount: Int
    var timestamp: Int64
  }

  /// The head of the record at `base`, of which `count` bytes are there; its value ends at `end`.
  /// nil: not all of the head is there, or it is none.
  static func head(_ base: UnsafeRawPointer, _ count: Int, end: Int) -> Head? {
    let part = Block(base: base, recordsEnd: count, count: 1)
    var at = 0
    guard let length = part.varint(&at), length > 0, length <= UInt64(count - at) else {
      return nil
    }
    let keyStart = at
    at += Int(length)
    guard let sized = part.varint(&at), let time = part.varint(&at),
      sized <= UInt64(end - at) + 1
    else { return nil }
    return Head(
      keyStart: keyStart, keyCount: Int(length), valueStart: at, valueCount: Int(sized) - 1,
      timestamp: unzigzag(time))
  }

  private init(base: UnsafeRawPointer, recordsEnd: Int, count: Int) {
    (self.base, self.recordsEnd, self.count) = (base, recordsEnd, count)
  }

  @inline(__always)
  private func offset(_ index: Int) -> Int {
    Int(base.loadUnaligned(fromByteOffset: recordsEnd + index * Self.offsetBytes, as: UInt32.self))
  }

  @inline(__always)
  private func varint(_ at: inout Int) -> UInt64? {
    guard at < recordsEnd else { return nil }
    let first = base.load(fromByteOffset: at, as: UInt8.self)
    at += 1
    if first < 0x80 { return UInt64(first) }
    return longVarint(first, &at)
  }

  private func longVarint(_ first: UInt8, _ at: inout Int) -> UInt64? {
    var value = UInt64(first & 0x7F)
    var shift: UInt64 = 7
    while at < recordsEnd, shift < 64 {
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  /// The stored key of a record; nil: damage.
  @inline(__always)
  func key(_ index: Int) -> UnsafeRawBufferPointer? {
    var at = offset(index)
    guard let length = varint(&at), length > 0, length <= UInt64(recordsEnd - at) else {
      return nil
    }
    return UnsafeRawBufferPointer(start: base + at, count: Int(length))
  }

  /// nil: damage.
  @inline(__always)
  func record(_ index: Int) -> RecordView? {
    var at = offset(index)
    guard let length = varint(&at), length > 0, length <= UInt64(recordsEnd - at) else {
      return nil
    }
    let key = base + at
    at += Int(length)
    guard let sized = varint(&at), let time = varint(&at), sized <= UInt64(recordsEnd - at) + 1
    else { return nil }
    return RecordView(
      key: key, keyCount: Int(length), value: base + at, valueCount: Int(sized) - 1,
      timestamp: unzigzag(time))
  }

  /// The first record whose key is not below this stored key; nil: damage.
  @inline(__always)
  func lowerBound(_ key: UnsafeRawBufferPointer, _ prefix: UInt64) -> Int? {
    guard let wanted = key.baseAddress else { return 0 }
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      guard let found = self.key(middle), let base = found.baseAddress else { return nil }
      let other = keyPrefix(base, found.count)
      let isBelow =
        other != prefix
        ? other < prefix : compareBytes(base, found.count, wanted, key.count) < 0
      if isBelow { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
