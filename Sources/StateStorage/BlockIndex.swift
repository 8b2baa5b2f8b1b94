// Where the blocks of a run are, and a key to tell each from the one before it: the shortest
// beginning of its first key that is above the last key of the block before. In the file, and all
// of it in memory:
//
//   count      of blocks (4), lengths of the smallest and of the largest key (4 each), 0 (4)
//   lengths    of the blocks (4 each), which lie one behind the other
//   counts     of their records (4 each)
//   ends       of the separating keys (4 each)
//   bytes      the smallest and the largest stored key, then the separating keys
//
// A search looks at eight bytes of each key, which lie together, and at whole keys only where these
// are the same. Keys of a batch are sorted, so it begins where the last one was found and doubles
// its steps.

internal import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// The index as it is written.
struct BlockIndexBuilder {
  private var lengths: [UInt32] = []
  private var counts: [UInt32] = []
  private var ends: [UInt32] = []
  private let keys = ByteBuffer(capacity: 1 << 10)
  private var smallest: [UInt8] = []

  var blockCount: Int { lengths.count }

  /// A block begins with this key; the one before it ended with `last`.
  mutating func begin(_ key: UnsafeRawBufferPointer, after last: UnsafeRawBufferPointer) {
    if counts.isEmpty {
      smallest = Array(key)
      ends.append(0)
      return
    }
    var common = 0
    while common < min(key.count, last.count), key[common] == last[common] { common += 1 }
    keys.append(UnsafeRawBufferPointer(rebasing: key[..<min(key.count, common + 1)]))
    ends.append(UInt32(clamping: keys.count))
  }

  mutating func end(length: Int, count: Int) {
    lengths.append(UInt32(length))
    counts.append(UInt32(count))
  }

  /// Throws: `tooLarge` when the keys alone are more than an index can hold.
  func encode(
    into buffer: ByteBuffer, largest: UnsafeRawBufferPointer
  ) throws(StorageError) {
    guard keys.count + smallest.count + largest.count < Int(Int32.max) else {
      throw StorageError(.tooLarge, "index of a run")
    }
    buffer.put(UInt32(lengths.count))
    buffer.put(UInt32(smallest.count))
    buffer.put(UInt32(largest.count))
    buffer.put(UInt32(0))
    buffer.put(all: lengths)
    buffer.put(all: counts)
    buffer.put(all: ends)
    smallest.withUnsafeBytes { buffer.append($0) }
    buffer.append(largest)
    buffer.append(keys.raw)
  }
}

final class BlockIndex: Sendable {
  let count: Int
  let smallest: [UInt8]
  let largest: [UInt8]
  private let positions: [Int]
  private let prefixes: [UInt64]
  private let ends: [UInt32]
  private let keys: [UInt8]

  /// - Parameter blocks: where the blocks lie in the file.
  init(
    _ bytes: UnsafeRawBufferPointer, blocks: Range<Int>, count: Int, path: String
  ) throws(StorageError) {
    var reader = StateReader(bytes, path: path, origin: blocks.upperBound)
    let found = Int(try reader.number(UInt32.self))
    let smallestCount = Int(try reader.number(UInt32.self))
    let largestCount = Int(try reader.number(UInt32.self))
    _ = try reader.number(UInt32.self)
    guard found == count, count > 0 else { throw reader.damaged("index of a run") }
    let lengths = try reader.take(count * 4)
    var positions: [Int] = [blocks.lowerBound]
    positions.reserveCapacity(count + 1)
    for block in 0..<count {
      let length = lengths.loadUnaligned(fromByteOffset: block * 4, as: UInt32.self)
      positions.append(positions[block] + Int(length))
    }
    _ = try reader.take(count * 4)
    let ends = Self.numbers(try reader.take(count * 4), count)
    smallest = Array(try reader.take(smallestCount))
    largest = Array(try reader.take(largestCount))
    let keys = try reader.take(reader.remaining)
    guard positions[count] == blocks.upperBound, ends[0] == 0, Int(ends[count - 1]) == keys.count
    else { throw reader.damaged("index of a run") }
    var prefixes: [UInt64] = [0]
    prefixes.reserveCapacity(count)
    for block in 1..<count {
      let (start, end) = (Int(ends[block - 1]), Int(ends[block]))
      guard start < end, end <= keys.count, let base = keys.baseAddress else {
        throw reader.damaged("index of a run")
      }
      prefixes.append(keyPrefix(base + start, end - start))
    }
    self.count = count
    self.positions = positions
    self.prefixes = prefixes
    self.ends = ends
    self.keys = Array(keys)
  }

  private static func numbers(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [UInt32] {
    Array(unsafeUninitializedCapacity: count) { target, filled in
      UnsafeMutableRawBufferPointer(target).copyMemory(
        from: UnsafeRawBufferPointer(start: bytes.baseAddress, count: count * 4))
      filled = count
    }
  }

  var byteCount: Int { count * 20 + keys.count + smallest.count + largest.count }

  /// Where these blocks are in the file.
  @inline(__always)
  func bytes(_ first: Int, _ last: Int) -> Range<Int> { positions[first]..<positions[last + 1] }

  /// Of what `bytes` looks at.
  @inline(__always)
  func prefetch(_ block: Int) {
    positions.withUnsafeBufferPointer { positions in
      if let base = positions.baseAddress { headrace_prefetch(base + block) }
    }
  }

  /// The last block that does not begin above this stored key, not before block `from`; `from` must
  /// not begin above it.
  @inline(__always)
  func block(of key: UnsafeRawBufferPointer, _ prefix: UInt64, from: Int) -> Int {
    var low = from
    var step = 1
    // Blocks up to `low` do not begin above the key, and those from `high` on do.
    var high = count
    while low + step < count {
      if isAbove(low + step, key, prefix) {
        high = low + step
        break
      }
      low += step
      step *= 2
    }
    while low + 1 < high {
      let middle = (low + high) / 2
      if isAbove(middle, key, prefix) { high = middle } else { low = middle }
    }
    return low
  }

  /// Whether a block begins above a stored key.
  @inline(__always)
  private func isAbove(_ block: Int, _ key: UnsafeRawBufferPointer, _ prefix: UInt64) -> Bool {
    let found = prefixes[block]
    return found != prefix ? found > prefix : isAboveInFull(block, key)
  }

  private func isAboveInFull(_ block: Int, _ key: UnsafeRawBufferPointer) -> Bool {
    guard block > 0, let base = key.baseAddress else { return false }
    return keys.withUnsafeBytes { bytes in
      let (start, end) = (Int(ends[block - 1]), Int(ends[block]))
      guard let own = bytes.baseAddress else { return false }
      return compareBytes(own + start, end - start, base, key.count) > 0
    }
  }

  /// Whether a block, which is not the first one, may have keys that begin with this, given that
  /// the one before it may.
  func mayContinue(_ block: Int, _ prefix: UnsafeRawBufferPointer) -> Bool {
    guard block > 0, block < count, let base = prefix.baseAddress else { return block < count }
    return keys.withUnsafeBytes { bytes in
      let (start, end) = (Int(ends[block - 1]), Int(ends[block]))
      guard let own = bytes.baseAddress else { return true }
      let common = min(end - start, prefix.count)
      return compareBytes(own + start, common, base, common) <= 0
    }
  }
}
