// Writes a run from its beginning to its end: records come in key order, and go to the file in
// pieces of about 1 MiB. A large value goes there straight from where it lies, so that no second
// copy of it is held.
//
// Invariant: a file is a run only with its footer, which is written last and before the sync; and
// no manifest names it before that.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// What a filter is made of and how large it may be.
struct FilterPlan {
  /// At most so many keys come; a larger filter is folded.
  var keys: Int
  /// 0: none is made.
  var bitsPerKey: Int
  var part: (@Sendable (_ space: UInt8, _ key: UnsafeRawBufferPointer) -> Int)?

  /// Memory that the filter takes.
  var byteCount: Int { keys * bitsPerKey / 8 }
}

final class RunWriter {
  private static let writeBytes = 1 << 20
  private static let writeBackBytes = 32 << 20
  /// Larger values are not copied.
  private static let directBytes = 1 << 18

  private let file: any File
  private let seed: UInt32
  private let blockBytes: Int
  private let filterPlan: FilterPlan
  private var filter: RunFilter?
  private var lastHash: UInt64 = 0
  /// Hashes whose lines of the filter are on their way to the cache.
  private var awaited = [UInt64](repeating: 0, count: RunWriter.ahead)
  private static let ahead = 16

  private let out = ByteBuffer(capacity: RunWriter.writeBytes + (RunWriter.writeBytes >> 2))
  /// Position in the file of what `out` begins with.
  private var written = 0
  private var writtenBack = 0

  // The block that is being made.
  private var offsets: [UInt32] = []
  private var blockStart = 0
  /// Checksum of the block's bytes before `summed` in `out`.
  private var sum: UInt32 = 0
  private var summed = 0

  private var index = BlockIndexBuilder()
  private var footer = RunFooter()
  private var space = SpaceCount(space: 0)
  private let lastKey = ByteBuffer(capacity: 64)

  init(
    _ file: any File, number: UInt64, identity: UInt64, blockBytes: Int, filter plan: FilterPlan
  ) throws(StorageError) {
    self.file = file
    self.blockBytes = blockBytes
    filterPlan = plan
    seed = RunFooter.seed(identity: identity, number: number)
    if plan.bitsPerKey > 0 { filter = RunFilter(keys: plan.keys, bitsPerKey: plan.bitsPerKey) }
    footer.filtersParts = plan.part != nil
    try file.truncate(to: 0)
    out.append(contentsOf: RunFooter.header(identity: identity, number: number))
  }

  private var position: Int { written + out.count }

  /// Order: stored keys ascend. `large`: the record's value, where it is not in memory.
  /// Throws: `tooLarge` for a record that no block can hold.
  func add(_ record: RecordView, from large: LargeValue? = nil) throws(StorageError) {
    let sized = UInt64(record.valueCount + 1)
    let time = zigzag(record.timestamp)
    let head =
      varintCount(UInt64(record.keyCount)) + record.keyCount + varintCount(sized)
      + varintCount(time)
    let length = head + max(0, record.valueCount)
    guard length < Int(Int32.max) - 64 else {
      throw StorageError(.tooLarge, "record of a state", path: file.path)
    }
    if !offsets.isEmpty {
      let full = position - blockStart + length + (offsets.count + 1) * 4 + Block.tailBytes
      if full > blockBytes { try endBlock() }
    }
    if offsets.isEmpty { beginBlock(record) }
    offsets.append(UInt32(truncatingIfNeeded: position - blockStart))
    out.putVarint(UInt64(record.keyCount))
    out.append(UnsafeRawBufferPointer(start: record.key, count: record.keyCount))
    out.putVarint(sized)
    out.putVarint(time)
    if let large {
      try copy(large)
    } else if record.valueCount > Self.directBytes {
      try writeDirectly(record)
    } else if record.valueCount > 0 {
      out.append(UnsafeRawBufferPointer(start: record.value, count: record.valueCount))
    }
    count(record)
    lastKey.count = 0
    lastKey.append(UnsafeRawBufferPointer(start: record.key, count: record.keyCount))
  }

  private func beginBlock(_ record: RecordView) {
    index.begin(
      UnsafeRawBufferPointer(start: record.key, count: record.keyCount), after: lastKey.raw)
    blockStart = position
    sum = Block.seed(blockStart, seed)
    summed = out.count
  }

