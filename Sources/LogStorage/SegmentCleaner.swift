// Writes one segment anew out of several neighbours, without the records that compaction takes
// away.
//
// 1. Every batch is read and checked. Of its records those stay that `CompactionRule` keeps.
// 2. A batch that stays whole is copied; one that loses records is encoded again under its own base
//    offset
//    and sequence, so that no record changes its offset, its sequence or its place.
// 3. Base offsets follow each other without gaps, because they lie outside of the batch checksum.
//    So a batch
//    reaches as far as the next one that stays begins: its last offset says so. Where nothing is
//    left at
//    the beginning, a batch without records stands for it.
// 4. A batch with a tombstone that is compacted for the first time is marked with the time from
//    which the
//    tombstone may go, as Kafka marks it (attribute bit 6; the base timestamp is that time).
//
// Nothing of it is seen by readers before the commit that puts it in the place of the others.

internal import HeadraceColumns
import HeadraceFoundations

/// Which records stay.
struct CompactionRule {
  /// Last offset of each key in the offsets below `mapEnd`, as far as it was not compacted before.
  var map: CompactionMap
  var mapEnd: Int64
  /// Nobody can read below.
  var startOffset: Int64
  var now: Int64
  var deleteRetentionMs: Int64
  /// Of batches that are encoded again; one that stays whole keeps its own.
  var compression: CompressionType

  func keeps(_ records: RawRecords, _ index: Int, horizon: Int64?) -> Bool {
    let offset = records.offsets[index]
    if offset < startOffset { return false }
    if offset >= mapEnd { return true }
    guard let key = records.key(index) else { return false }
    if let last = map.offset(key), offset < last { return false }
    guard records.valueLength[index] < 0, let horizon else { return true }
    return now < horizon
  }
}

struct SegmentCleaner {
  private let source: [CommittedSegment]
  private let rule: CompactionRule
  private let segment: LogSegment
  private let file: any File
  private var extent: SegmentExtent
  private var index: SegmentIndex
  /// Not yet written: how far it reaches is known when the next one comes.
  private var pending: PendingBatch?
  private let chunk = ByteBuffer(capacity: Self.chunkBytes + 4096)
  private var written = 0
  /// Whether the outcome differs from the source.
  private(set) var isChanged: Bool
  /// Least time from which a tombstone that stays may go; nil: there is none.
  private(set) var nextHorizon: Int64?
  private(set) var recordsRemoved = 0

  private static let chunkBytes = 1 << 20

  private struct PendingBatch {
    var bytes: ByteBuffer
    var baseOffset: Int64
    var nextOffset: Int64
    var sequence: Int64
  }

  init(
    _ source: [CommittedSegment], into segment: LogSegment, _ rule: CompactionRule
  ) throws(StorageError) {
    self.source = source
    self.rule = rule
    self.segment = segment
    file = try segment.borrowedFile(create: true)
    try file.truncate(to: 0)
    extent = SegmentExtent(endOffset: segment.baseOffset)
    index = SegmentIndex(baseOffset: segment.baseOffset)
    isChanged = source.count > 1
  }

  /// Writes and syncs the segment. Nil when `isCancelled` says so.
  mutating func run(
    _ isCancelled: () -> Bool, sync: (any File) throws(StorageError) -> Void
  ) throws(StorageError) -> SegmentExtent? {
    for part in source {
      let expectation = BatchExpectation(
        path: part.segment.path, position: 0, offset: part.segment.baseOffset,
        segmentSequence: part.segment.baseSequence)
      var isStopped = false
      let chain = try part.segment.scanBytes(expectation, to: part.extent.byteCount, chain: 0) {
        (buffer, batch) throws(StorageError) in
        if isStopped { return }
        isStopped = isCancelled()
        if !isStopped { try take(batch, buffer, part.segment.path) }
      }
      if isStopped { return nil }
      guard chain == part.extent.chain else {
        throw StorageError(
          .corruption, "the batches are not those that were committed", path: part.segment.path,
          position: 0)
      }
    }
    guard let end = source.last?.extent else { return nil }
    try close(at: end.endOffset)
    try flush()
    extent.lastSequence = end.lastSequence
    if isChanged { try sync(file) }
    index.setChain(extent.chain)
    segment.adopt(index)
    return extent
  }

