// A blocked Bloom filter: a key sets some bits in one line of 64 bytes, so that a lookup touches
// one line of the cache. The line is the upper half of the key's hash, scaled to the number of
// lines; the bits are groups of nine of the hash multiplied.
//
// Where a line is by scaling, adjacent lines put together are the filter of half as many lines: a
// filter that has become too large for what it holds, or for the memory that filters may take, is
// folded, not made anew.

internal import CHeadraceSupport
import HeadraceFoundations
import HeadraceTopics

final class RunFilter: @unchecked Sendable {
  // Unchecked: written while it is made only.
  static let lineBytes = 64
  private static let wordsPerLine = 8
  /// Nine bits of 64 for each.
  private static let hashesMax = 7

  let lineCount: Int
  let hashCount: Int
  private let words: UnsafeMutablePointer<UInt64>

  private init(lineCount: Int, hashCount: Int) {
    self.lineCount = lineCount
    self.hashCount = max(1, min(Self.hashesMax, hashCount))
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: lineCount * Self.lineBytes, alignment: Self.lineBytes)
    words = raw.bindMemory(to: UInt64.self, capacity: lineCount * Self.wordsPerLine)
    words.initialize(repeating: 0, count: lineCount * Self.wordsPerLine)
  }

  deinit { UnsafeMutableRawPointer(words).deallocate() }

  /// An empty one for at most so many keys.
  convenience init(keys: Int, bitsPerKey: Int) {
    let lines = max(1, (keys * bitsPerKey + 511) / 512)
    // Divisible, so that it can be folded.
    self.init(lineCount: lines < 8 ? lines : (lines + 7) & ~7, hashCount: (bitsPerKey * 6 + 5) / 10)
  }

  /// One that was written. nil: so much is not there.
  convenience init?(
    file: any File, position: Int, bytes: Int, hashCount: Int
  ) throws(StorageError) {
    guard bytes > 0, bytes % Self.lineBytes == 0, hashCount <= Self.hashesMax,
      // Before so much memory is taken.
      try position + bytes <= file.size()
    else { return nil }
    self.init(lineCount: bytes / Self.lineBytes, hashCount: hashCount)
    let read = try file.read(
      into: UnsafeMutableRawBufferPointer(start: words, count: bytes), at: position)
    guard read == bytes else { return nil }
  }

  var byteCount: Int { lineCount * Self.lineBytes }
  var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: words, count: byteCount) }

  @inline(__always)
  private func line(_ hash: UInt64) -> UnsafeMutablePointer<UInt64> {
    words + Int(((hash >> 32) &* UInt64(lineCount)) >> 32) * Self.wordsPerLine
  }

  @inline(__always)
  private func bits(_ hash: UInt64) -> UInt64 { hash &* 0x9E37_79B9_7F4A_7C15 }

  func add(_ hash: UInt64) {
    let line = line(hash)
    var rest = bits(hash)
    for _ in 0..<hashCount {
      line[Int(rest >> 61)] |= 1 << (rest >> 55 & 63)
      rest <<= 9
    }
  }

  @inline(__always)
  func mayContain(_ hash: UInt64) -> Bool {
    let line = line(hash)
    var rest = bits(hash)
    for _ in 0..<hashCount {
      if line[Int(rest >> 61)] >> (rest >> 55 & 63) & 1 == 0 { return false }
      rest <<= 9
    }
    return true
  }

  @inline(__always)
  func prefetch(_ hash: UInt64) { headrace_prefetch(line(hash)) }

  /// The same with half of the lines; nil: their number is odd.
  func folded() -> RunFilter? {
    guard lineCount % 2 == 0 else { return nil }
    let half = RunFilter(lineCount: lineCount / 2, hashCount: hashCount)
    for line in 0..<half.lineCount {
      for word in 0..<Self.wordsPerLine {
        let place = line * 2 * Self.wordsPerLine + word
        half.words[line * Self.wordsPerLine + word] =
          words[place] | words[place + Self.wordsPerLine]
      }
    }
    return half
  }

  /// Folded as often as it still has so many bits for each of its keys.
  func folded(keys: Int, bitsPerKey: Int) -> RunFilter {
    var filter = self
    while filter.byteCount * 4 >= keys * bitsPerKey, let half = filter.folded() { filter = half }
    return filter
  }
}
