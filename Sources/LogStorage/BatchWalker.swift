// Walks the batches in a piece of a segment and checks each header before anything of it is used:
// length, magic, count, offset continuity, sequence fold and CRC. Everything that reads a segment
// (readers, recovery, index rebuilding, verify) goes through here, so damage has one definition.
// Invariant: a batch that is handed out lies wholly inside the bytes and is what was committed.

internal import HeadraceColumns
import HeadraceFoundations

/// What a segment promises about the batch that stands next in it.
struct BatchExpectation {
  var path: String
  /// File position of the first byte.
  var position: Int
  var offset: Int64
  /// Sequence of the segment's first record.
  var segmentSequence: Int64
}

/// A checked batch. `start` counts from the beginning of the bytes given to the walker.
struct CheckedBatch {
  var header: RecordBatchHeader
  var start: Int
  var sequence: Int64
}

/// Gives one batch after the other.
struct BatchWalker {
  enum Step {
    case batch(CheckedBatch)
    /// The next batch is longer than the bytes at hand: this many are needed from `position` on.
    case needs(Int)
    case end
  }

  let bytes: UnsafeRawBufferPointer
  private(set) var expectation: BatchExpectation
  private(set) var at = 0
  /// Running checksum over the fronts of the batches passed; see `LogSegment`.
  private(set) var chain: UInt32
  let checksCRC: Bool

  init(
    _ bytes: UnsafeRawBufferPointer, _ expectation: BatchExpectation, chain: UInt32 = 0,
    checksCRC: Bool = true
  ) {
    self.bytes = bytes
    self.expectation = expectation
    self.chain = chain
    self.checksCRC = checksCRC
  }

  /// File position of the next batch.
  var position: Int { expectation.position + at }

  mutating func next() throws(StorageError) -> Step {
    let left = bytes.count - at
    guard left > 0, let base = bytes.baseAddress else { return .end }
    guard left >= RecordBatchFormat.headerBytes else {
      return .needs(RecordBatchFormat.headerBytes)
    }
    let p = base + at
    let header = RecordBatchHeader(p)
    try check(header)
    guard header.totalBytes <= left else { return .needs(header.totalBytes) }
    if checksCRC {
      let covered = UnsafeRawBufferPointer(
        start: p + RecordBatchFormat.crcStart,
        count: header.totalBytes - RecordBatchFormat.crcStart)
      let crc = crc32c(covered)
      guard crc == header.crc else {
        throw damaged(
          "checksum of a record batch", "\(hex(header.crc))", "\(hex(crc))")
      }
    }
    chain = crc32c(
      UnsafeRawBufferPointer(start: p, count: RecordBatchFormat.chainBytes), seed: chain)
    let batch = CheckedBatch(
      header: header, start: at,
      sequence: expectation.segmentSequence &+ Int64(header.sequenceDelta))
    at += header.totalBytes
    expectation.offset = header.nextOffset
    return .batch(batch)
  }

  private func check(_ header: RecordBatchHeader) throws(StorageError) {
    guard header.magic == 2 else {
      throw damaged("format of a record batch", "magic 2", "\(header.magic)")
    }
    guard header.totalBytes >= RecordBatchFormat.headerBytes else {
      throw damaged("length of a record batch", "at least 61", "\(header.totalBytes)")
    }
    // Also after compaction: a batch that has lost its last records still says how far it reached.
    // The base offset lies outside of the checksum, so nothing else would guard it.
    guard header.baseOffset == expectation.offset else {
      throw damaged(
        "base offset of a record batch", "\(expectation.offset)", "\(header.baseOffset)")
    }
    let recordBytes = header.totalBytes - RecordBatchFormat.headerBytes
    let fits =
      header.count >= 0 && header.lastOffsetDelta >= 0
      && (header.lastOffsetDelta >= header.count - 1)
      && header.baseOffset <= Int64.max - Int64(Int32.max) - 1
      && (header.attributes & RecordBatchFormat.compressionMask != 0
        || Int(header.count) * RecordBatchFormat.recordBytesMin <= recordBytes)
    guard fits else {
      throw damaged(
        "record count of a batch", nil, "\(header.count) records in \(recordBytes) bytes")
    }
    let fold = header.attributes & RecordBatchFormat.foldMask
    guard fold == RecordBatchFormat.fold(header.sequenceDelta) else {
      throw damaged("append sequence of a record batch", nil, "\(header.sequenceDelta)")
    }
  }

  func damaged(_ what: String, _ expected: String?, _ found: String?) -> StorageError {
    StorageError(
      .corruption, what, path: expectation.path, position: Int64(position),
      expected: expected, found: found)
  }
}

func hex(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
}
