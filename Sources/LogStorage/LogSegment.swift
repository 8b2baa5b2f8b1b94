// One segment file of a partition, named by its first offset as Kafka names it, and its indexes.
//
// What is committed of it (bytes, end offset, chain) belongs to the store's published state; the
// committer alone appends. The chain is a running CRC-32C over the first 21 bytes of each batch
// (offset, length, sequence, magic, CRC): commit records and checkpoints carry it, so a batch that
// was exchanged for another valid one is found out as well.
// Readers take file and index under the segment's own lock and do their I/O without any.

internal import HeadraceColumns
import HeadraceFoundations

/// How much of a segment is committed.
struct SegmentExtent: Sendable, Hashable {
  var byteCount = 0
  var endOffset: Int64
  var chain: UInt32 = 0
  /// Sequence of the last record; -1 while there is none.
  var lastSequence: Int64 = -1
  var maxTimestamp = Int64.min
}

final class LogSegment: Sendable {
  let directory: String
  let baseOffset: Int64
  let baseSequence: Int64
  /// How often compaction has written it anew; a file that was is never appended to.
  let revision: Int64
  /// Path without extension.
  let stem: String
  private let files: SegmentFiles
  private let state: Monitor<State>

  private struct State {
    var index: SegmentIndex?
    var preallocated = 0
    /// What the index files cover.
    var storedBytes = 0
    /// Nothing more may be appended; the next batch begins a segment.
    var isSealed = false
    /// Bytes that a byte of the file became when it was last read; more than 1 with compression.
    var expansion = 1
  }

  init(
    directory: String, baseOffset: Int64, baseSequence: Int64, revision: Int64 = 0,
    files: SegmentFiles, isNew: Bool
  ) {
    self.directory = directory
    self.baseOffset = baseOffset
    self.baseSequence = baseSequence
    self.revision = revision
    self.files = files
    stem = directory + "/" + Self.name(baseOffset) + (revision == 0 ? "" : ".\(revision)")
    state = Monitor(State(index: isNew ? SegmentIndex(baseOffset: baseOffset) : nil))
  }

  var path: String { stem + ".log" }
  static let suffixes = [".log", ".index", ".timeindex", ".seqindex"]

  /// Whether the next batch must begin a segment.
  var isSealed: Bool { revision > 0 || state.withLock { $0.isSealed } }

  /// Closes the segment for this process; what was not compacted meanwhile is open again after a
  /// restart.
  func seal() { state.withLock { $0.isSealed = true } }

  /// Takes over the index that was made while the file was written.
  func adopt(_ index: SegmentIndex) { state.withLock { $0.index = index } }

  /// Twenty digits, as Kafka has them.
  static func name(_ offset: Int64) -> String {
    let digits = String(offset)
    return String(repeating: "0", count: max(0, 20 - digits.count)) + digits
  }

  func file(create: Bool = false) throws(StorageError) -> any File {
    try files.file(path, create: create)
  }

  /// As `file`, for one use: it does not stay open on this account.
  func borrowedFile(create: Bool = false) throws(StorageError) -> any File {
    try files.borrowed(path, create: create)
  }

  /// Whoever reads it next opens it again.
  func letGo() { files.forget(path) }

  /// How much to read at once so that it expands to about `bytes`.
  func window(_ bytes: Int) -> Int { state.withLock { max(4096, bytes / $0.expansion) } }

  /// Remembers how much a read has expanded to.
  func noteExpansion(_ read: BatchExpansion) {
    guard read.isExpanded else { return }
    let bytes = read.spans.reduce(1) { $0 + $1.batch.header.totalBytes }
    state.withLock { $0.expansion = min(64, max(1, read.buffer.count / bytes)) }
  }

