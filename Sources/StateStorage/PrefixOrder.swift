// Sorts items by their keys, eight bytes at a time: a radix sort from the lowest byte up, which
// skips the bytes that all have in common. Many items whose eight bytes are the same are sorted by
// the next eight in the same way; few of them by a comparison of the whole keys.

import HeadraceFoundations

struct PrefixEntry: BitwiseCopyable {
  var prefix: UInt64
  var item: Int32
}

/// Below so many a comparing sort is quicker.
private let radixMin = 64

/// Sorts entries whose prefixes are set by the keys of their items; of equal keys the lower item
/// comes first.
func sortByKey(_ entries: inout [PrefixEntry], _ key: (Int32) -> UnsafeRawBufferPointer) {
  entries.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress, buffer.count > 1 else { return }
    let spare = UnsafeMutablePointer<PrefixEntry>.allocate(capacity: buffer.count)
    defer { spare.deallocate() }
    sortRange(base, spare, buffer.count, depth: 0, key)
  }
}

private func sortRange(
  _ base: UnsafeMutablePointer<PrefixEntry>, _ spare: UnsafeMutablePointer<PrefixEntry>,
  _ count: Int, depth: Int, _ key: (Int32) -> UnsafeRawBufferPointer
) {
  guard count >= radixMin else {
    return sortFew(base, count, key)
  }
  radixSort(base, spare, count)
  var start = 0
  for end in 1...count {
    if end < count, base[end].prefix == base[start].prefix { continue }
    if end - start > 1 { sortTies(base + start, spare, end - start, depth: depth, key) }
    start = end
  }
}

private func sortFew(
  _ base: UnsafeMutablePointer<PrefixEntry>, _ count: Int,
  _ key: (Int32) -> UnsafeRawBufferPointer
) {
  var entries = UnsafeMutableBufferPointer(start: base, count: count)
  entries.sort { isBefore($0, $1, key) }
}

private func isBefore(
  _ a: PrefixEntry, _ b: PrefixEntry, _ key: (Int32) -> UnsafeRawBufferPointer
) -> Bool {
  if a.prefix != b.prefix { return a.prefix < b.prefix }
  let (left, right) = (key(a.item), key(b.item))
  guard let x = left.baseAddress, let y = right.baseAddress else { return a.item < b.item }
  let order = compareBytes(x, left.count, y, right.count)
  return order != 0 ? order < 0 : a.item < b.item
}

/// Items whose bytes up to `depth` and eight more are the same, or end there.
private func sortTies(
  _ base: UnsafeMutablePointer<PrefixEntry>, _ spare: UnsafeMutablePointer<PrefixEntry>,
  _ count: Int, depth: Int, _ key: (Int32) -> UnsafeRawBufferPointer
) {
  let next = depth + 8
  // Zeros and the end of a key look the same, so that one which ends here is not told by its next
  // bytes.
  let isDeep = count >= radixMin && (0..<count).allSatisfy { key(base[$0].item).count > next }
  guard isDeep else {
    return sortFew(base, count, key)
  }
  let prefix = base[0].prefix
  for place in 0..<count {
    let bytes = key(base[place].item)
    if let start = bytes.baseAddress {
      base[place].prefix = keyPrefix(start + next, bytes.count - next)
    }
  }
  sortRange(base, spare, count, depth: next, key)
  for place in 0..<count { base[place].prefix = prefix }
}

private func radixSort(
  _ base: UnsafeMutablePointer<PrefixEntry>, _ spare: UnsafeMutablePointer<PrefixEntry>,
  _ count: Int
) {
  let first = base[0].prefix
  var differing: UInt64 = 0
  for place in 0..<count { differing |= base[place].prefix ^ first }
  var (from, to) = (base, spare)
  for shift in stride(from: UInt64(0), to: 64, by: 8) where differing >> shift & 0xFF != 0 {
    radixPass(from, to, count, shift)
    swap(&from, &to)
  }
  if from != base { base.update(from: from, count: count) }
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
