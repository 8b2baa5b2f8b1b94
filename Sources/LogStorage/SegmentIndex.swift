// The sparse index of one segment: an entry at the start of a batch for about each 4 KiB of it, or
// for more of a large one, found by offset, by time or by append sequence. Kept in memory, and
// beside the segment in three files:
//
//   .index      Kafka's: relative offset u32, position u32, big-endian
//   .timeindex  Kafka's: largest timestamp so far i64, relative offset it holds for u32, big-endian
//   .seqindex   ours: everything of an entry, how many bytes of the segment are covered, and
//   checksums
//               of all three files
//
// Invariant: an index only says where to begin looking. Batches found there are checked as all
// others, and index files that do not match their checksum are made anew from the segment.

internal import HeadraceColumns
import HeadraceFoundations

struct IndexEntry: Hashable {
  /// Offset of the batch that starts at `position`, less the segment's base offset.
  var relativeOffset: UInt32
  var position: UInt32
  /// Sequence of that batch's first record.
  var sequence: Int64
  /// Largest timestamp of all records before the batch.
  var maxTimestampBefore: Int64
}

/// Entries, and what has been taken into them.
struct SegmentIndex {
  static let intervalBytes = 4096
  /// A segment has no more entries, whatever its size: half of them go when there are so many.
  static let entriesMax = 2048
  private static let magic: UInt32 = 0x4852_5349
  private static let version: UInt32 = 1

  private(set) var entries: [IndexEntry] = []
  /// Bytes between two entries.
  private var interval = Self.intervalBytes
  /// Bytes of the segment that the index has seen, and the offset after them.
  private(set) var coveredBytes = 0
  private(set) var coveredOffset: Int64
  private(set) var coveredChain: UInt32 = 0
  private(set) var maxTimestamp = Int64.min
  private(set) var lastSequence: Int64 = -1

  init(baseOffset: Int64) { coveredOffset = baseOffset }

  /// Takes in the batch that stands at the end of what is covered.
  mutating func add(
    offset: Int64, nextOffset: Int64, baseOffset: Int64, byteCount: Int, sequence: Int64,
    recordSpan: Int, maxTimestamp: Int64
  ) {
    let due = entries.last.map { coveredBytes - Int($0.position) >= interval } ?? true
    if due {
      if entries.count == Self.entriesMax { thin() }
      entries.append(
        IndexEntry(
          relativeOffset: UInt32(truncatingIfNeeded: offset - baseOffset),
          position: UInt32(truncatingIfNeeded: coveredBytes), sequence: sequence,
          maxTimestampBefore: self.maxTimestamp))
    }
    coveredBytes += byteCount
    coveredOffset = nextOffset
    self.maxTimestamp = max(self.maxTimestamp, maxTimestamp)
    lastSequence = sequence + Int64(max(0, recordSpan - 1))
  }

  /// Each second entry goes; what begins at the first one that is left is found still.
  private mutating func thin() {
    entries = stride(from: 0, to: entries.count, by: 2).map { entries[$0] }
    interval *= 2
  }

  mutating func setChain(_ chain: UInt32) { coveredChain = chain }

  /// The last entry whose batch does not begin after what `isAfter` tells; Complexity: O(log n).
  func lastEntry(where isAfter: (IndexEntry) -> Bool) -> IndexEntry? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if isAfter(entries[middle]) { high = middle } else { low = middle + 1 }
    }
    return low == 0 ? nil : entries[low - 1]
  }
}

/// The three files' bytes.
struct SegmentIndexFiles {
  var offsetIndex = ByteBuffer(capacity: 0)
  var timeIndex = ByteBuffer(capacity: 0)
  var sequenceIndex = ByteBuffer(capacity: 0)
}

extension SegmentIndex {
  func files(baseOffset: Int64) -> SegmentIndexFiles {
    let files = SegmentIndexFiles()
    files.offsetIndex.reserve(entries.count * 8)
    files.timeIndex.reserve(entries.count * 12)
    files.sequenceIndex.reserve(entries.count * 24 + 80)
    for entry in entries {
      files.offsetIndex.putBig(entry.relativeOffset)
      files.offsetIndex.putBig(entry.position)
      if entry.relativeOffset > 0 {
        files.timeIndex.putBig(UInt64(bitPattern: entry.maxTimestampBefore))
        files.timeIndex.putBig(entry.relativeOffset - 1)
      }
    }
    let own = files.sequenceIndex
    own.put(Self.magic)
    own.put(Self.version)
    own.put(baseOffset)
    own.put(coveredBytes)
    own.put(coveredOffset)
    own.put(coveredChain)
    own.put(maxTimestamp)
    own.put(lastSequence)
    own.put(crc32c(files.offsetIndex.raw))
    own.put(crc32c(files.timeIndex.raw))
    own.put(entries.count)
    for entry in entries {
      own.put(entry.relativeOffset)
      own.put(entry.position)
      own.put(entry.sequence)
      own.put(entry.maxTimestampBefore)
    }
    own.put(crc32c(own.raw))
    return files
  }

  /// Nil when the files do not belong together or are damaged: the caller makes the index anew.
  init?(offsetIndex: [UInt8], timeIndex: [UInt8], sequenceIndex: [UInt8], baseOffset: Int64) {
    self.init(baseOffset: baseOffset)
    do {
      let read = try sequenceIndex.withRaw { (bytes) throws(StorageError) in
        try self.parse(bytes, offsetIndex, timeIndex, baseOffset)
      }
      if !read { return nil }
    } catch {
      // A short file; it is rebuilt like any other damaged index.
      return nil
    }
  }

  private mutating func parse(
    _ bytes: UnsafeRawBufferPointer, _ offsetIndex: [UInt8], _ timeIndex: [UInt8],
    _ baseOffset: Int64
  ) throws(StorageError) -> Bool {
    guard bytes.count >= 4 else { return false }
    let content = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 4)])
    var tail = ByteReader(
      UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - 4)...]), path: "")
    guard try tail.uint32() == crc32c(content) else { return false }
    var reader = ByteReader(content, path: "")
    guard try reader.uint32() == Self.magic, try reader.uint32() == Self.version,
      try reader.int64() == baseOffset
    else { return false }
    coveredBytes = try reader.natural()
    coveredOffset = try reader.int64()
    coveredChain = try reader.uint32()
    maxTimestamp = try reader.int64()
    lastSequence = try reader.int64()
    guard try reader.uint32() == offsetIndex.withRaw({ crc32c($0) }),
      try reader.uint32() == timeIndex.withRaw({ crc32c($0) })
    else { return false }
    let count = try reader.natural()
    guard count == reader.remaining / 24 else { return false }
    entries.reserveCapacity(count)
    for _ in 0..<count {
      entries.append(
        IndexEntry(
          relativeOffset: try reader.uint32(), position: try reader.uint32(),
          sequence: try reader.int64(), maxTimestampBefore: try reader.int64()))
    }
    // As it was when these entries were made; files of an earlier time may have more of them.
    while coveredBytes / interval > Self.entriesMax { interval *= 2 }
    while entries.count > Self.entriesMax { thin() }
    return true
  }
}

extension ByteBuffer {
  var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  func putBig(_ value: UInt32) { put(value.byteSwapped) }
  func putBig(_ value: UInt64) { put(value.byteSwapped) }
}
