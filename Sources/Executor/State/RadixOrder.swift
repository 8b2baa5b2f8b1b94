// Sorts numbers by 64 bits of their key: a radix sort from the lowest byte up, which skips the
// bytes that all keys have in common. Ties are left to the caller's comparison.

import HeadraceFoundations

struct RadixOrder {
  private struct Entry: BitwiseCopyable {
    var prefix: UInt64
    var item: Int32
  }

  private var entries: [Entry] = []
  /// Bits in which some two prefixes differ.
  private var differing: UInt64 = 0

  init(capacity: Int) { entries.reserveCapacity(capacity) }

  /// The first eight bytes of a key, the first one highest, zeros behind fewer.
  static func prefix(_ key: UnsafeRawBufferPointer) -> UInt64 {
    if key.count >= 8 { return key.loadUnaligned(as: UInt64.self).bigEndian }
    var prefix: UInt64 = 0
    for (place, byte) in key.enumerated() { prefix |= UInt64(byte) << (56 - 8 * UInt64(place)) }
    return prefix
  }

  mutating func append(_ prefix: UInt64, _ item: Int32) {
    if let first = entries.first { differing |= first.prefix ^ prefix }
    entries.append(Entry(prefix: prefix, item: item))
  }

  /// The items by prefix; `precedes` orders those whose prefixes are the same.
  consuming func sorted(ties precedes: (Int32, Int32) -> Bool) -> [Int32] {
    var from = entries
    if from.count < 64 {
      from.sort { $0.prefix < $1.prefix }
    } else {
      var to = from
      for shift in stride(from: UInt64(0), to: 64, by: 8) where differing >> shift & 0xFF != 0 {
        Self.pass(from, &to, shift)
        swap(&from, &to)
      }
    }
    var items = from.map(\.item)
    var start = 0
    for end in 1...max(items.count, 1) {
      if end < items.count, from[end].prefix == from[start].prefix { continue }
      if end - start > 1 { items[start..<end].sort(by: precedes) }
      start = end
    }
    return items
  }

  private static func pass(_ from: [Entry], _ to: inout [Entry], _ shift: UInt64) {
    var places = [Int](repeating: 0, count: 257)
    for entry in from { places[Int(truncatingIfNeeded: entry.prefix >> shift & 0xFF) + 1] += 1 }
    for byte in 0..<256 { places[byte + 1] += places[byte] }
    for entry in from {
      let byte = Int(truncatingIfNeeded: entry.prefix >> shift & 0xFF)
      to[places[byte]] = entry
      places[byte] += 1
    }
  }
}
