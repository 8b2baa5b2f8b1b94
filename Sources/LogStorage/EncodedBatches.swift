// Whole batches in one buffer, on their way into a segment. Offsets and sequences are not known
// when they are encoded (that happens on the producer's thread): the committer writes them into the
// headers at commit. Those fields lie outside of the batch CRC or in its first 40 bytes, so the
// records' own CRC, kept here, need not be computed again.

internal import HeadraceColumns
import HeadraceFoundations

/// Encoded batches for one partition. Order: as they will stand in the log.
/// Invariant: `batches` cover `buffer` without gaps.
public struct EncodedBatches: Sendable {
  struct Batch: Sendable {
    /// Byte in the buffer.
    var start: Int
    var byteCount: Int
    var recordCount: Int
    /// Offsets that the batch takes; equal to `recordCount` unless compacted.
    var offsetSpan: Int
    var maxTimestamp: Int64
    /// CRC-32C of the bytes after the 61-byte header.
    var recordsCRC: UInt32
    /// The first record's append sequence; nil: the store gives the next.
    var sequence: Int64?
  }

  var buffer: ByteBuffer
  var batches: [Batch] = []
  /// Some record has no key: a compacted topic does not take it.
  public internal(set) var hasNullKeys = false

  init(buffer: ByteBuffer) { self.buffer = buffer }

  public var recordCount: Int { batches.reduce(0) { $0 + $1.recordCount } }
  public var byteCount: Int { buffer.count }
  var hasSequences: Bool { batches.contains { $0.sequence != nil } }
}

extension EncodedBatches {
  /// Writes offset and sequence into batch `index` and mends its CRC.
  func seal(_ index: Int, offset: Int64, sequenceDelta: UInt32) {
    let batch = batches[index]
    let header = UnsafeMutableRawPointer(buffer.base + batch.start)
    header.putBig(offset, at: 0)
    header.putBig(sequenceDelta, at: 12)
    let old = UnsafeRawPointer(header).bigUInt16(21) & ~RecordBatchFormat.foldMask
    header.putBig(old | RecordBatchFormat.fold(sequenceDelta), at: 21)
    let fixed = RecordBatchFormat.headerBytes - RecordBatchFormat.crcStart
    let first = crc32c(
      UnsafeRawBufferPointer(start: header + RecordBatchFormat.crcStart, count: fixed))
    let recordBytes = batch.byteCount - RecordBatchFormat.headerBytes
    let crc: UInt32
    if recordBytes < 4096 {
      // Shorter to read again than to multiply polynomials.
      crc = crc32c(
        UnsafeRawBufferPointer(
          start: header + RecordBatchFormat.headerBytes, count: recordBytes), seed: first)
    } else {
      crc = CRC32CCombine.combine(first, batch.recordsCRC, secondBytes: recordBytes)
    }
    header.putBig(crc, at: 17)
  }
}