  /// What follows goes to the file without passing through `out`.
  private func passBy() throws(StorageError) {
    sum = crc32c(out.base + summed, out.count - summed, seed: sum)
    try flush()
    summed = 0
  }

  private func writeDirectly(_ record: RecordView) throws(StorageError) {
    try passBy()
    sum = crc32c(record.value, record.valueCount, seed: sum)
    let value = UnsafeRawBufferPointer(start: record.value, count: record.valueCount)
    try file.write(value, at: written)
    written += value.count
  }

  private func copy(_ value: LargeValue) throws(StorageError) {
    try passBy()
    try value.copy { (piece) throws(StorageError) in
      sum = crc32c(piece.base, piece.count, seed: sum)
      try file.write(piece.raw, at: written)
      written += piece.count
    }
  }

  private func endBlock() throws(StorageError) {
    out.put(all: offsets)
    out.put(UInt32(offsets.count))
    sum = crc32c(out.base + summed, out.count - summed, seed: sum)
    out.put(sum)
    index.end(length: position - blockStart, count: offsets.count)
    offsets.removeAll(keepingCapacity: true)
    if out.count >= Self.writeBytes { try flush() }
  }

  private func flush() throws(StorageError) {
    try file.write(out.raw, at: written)
    written += out.count
    out.count = 0
    if written - writtenBack >= Self.writeBackBytes {
      writtenBack = written
      try file.writeBack()
    }
  }

  @inline(__always)
  private func count(_ record: RecordView) {
    let number = record.key.load(as: UInt8.self)
    if number != space.space { endSpace(next: number) }
    if record.valueCount >= 0 {
      space.records += 1
      space.minTimestamp = min(space.minTimestamp, record.timestamp)
      space.maxTimestamp = max(space.maxTimestamp, record.timestamp)
    } else {
      space.tombstones += 1
    }
    let key = UnsafeRawBufferPointer(start: record.key + 1, count: record.keyCount - 1)
    let part = filterPlan.part.map { min(max(0, $0(number, key)), key.count) } ?? key.count
    let hash = hashKey(number, UnsafeRawBufferPointer(start: key.baseAddress, count: part))
    // Keys of one part lie together.
    if hash != lastHash || footer.filterKeys == 0 {
      lastHash = hash
      footer.filterKeys += 1
      if let filter { add(hash, to: filter) }
    }
  }

  @inline(__always)
  private func add(_ hash: UInt64, to filter: RunFilter) {
    // It is counted already.
    let place = (footer.filterKeys - 1) % Self.ahead
    if footer.filterKeys > Self.ahead { filter.add(awaited[place]) }
    awaited[place] = hash
    filter.prefetch(hash)
  }

  private func endSpace(next: UInt8) {
    if space.records + space.tombstones > 0 { footer.spaces.append(space) }
    space = SpaceCount(space: next)
  }

  /// Writes the rest and syncs. False: there was no record, and the file is of no use.
  func finish() throws(StorageError) -> Bool {
    guard !offsets.isEmpty || index.blockCount > 0 else { return false }
    if !offsets.isEmpty { try endBlock() }
    endSpace(next: 0)
    try flush()
    footer.blockCount = index.blockCount
    footer.indexPosition = written
    try index.encode(into: out, largest: lastKey.raw)
    footer.indexBytes = out.count
    footer.indexChecksum = out.checksum(seed: seed)
    try flush()
    footer.filterPosition = written
    for place in 0..<min(Self.ahead, footer.filterKeys) { filter?.add(awaited[place]) }
    if let filter = filter?.folded(keys: footer.filterKeys, bitsPerKey: filterPlan.bitsPerKey) {
      footer.filterBytes = filter.byteCount
      footer.filterHashes = UInt32(filter.hashCount)
      if let base = filter.raw.baseAddress {
        footer.filterChecksum = crc32c(base, filter.byteCount, seed: seed)
      }
      try file.write(filter.raw, at: written)
      written += filter.byteCount
    }
    out.append(contentsOf: footer.encoded(seed: seed))
    try flush()
    try file.sync()
    return true
  }
}