  // MARK: - One batch

  private mutating func take(
    _ batch: CheckedBatch, _ buffer: ByteBuffer, _ path: String
  ) throws(StorageError) {
    if batch.header.isControl || batch.header.baseOffset >= rule.mapEnd {
      return try add(copy(batch, buffer), batch)
    }
    let records = try RecordDecoder.decode(
      buffer, [batch], from: Int64.min, path: path, position: 0)
    let horizon = batch.header.deleteHorizon
    let kept = (0..<records.count).filter { rule.keeps(records, $0, horizon: horizon) }
    recordsRemoved += records.count - kept.count
    if kept.count < records.count { isChanged = true }
    let tombstones = kept.contains {
      records.valueLength[$0] < 0 && records.offsets[$0] < rule.mapEnd
    }
    // Where the stretch ends inside of a batch, its tombstones are not all compacted yet.
    let isWhole = batch.header.nextOffset <= rule.mapEnd
    var newHorizon = horizon
    if tombstones, isWhole, horizon == nil {
      let (end, overflow) = rule.now.addingReportingOverflow(rule.deleteRetentionMs)
      newHorizon = overflow ? Int64.max : end
      isChanged = true
    }
    if tombstones, let newHorizon { nextHorizon = min(nextHorizon ?? newHorizon, newHorizon) }
    if kept.isEmpty {
      // Only the first of a segment must be there although nothing is left of it.
      guard pending == nil, extent.byteCount == 0, written == 0 else { return }
      return try add(BatchRewriter.empty(batch, buffer), batch)
    }
    if kept.count == records.count, newHorizon == horizon {
      return try add(copy(batch, buffer), batch)
    }
    try add(
      try BatchRewriter.encode(
        records, kept, batch, buffer, horizon: newHorizon, rule.compression), batch)
  }

  private func copy(_ batch: CheckedBatch, _ buffer: ByteBuffer) -> ByteBuffer {
    let bytes = ByteBuffer(capacity: batch.header.totalBytes)
    bytes.append(
      UnsafeRawBufferPointer(start: buffer.base + batch.start, count: batch.header.totalBytes))
    return bytes
  }

  private mutating func add(_ bytes: ByteBuffer, _ batch: CheckedBatch) throws(StorageError) {
    try close(at: batch.header.baseOffset)
    pending = PendingBatch(
      bytes: bytes, baseOffset: batch.header.baseOffset, nextOffset: batch.header.nextOffset,
      sequence: batch.sequence)
  }

  /// Writes the pending batch, which reaches up to `offset`.
  private mutating func close(at offset: Int64) throws(StorageError) {
    guard let batch = pending else { return }
    pending = nil
    let bytes = batch.bytes
    BatchRewriter.seal(
      bytes, lastOffsetDelta: Int32(truncatingIfNeeded: offset - 1 - batch.baseOffset),
      sequenceDelta: UInt32(truncatingIfNeeded: batch.sequence - segment.baseSequence))
    let header = RecordBatchHeader(UnsafeRawPointer(bytes.base))
    index.add(
      offset: batch.baseOffset, nextOffset: offset, baseOffset: segment.baseOffset,
      byteCount: bytes.count, sequence: batch.sequence,
      recordSpan: Int(header.lastOffsetDelta) + 1, maxTimestamp: header.maxTimestamp)
    extent.chain = crc32c(
      UnsafeRawBufferPointer(start: bytes.base, count: RecordBatchFormat.chainBytes),
      seed: extent.chain)
    extent.byteCount += bytes.count
    extent.endOffset = offset
    if header.count > 0 { extent.maxTimestamp = max(extent.maxTimestamp, header.maxTimestamp) }
    chunk.append(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
    if chunk.count >= Self.chunkBytes { try flush() }
  }

  private mutating func flush() throws(StorageError) {
    guard chunk.count > 0 else { return }
    try file.write(chunk.raw, at: written)
    written += chunk.count
    chunk.count = 0
  }
}

/// Batches made out of others; their headers but for what changes.
enum BatchRewriter {
  /// A batch that only says which offsets it stands for.
  static func empty(_ batch: CheckedBatch, _ buffer: ByteBuffer) -> ByteBuffer {
    let bytes = header(batch, buffer)
    finish(bytes, batch, count: 0, horizon: nil, maxTimestamp: batch.header.maxTimestamp)
    return bytes
  }