  /// Writes encoded batches at `position`, not yet committed.
  func write(_ bytes: UnsafeRawBufferPointer, at position: Int, segmentBytes: Int)
    throws(StorageError)
  {
    let file = try file(create: true)
    let end = position + bytes.count
    // Reserving in steps keeps big segments contiguous without giving small topics megabytes.
    let step: Int? = state.withLock { state in
      guard end > state.preallocated && end >= 256 << 10 else { return nil }
      state.preallocated = min(max(segmentBytes, end), end + max(1 << 20, min(end, 16 << 20)))
      return state.preallocated
    }
    if let step { try file.preallocate(to: step) }
    try file.write(bytes, at: position)
  }

  /// Takes batches that are about to be committed into the index. Where the index is not in memory,
  /// or has not come so far, it catches up from the file when it is next needed.
  func index(
    _ encoded: EncodedBatches, _ range: Range<Int>, position: Int, from offset: Int64,
    chain: UInt32
  ) {
    state.withLock { state in
      guard var index = state.index, index.coveredBytes == position else { return }
      state.index = nil
      var next = offset
      for batch in encoded.batches[range] {
        let after = next + Int64(batch.offsetSpan)
        index.add(
          offset: next, nextOffset: after, baseOffset: baseOffset, byteCount: batch.byteCount,
          sequence: batch.sequence ?? -1, recordSpan: batch.offsetSpan,
          maxTimestamp: batch.maxTimestamp)
        next = after
      }
      index.setChain(chain)
      state.index = index
    }
  }

  /// The position of a batch at or before what is sought; 0 when nothing is before it.
  func lookup(
    _ extent: SegmentExtent, where isAfter: (IndexEntry) -> Bool
  ) throws(StorageError) -> IndexEntry? {
    try loadIndex(extent)
    return state.withLock { $0.index?.lastEntry(where: isAfter) }
  }

  /// Makes sure that the index is in memory and covers what is committed.
  func loadIndex(_ extent: SegmentExtent) throws(StorageError) {
    let known = state.withLock { $0.index }
    if let known, known.coveredBytes >= extent.byteCount { return }
    var found = storedIndex(extent, known)
    if found == nil { found = try scannedIndex(extent) }
    guard let index = found else { return }
    state.withLock { state in
      if (state.index?.coveredBytes ?? -1) < index.coveredBytes { state.index = index }
    }
  }

  /// The index of before, or that of the files, brought up to the extent. Nil when it does not lead
  /// to the extent's chain: then it speaks of other batches than those that were committed in the
  /// end.
  private func storedIndex(_ extent: SegmentExtent, _ known: SegmentIndex?) -> SegmentIndex? {
    do {
      guard var index = known == nil ? try loadedIndex() : known,
        index.coveredBytes <= extent.byteCount,
        index.coveredOffset <= extent.endOffset
      else { return nil }
      try extend(&index, to: extent)
      return index.coveredChain == extent.chain ? index : nil
    } catch {
      // Index files are only a help. Damage of the segment will be met again in `scannedIndex`.
      return nil
    }
  }

  private func scannedIndex(_ extent: SegmentExtent) throws(StorageError) -> SegmentIndex {
    var index = SegmentIndex(baseOffset: baseOffset)
    try extend(&index, to: extent)
    guard index.coveredChain == extent.chain else {
      throw StorageError(
        .corruption, "the batches are not those that were committed", path: path, position: 0,
        expected: hex(extent.chain), found: hex(index.coveredChain))
    }
    return index
  }

  private func loadedIndex() throws(StorageError) -> SegmentIndex? {
    SegmentIndex(
      offsetIndex: try files.fileSystem.contents(stem + ".index"),
      timeIndex: try files.fileSystem.contents(stem + ".timeindex"),
      sequenceIndex: try files.fileSystem.contents(stem + ".seqindex"), baseOffset: baseOffset)
  }

