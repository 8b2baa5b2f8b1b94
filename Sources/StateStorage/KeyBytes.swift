// Keys as bytes. A stored key is the byte of its space and then the key, so that one order and one
// file serve all spaces of a store. Keys are compared by their first eight bytes as a number, the
// first byte highest, and in full only where these are the same.
//
// The hash is part of the format of runs: their filters are made of it.

internal import CHeadraceSupport
import HeadraceFoundations
internal import Glibc

/// A multiply-and-fold hash over words of 8 bytes; of little-endian machines, as all are that this
/// runs on.
@inline(__always)
func hashKey(_ space: UInt8, _ key: UnsafeRawBufferPointer) -> UInt64 {
  let count = key.count
  var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(count) ^ UInt64(space) << 56
  var position = 0
  while position + 8 <= count {
    hash = folded(
      hash ^ key.loadUnaligned(fromByteOffset: position, as: UInt64.self),
      0xA076_1D64_78BD_642F)
    position += 8
  }
  if position < count {
    var rest: UInt64 = 0
    if count > 8 {
      // With bytes that were mixed in before: no loop over the few that were not.
      rest = key.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      position = count
    }
    while position < count {
      rest = rest << 8 | UInt64(key[position])
      position += 1
    }
    hash = folded(hash ^ rest, 0xE703_7ED1_A0B4_28DB)
  }
  return folded(hash, 0x8EBC_6AF0_9C88_C6E3)
}

@inline(__always)
private func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.high ^ product.low
}

/// The first eight bytes of a stored key, zeros behind a shorter one.
@inline(__always)
func keyPrefix(_ key: UnsafeRawPointer, _ count: Int) -> UInt64 {
  if count >= 8 { return key.loadUnaligned(as: UInt64.self).bigEndian }
  var prefix: UInt64 = 0
  for place in 0..<count {
    prefix |= UInt64(key.load(fromByteOffset: place, as: UInt8.self)) << (56 - 8 * UInt64(place))
  }
  return prefix
}

/// Below 0, 0 or above: the order of byte strings, a prefix before what it begins.
@inline(__always)
func compareBytes(
  _ a: UnsafeRawPointer, _ aCount: Int, _ b: UnsafeRawPointer, _ bCount: Int
) -> Int {
  let order = Int(memcmp(a, b, min(aCount, bCount)))
  return order != 0 ? order : aCount - bCount
}

/// Whether two keys of one length are the same; they are short.
@inline(__always)
func isSame(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
  guard count >= 8 else { return memcmp(a, b, count) == 0 }
  var position = 0
  // The last eight bytes may be looked at twice in part.
  while position < count {
    let place = min(position, count - 8)
    let difference =
      a.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      ^ b.loadUnaligned(fromByteOffset: place, as: UInt64.self)
    if difference != 0 { return false }
    position += 8
  }
  return true
}

/// CRC-32C of the bytes, continuing from `seed`.
@inline(__always)
func crc32c(_ bytes: UnsafeRawPointer, _ count: Int, seed: UInt32) -> UInt32 {
  headrace_crc32c(seed, bytes, count)
}

/// Stored keys that are made for a call, one behind the other.
struct StoredKeys {
  private let bytes: UnsafeMutableRawPointer
  private let starts: UnsafeMutablePointer<Int>
  let count: Int

  /// Freed by `deallocate`.
  init(_ count: Int, space: UInt8, _ key: (Int) -> UnsafeRawBufferPointer) {
    self.count = count
    starts = .allocate(capacity: count + 1)
    var total = 0
    for index in 0..<count {
      starts[index] = total
      total += key(index).count + 1
    }
    starts[count] = total
    bytes = .allocate(byteCount: total + 8, alignment: 8)
    for index in 0..<count {
      let source = key(index)
      let target = bytes + starts[index]
      target.storeBytes(of: space, as: UInt8.self)
      if let from = source.baseAddress {
        (target + 1).copyMemory(from: from, byteCount: source.count)
      }
    }
  }

  func deallocate() {
    bytes.deallocate()
    starts.deallocate()
  }

  @inline(__always)
  subscript(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes + starts[index], count: starts[index + 1] - starts[index])
  }

  /// The key without the byte of its space.
  @inline(__always)
  func key(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes + starts[index] + 1, count: starts[index + 1] - starts[index] - 1)
  }
}
