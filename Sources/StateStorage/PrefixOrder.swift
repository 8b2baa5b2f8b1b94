// Sorts items by the first eight bytes of their keys: a radix sort from the lowest byte up, which skips the bytes that
// all have in common. Those whose eight bytes are the same are left to a comparison of the whole keys.

import HeadraceFoundations

struct PrefixEntry: BitwiseCopyable {
  var prefix: UInt64
  var item: Int32
}

/// Below so many a comparing sort is quicker.
private let radixMin = 64

/// Sorts the entries; `precedes` orders items whose prefixes are the same.
func sortByPrefix(_ entries: inout [PrefixEntry], ties precedes: (Int32, Int32) -> Bool) {
  guard entries.count >= radixMin else {
    entries.sort {
      $0.prefix != $1.prefix ? $0.prefix < $1.prefix : precedes($0.item, $1.item)
    }
    return
  }
  let first = entries[0].prefix
  var differing: UInt64 = 0
  for entry in entries { differing |= entry.prefix ^ first }
  entries.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    let spare = UnsafeMutablePointer<PrefixEntry>.allocate(capacity: buffer.count)
    defer { spare.deallocate() }
    var (from, to) = (base, spare)
    for shift in stride(from: UInt64(0), to: 64, by: 8) where differing >> shift & 0xFF != 0 {
      radixPass(from, to, buffer.count, shift)
      swap(&from, &to)
    }
    if from != base { base.update(from: from, count: buffer.count) }
  }
  var start = 0
  for end in 1...entries.count {
    if end < entries.count, entries[end].prefix == entries[start].prefix { continue }
    if end - start > 1 { entries[start..<end].sort { precedes($0.item, $1.item) } }
    start = end
  }
}

private func radixPass(
  _ from: UnsafeMutablePointer<PrefixEntry>, _ to: UnsafeMutablePointer<PrefixEntry>,
  _ count: Int, _ shift: UInt64
) {
  withUnsafeTemporaryAllocation(of: Int.self, capacity: 257) { places in
    places.initialize(repeating: 0)
    for index in 0..<count {
      places[Int(truncatingIfNeeded: from[index].prefix >> shift & 0xFF) + 1] += 1
    }
    for byte in 0..<256 { places[byte + 1] += places[byte] }
    for index in 0..<count {
      let byte = Int(truncatingIfNeeded: from[index].prefix >> shift & 0xFF)
      to[places[byte]] = from[index]
      places[byte] += 1
    }
  }
}
