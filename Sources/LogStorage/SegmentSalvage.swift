// What can be kept of a damaged segment, and the file that takes its place.
//
// 1. Batches are read one after the other, each with its checksum, at the offset where it must
//    stand.
// 2. Where one is damaged, the next is looked for byte by byte: a batch whose checksum fits, whose
//    offset and
//    sequence lie between what was kept and the segment's end, and behind which another one (or the
//    end) stands as it
//    says. What lies between is left out.
// 3. Where every batch is whole but the chain is not the one that was committed, nobody can say
//    which of them is another's:
//    nothing is kept.
//
// In the new file offsets, sequences and order are as they were. What was left out is spanned as
// compaction does it: by the batch before, or by one without records at the beginning.

internal import HeadraceColumns
import HeadraceFoundations

struct SegmentSalvage {
  /// What stays, by place in `bytes`.
  private(set) var kept: [CheckedBatch] = []
  /// Offsets that are left out.
  private(set) var holes: [Range<Int64>] = []
  /// The first damage; nil: the segment is whole.
  private(set) var fault: StorageError?
  private let bytes: ByteBuffer
  private let segment: LogSegment
  private let extent: SegmentExtent

  /// Reads a segment, with `patches` written over it.
  init(
    _ committed: CommittedSegment, _ patches: [Replay.Patch], fileSystem: any FileSystem
  ) throws(StorageError) {
    segment = committed.segment
    extent = committed.extent
    bytes = try Self.load(committed, patches, fileSystem)
    try walk()
  }

  private static func load(
    _ committed: CommittedSegment, _ patches: [Replay.Patch], _ fileSystem: any FileSystem
  ) throws(StorageError) -> ByteBuffer {
    let size = committed.extent.byteCount
    let buffer = ByteBuffer(capacity: size)
    buffer.base.initialize(repeating: 0, count: size)
    var end = 0
    if try fileSystem.exists(committed.segment.path) {
      let file = try fileSystem.open(committed.segment.path, create: false)
      end = try file.read(
        into: UnsafeMutableRawBufferPointer(start: buffer.base, count: size), at: 0)
    }
    for patch in patches where patch.position + patch.bytes.count <= size {
      patch.bytes.withRaw { raw in
        if let source = raw.baseAddress {
          UnsafeMutableRawPointer(buffer.base + patch.position)
            .copyMemory(from: source, byteCount: raw.count)
        }
      }
      end = max(end, patch.position + patch.bytes.count)
    }
    buffer.count = end
    return buffer
  }

  // MARK: - Reading

  private mutating func walk() throws(StorageError) {
    var at = 0
    var offset = segment.baseOffset
    var chain: UInt32 = 0
    while at < bytes.count {
      var walker = walker(at: at, offset: offset)
      do throws(StorageError) {
        guard case .batch(let batch) = try walker.next(),
          batch.header.nextOffset <= extent.endOffset
        else { throw segment.endsEarly(at, extent.byteCount) }
        keep(batch, at)
        chain = crc32c(
          UnsafeRawBufferPointer(start: bytes.base + at, count: RecordBatchFormat.chainBytes),
          seed: chain)
        at += batch.header.totalBytes
        offset = batch.header.nextOffset
      } catch {
        guard error.kind == .corruption else { throw error }
        if fault == nil { fault = error }
        guard let found = nextBatch(after: at, offset: offset) else { break }
        if found.offset > offset { holes.append(offset..<found.offset) }
        (at, offset) = (found.place, found.offset)
      }
    }
    if offset < extent.endOffset {
      if fault == nil { fault = segment.endsEarly(at, extent.byteCount) }
      holes.append(offset..<extent.endOffset)
    } else if fault == nil, chain != extent.chain {
      fault = StorageError(
        .corruption, "the batches are not those that were committed", path: segment.path,
        position: 0, expected: hex(extent.chain), found: hex(chain))
      kept = []
      holes = [segment.baseOffset..<extent.endOffset]
    }
  }

  private mutating func keep(_ batch: CheckedBatch, _ at: Int) {
    var placed = batch
    placed.start = at
    kept.append(placed)
  }