  /// Some records of a batch, under their offsets.
  static func encode(
    _ records: RawRecords, _ kept: [Int], _ batch: CheckedBatch, _ buffer: ByteBuffer,
    horizon: Int64?, _ codec: CompressionType
  ) throws(StorageError) -> ByteBuffer {
    let bytes = header(batch, buffer)
    let base = horizon ?? batch.header.baseTimestamp
    let body = ByteBuffer(capacity: 4096)
    var latest = Int64.min
    for index in kept {
      latest = max(latest, records.timestamps[index])
      body.count = 0
      body.put(UInt8(0))
      body.putZigzag(records.timestamps[index] &- base)
      body.putZigzag(records.offsets[index] - batch.header.baseOffset)
      body.putField(records.key(index))
      body.putField(records.value(index))
      let headers = records.headers.isEmpty ? [] : records.headers[index]
      body.putZigzag(Int64(headers.count))
      for header in headers {
        Array(header.key.utf8).withRaw { body.putField($0) }
        if let value = header.value {
          value.withRaw { body.putField($0) }
        } else {
          body.putField(nil)
        }
      }
      bytes.putZigzag(Int64(body.count))
      bytes.append(body.raw)
    }
    finish(bytes, batch, count: kept.count, horizon: horizon, maxTimestamp: latest)
    guard codec != .none else { return bytes }
    let contexts = CodecContexts.take()
    defer { contexts.giveBack() }
    let target = ByteBuffer(capacity: bytes.count)
    return try BatchCompression.append(bytes.raw, codec, to: target, contexts) ? target : bytes
  }

  private static func header(_ batch: CheckedBatch, _ buffer: ByteBuffer) -> ByteBuffer {
    let bytes = ByteBuffer(capacity: batch.header.totalBytes + 64)
    bytes.append(
      UnsafeRawBufferPointer(
        start: buffer.base + batch.start, count: RecordBatchFormat.headerBytes))
    return bytes
  }

  private static func finish(
    _ bytes: ByteBuffer, _ batch: CheckedBatch, count: Int, horizon: Int64?, maxTimestamp: Int64
  ) {
    let header = UnsafeMutableRawPointer(bytes.base)
    // The records are written as they are.
    var attributes =
      batch.header.attributes
      & ~(RecordBatchFormat.deleteHorizonBit | RecordBatchFormat.compressionMask)
    if horizon != nil { attributes |= RecordBatchFormat.deleteHorizonBit }
    header.putBig(Int32(bytes.count - RecordBatchFormat.lengthEnd), at: 8)
    header.putBig(attributes, at: 21)
    header.putBig(horizon ?? batch.header.baseTimestamp, at: 27)
    header.putBig(maxTimestamp, at: 35)
    header.putBig(Int32(count), at: 57)
  }

  /// Writes what depends on the batch's place, and the checksum.
  static func seal(_ bytes: ByteBuffer, lastOffsetDelta: Int32, sequenceDelta: UInt32) {
    let header = UnsafeMutableRawPointer(bytes.base)
    header.putBig(sequenceDelta, at: 12)
    let attributes = UnsafeRawPointer(header).bigUInt16(21) & ~RecordBatchFormat.foldMask
    header.putBig(attributes | RecordBatchFormat.fold(sequenceDelta), at: 21)
    header.putBig(lastOffsetDelta, at: 23)
    let crc = crc32c(
      UnsafeRawBufferPointer(
        start: bytes.base + RecordBatchFormat.crcStart,
        count: bytes.count - RecordBatchFormat.crcStart))
    header.putBig(crc, at: 17)
  }
}