  /// Reads the batches after what `index` covers.
  private func extend(_ index: inout SegmentIndex, to extent: SegmentExtent)
    throws(StorageError)
  {
    guard index.coveredBytes < extent.byteCount else { return }
    let expectation = BatchExpectation(
      path: path, position: index.coveredBytes, offset: index.coveredOffset,
      segmentSequence: baseSequence)
    var grown = index
    let chain = try scan(expectation, to: extent.byteCount, chain: index.coveredChain) { batch in
      grown.add(
        offset: batch.header.baseOffset, nextOffset: batch.header.nextOffset,
        baseOffset: baseOffset, byteCount: batch.header.totalBytes, sequence: batch.sequence,
        recordSpan: Int(batch.header.lastOffsetDelta) + 1, maxTimestamp: batch.header.maxTimestamp)
    }
    grown.setChain(chain)
    index = grown
  }

  /// Checks all batches from the expectation's position up to byte `end`; returns the chain there.
  @discardableResult
  func scan(
    _ start: BatchExpectation, to end: Int, chain: UInt32, _ body: (CheckedBatch) -> Void
  ) throws(StorageError) -> UInt32 {
    try scanBytes(start, to: end, chain: chain) { _, batch in body(batch) }
  }

  /// As `scan`; the batch lies in the buffer that comes with it.
  func scanBytes(
    _ start: BatchExpectation, to end: Int, chain: UInt32,
    _ body: (ByteBuffer, CheckedBatch) throws(StorageError) -> Void
  ) throws(StorageError) -> UInt32 {
    let file = try borrowedFile()
    var expectation = start
    var chain = chain
    var window = 512 << 10
    while expectation.position < end {
      let buffer = ByteBuffer(capacity: min(window, end - expectation.position))
      buffer.count = try file.read(
        into: UnsafeMutableRawBufferPointer(start: buffer.base, count: buffer.capacity),
        at: expectation.position)
      guard buffer.count == buffer.capacity else {
        throw endsEarly(expectation.position + buffer.count, end)
      }
      var walker = BatchWalker(buffer.raw, expectation, chain: chain)
      var needed = 0
      walk: while true {
        switch try walker.next() {
        case .batch(let batch): try body(buffer, batch)
        case .needs(let bytes):
          needed = bytes
          break walk
        case .end: break walk
        }
      }
      guard walker.position + needed <= end else { throw endsEarly(walker.position, end) }
      expectation = walker.expectation
      expectation.position = walker.position
      chain = walker.chain
      window = max(512 << 10, needed)
    }
    return chain
  }

  func endsEarly(_ position: Int, _ end: Int) -> StorageError {
    StorageError(
      .corruption, "segment ends inside of what was committed", path: path,
      position: Int64(position), expected: "\(end) bytes")
  }

  /// Writes the index files when the index is in memory and has grown by `growth` bytes of the
  /// segment since they were last written. They need no sync: a torn one is found by its checksum.
  func storeIndex(growth: Int = 1) throws(StorageError) {
    let due = state.withLock { state -> SegmentIndex? in
      guard let index = state.index, index.coveredBytes - state.storedBytes >= growth else {
        return nil
      }
      state.storedBytes = index.coveredBytes
      return index
    }
    guard let index = due else { return }
    let bytes = index.files(baseOffset: baseOffset)
    for (suffix, content) in [
      (".index", bytes.offsetIndex), (".timeindex", bytes.timeIndex),
      (".seqindex", bytes.sequenceIndex),
    ] {
      let file = try files.fileSystem.open(stem + suffix, create: true)
      try file.write(content.raw, at: 0)
      try file.truncate(to: content.count)
    }
  }

  /// Gives back reserved space when no more is appended.
  func trim(to bytes: Int) throws(StorageError) {
    let isReserved = state.withLock { state in
      defer { state.preallocated = 0 }
      return state.preallocated > bytes
    }
    if isReserved { try file(create: true).truncate(to: bytes) }
  }

  /// Removes the files; readers that hold them go on.
  func remove() throws(StorageError) {
    files.forget(path)
    for suffix in Self.suffixes {
      try files.fileSystem.unlink(stem + suffix)
    }
  }
}