  private func walker(at: Int, offset: Int64) -> BatchWalker {
    BatchWalker(
      UnsafeRawBufferPointer(rebasing: bytes.raw[at...]),
      BatchExpectation(
        path: segment.path, position: at, offset: offset, segmentSequence: segment.baseSequence))
  }

  /// Step 2.
  private func nextBatch(after at: Int, offset: Int64) -> (place: Int, offset: Int64)? {
    let base = UnsafeRawPointer(bytes.base)
    let lastSequence =
      kept.last.map { $0.sequence + Int64($0.header.lastOffsetDelta) } ?? segment.baseSequence - 1
    var place = at + 1
    while place + RecordBatchFormat.headerBytes <= bytes.count {
      defer { place += 1 }
      guard (base + place).load(fromByteOffset: 16, as: UInt8.self) == 2 else { continue }
      let header = RecordBatchHeader(base + place)
      let end = place + header.totalBytes
      guard header.baseOffset >= offset, header.baseOffset < extent.endOffset,
        header.totalBytes >= RecordBatchFormat.headerBytes, end <= bytes.count,
        header.nextOffset > header.baseOffset, header.nextOffset <= extent.endOffset,
        segment.baseSequence + Int64(header.sequenceDelta) > lastSequence
      else { continue }
      let isFollowed =
        header.nextOffset == extent.endOffset
        || end + 8 <= bytes.count && (base + end).bigInt64(0) == header.nextOffset
      guard isFollowed else { continue }
      var walker = walker(at: place, offset: header.baseOffset)
      do {
        if case .batch = try walker.next() { return (place, header.baseOffset) }
      } catch {
        // Not a batch after all.
        continue
      }
    }
    return nil
  }

  // MARK: - Writing

  /// The segment without what was left out, and how much of it there is.
  func rewritten() -> (bytes: ByteBuffer, extent: SegmentExtent) {
    let target = ByteBuffer(capacity: bytes.count + RecordBatchFormat.headerBytes)
    var result = extent
    result.chain = 0
    func seal(_ start: Int, _ base: Int64, _ end: Int64, _ sequence: Int64) {
      let batch = ByteBuffer(capacity: target.count - start)
      batch.append(UnsafeRawBufferPointer(rebasing: target.raw[start...]))
      BatchRewriter.seal(
        batch, lastOffsetDelta: Int32(truncatingIfNeeded: end - 1 - base),
        sequenceDelta: UInt32(truncatingIfNeeded: sequence - segment.baseSequence))
      target.count = start
      withExtendedLifetime(batch) { target.append(batch.raw) }
      result.chain = crc32c(
        UnsafeRawBufferPointer(start: batch.base, count: RecordBatchFormat.chainBytes),
        seed: result.chain)
    }
    let first = kept.first?.header.baseOffset ?? extent.endOffset
    if first > segment.baseOffset {
      let empty = BatchRewriter.empty(at: segment.baseOffset)
      withExtendedLifetime(empty) { target.append(empty.raw) }
      seal(0, segment.baseOffset, first, segment.baseSequence)
    }
    for (index, batch) in kept.enumerated() {
      let end = index + 1 < kept.count ? kept[index + 1].header.baseOffset : extent.endOffset
      let start = target.count
      target.append(
        UnsafeRawBufferPointer(start: bytes.base + batch.start, count: batch.header.totalBytes))
      seal(start, batch.header.baseOffset, end, batch.sequence)
    }
    result.byteCount = target.count
    return (target, result)
  }
}

extension BatchRewriter {
  /// A batch without records and without a time.
  static func empty(at offset: Int64) -> ByteBuffer {
    let bytes = ByteBuffer(Array(repeating: 0, count: RecordBatchFormat.headerBytes))
    let header = UnsafeMutableRawPointer(bytes.base)
    header.putBig(offset, at: 0)
    header.putBig(
      Int32(RecordBatchFormat.headerBytes - RecordBatchFormat.lengthEnd), at: 8)
    header.putBig(Int8(2), at: 16)
    header.putBig(Int64(-1), at: 43)
    header.putBig(Int16(-1), at: 51)
    header.putBig(Int32(-1), at: 53)
    return bytes
  }
}
