// For each key of a stretch of a partition the offset of its last record, in a fixed number of
// bytes: the key is known by 128 bits of SipHash-2-4 (two keys of one topic with the same would
// lose the older one's records; among a thousand million keys that is as likely as 1 in 10^21).
// When it is full the stretch ends there, and another pass takes the rest.
// Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF"; Kafka's
// SkimpyOffsetMap.

import HeadraceFoundations

struct KeyHash: Hashable {
  var low: UInt64
  var high: UInt64

  /// Whoever chooses keys does not choose the first eight bytes of `secret`.
  init(_ bytes: UnsafeRawBufferPointer, secret: (UInt64, UInt64)) {
    var state = SipState(secret)
    var at = 0
    while at + 8 <= bytes.count {
      state.take(
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
      at += 8
    }
    var last = UInt64(truncatingIfNeeded: bytes.count) << 56
    var shift: UInt64 = 0
    while at < bytes.count {
      last |= UInt64(bytes[at]) << shift
      shift += 8
      at += 1
    }
    state.take(last)
    (low, high) = state.finish()
  }
}

private struct SipState {
  private var v0, v1, v2, v3: UInt64

  init(_ key: (UInt64, UInt64)) {
    v0 = key.0 ^ 0x736f_6d65_7073_6575
    v1 = key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
    v2 = key.0 ^ 0x6c79_6765_6e65_7261
    v3 = key.1 ^ 0x7465_6462_7974_6573
  }

  private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    (value << bits) | (value >> (64 - bits))
  }

  private mutating func mix(_ rounds: Int) {
    for _ in 0..<rounds {
      v0 = v0 &+ v1
      v1 = Self.rotated(v1, 13) ^ v0
      v0 = Self.rotated(v0, 32)
      v2 = v2 &+ v3
      v3 = Self.rotated(v3, 16) ^ v2
      v0 = v0 &+ v3
      v3 = Self.rotated(v3, 21) ^ v0
      v2 = v2 &+ v1
      v1 = Self.rotated(v1, 17) ^ v2
      v2 = Self.rotated(v2, 32)
    }
  }

  mutating func take(_ word: UInt64) {
    v3 ^= word
    mix(2)
    v0 ^= word
  }

  mutating func finish() -> (UInt64, UInt64) {
    v2 ^= 0xee
    mix(4)
    let first = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd
    mix(4)
    return (first, v0 ^ v1 ^ v2 ^ v3)
  }
}

/// Open addressing with linear probing; it grows with the keys, so that many records of few keys
/// take little.
final class CompactionMap {
  static let slotBytes = MemoryLayout<Slot>.stride
  private static let slotsMin = 16

  private struct Slot {
    var hash: KeyHash
    /// -1: free.
    var offset: Int64
  }

  private var slots: UnsafeMutablePointer<Slot>
  private var slotCount: Int
  private let slotsMax: Int
  private(set) var count = 0
  private let secret: (UInt64, UInt64)

  /// - Parameter bytes: the most that the slots may take.
  init(bytes: Int, secret: (UInt64, UInt64)) {
    slotsMax = max(Self.slotsMin, bytes / Self.slotBytes)
    slotCount = min(slotsMax, 256)
    slots = Self.free(slotCount)
    self.secret = secret
  }

  deinit { slots.deallocate() }

  var byteCount: Int { slotCount * Self.slotBytes }

  private static func free(_ count: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
    let none = KeyHash(UnsafeRawBufferPointer(start: nil, count: 0), secret: (0, 0))
    slots.initialize(repeating: Slot(hash: none, offset: -1), count: count)
    return slots
  }

  /// Remembers a later offset of a key. False: the key is new and there is no room for it.
  func put(_ key: UnsafeRawBufferPointer, _ offset: Int64) -> Bool {
    let hash = KeyHash(key, secret: secret)
    var place = slot(hash)
    if slots[place].offset < 0 {
      if count * 10 >= slotCount * 7, slotCount < slotsMax {
        grow()
        place = slot(hash)
      }
      guard count * 10 < slotCount * 9 else { return false }
      count += 1
      slots[place].hash = hash
    }
    slots[place].offset = max(slots[place].offset, offset)
    return true
  }

  private func grow() {
    let (old, oldCount) = (slots, slotCount)
    slotCount = min(slotsMax, slotCount * 2)
    slots = Self.free(slotCount)
    for index in 0..<oldCount where old[index].offset >= 0 {
      slots[slot(old[index].hash)] = old[index]
    }
    old.deallocate()
  }

  /// The last offset of a key; nil when it is not in the stretch.
  func offset(_ key: UnsafeRawBufferPointer) -> Int64? {
    let found = slots[slot(KeyHash(key, secret: secret))].offset
    return found < 0 ? nil : found
  }

  private func slot(_ hash: KeyHash) -> Int {
    var place = Int(hash.low % UInt64(slotCount))
    while slots[place].offset >= 0 && slots[place].hash != hash {
      place = place + 1 == slotCount ? 0 : place + 1
    }
    return place
  }
}
