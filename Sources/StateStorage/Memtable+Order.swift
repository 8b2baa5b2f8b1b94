// The order of a memtable's keys, made when it is asked for and kept: sorted chunks, each at least
// twice as large as the next. What was staged since is sorted by itself and merged with as many of
// the last chunks as are not much larger, so that a memtable that is read in order between stagings
// does not sort everything again and again.
//
// Invariant: each entry that is not superseded and that was there at the last call is in exactly
// one chunk; superseded ones may still be in a chunk and are to be left out by its reader.

import HeadraceFoundations

struct MemtableOrder {
  fileprivate(set) var chunks: [[PrefixEntry]] = []
  /// Entries that the chunks have seen.
  fileprivate var seen = 0

  var byteCount: Int {
    chunks.reduce(0) { $0 + $1.capacity * MemoryLayout<PrefixEntry>.stride }
  }

  /// Entries from here on are no more. Those that they had superseded may be in no chunk, so
  /// nothing is kept.
  mutating func forget(from count: Int) {
    guard seen > count else { return }
    chunks = []
    seen = 0
  }
}

extension Memtable {
  /// Of the owner alone. Valid until something is staged.
  func chunks() -> [[PrefixEntry]] {
    guard order.seen < count else { return order.chunks }
    var tail = sortedEntries(order.seen..<count)
    order.seen = count
    while let last = order.chunks.last, last.count <= 2 * tail.count {
      order.chunks.removeLast()
      tail = merged(last, tail)
    }
    if !tail.isEmpty { order.chunks.append(tail) }
    return order.chunks
  }

  /// All in one chunk; of the owner alone.
  func wholeOrder() -> [PrefixEntry] {
    var chunks = chunks()
    guard chunks.count > 1 || chunks.first.map({ holdsSuperseded($0) }) ?? false else {
      return chunks.first ?? []
    }
    order.chunks = []
    while chunks.count > 1 {
      let last = chunks.removeLast()
      chunks[chunks.count - 1] = merged(chunks[chunks.count - 1], last)
    }
    chunks[0].removeAll { entries[Int($0.item)].isSuperseded }
    order.chunks = chunks
    return chunks[0]
  }

  private func holdsSuperseded(_ chunk: [PrefixEntry]) -> Bool {
    chunk.contains { entries[Int($0.item)].isSuperseded }
  }

  /// The newest entries of keys among these, in key order. Touches nothing: a writer may call it
  /// while the owner reads.
  func sortedEntries(_ range: Range<Int>) -> [PrefixEntry] {
    var sorted: [PrefixEntry] = []
    sorted.reserveCapacity(range.count)
    for index in range where !entries[index].isSuperseded {
      let view = record(index)
      sorted.append(
        PrefixEntry(
          prefix: keyPrefix(view.key, view.keyCount), item: Int32(truncatingIfNeeded: index)))
    }
    sortByKey(&sorted) { storedKey(Int($0)) }
    return sorted
  }

  private func compareKeys(_ a: Int32, _ b: Int32) -> Int {
    let (left, right) = (record(Int(a)), record(Int(b)))
    return compareBytes(left.key, left.keyCount, right.key, right.keyCount)
  }

  private func merged(_ a: [PrefixEntry], _ b: [PrefixEntry]) -> [PrefixEntry] {
    var result: [PrefixEntry] = []
    result.reserveCapacity(a.count + b.count)
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
      let takesFirst: Bool
      if i == a.count || j == b.count {
        takesFirst = j == b.count
      } else if a[i].prefix != b[j].prefix {
        takesFirst = a[i].prefix < b[j].prefix
      } else {
        takesFirst = compareKeys(a[i].item, b[j].item) < 0
      }
      let entry = takesFirst ? a[i] : b[j]
      if takesFirst { i += 1 } else { j += 1 }
      if !entries[Int(entry.item)].isSuperseded { result.append(entry) }
    }
    return result
  }

  /// The first place in a chunk whose key is not below this stored key.
  func lowerBound(_ chunk: [PrefixEntry], _ key: UnsafeRawBufferPointer, from: Int = 0) -> Int {
    guard let base = key.baseAddress else { return 0 }
    let prefix = keyPrefix(base, key.count)
    var (low, high) = (from, chunk.count)
    while low < high {
      let middle = (low + high) / 2
      var isBelow = chunk[middle].prefix < prefix
      if chunk[middle].prefix == prefix {
        let view = record(Int(chunk[middle].item))
        isBelow = compareBytes(view.key, view.keyCount, base, key.count) < 0
      }
      if isBelow { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
