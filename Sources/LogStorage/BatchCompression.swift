// The codecs that batches are compressed with, and what compressing them does to batches that are
// encoded.
//
// Kafka's numbers and bytes: only the records of a batch are compressed, its header never, and lz4
// is the frame format with blocks that do not depend on each other. Batches that another program
// compressed with gzip or snappy are refused by name. A batch that would not get smaller stays as
// it is: each batch says for itself what it is, so a topic may hold any mixture.

internal import HeadraceColumns
import HeadraceFoundations

extension CompressionType {
  /// Nil for a codec that is not read.
  init?(attributes: UInt16) {
    self.init(rawValue: UInt8(attributes & RecordBatchFormat.compressionMask))
  }
}

extension EncodedBatches {
  /// The same batches, compressed; control batches and those that do not get smaller are copied.
  func compressed(_ codec: CompressionType) throws(StorageError) -> EncodedBatches {
    guard codec != .none, !batches.isEmpty else { return self }
    let contexts = CodecContexts.take()
    defer { contexts.giveBack() }
    let target = ByteBuffer(capacity: buffer.count / 2)
    var result = EncodedBatches(buffer: target)
    result.hasNullKeys = hasNullKeys
    result.batches.reserveCapacity(batches.count)
    for batch in batches {
      let bytes = UnsafeRawBufferPointer(start: buffer.base + batch.start, count: batch.byteCount)
      var copy = batch
      copy.start = target.count
      if try BatchCompression.append(bytes, codec, to: target, contexts) {
        copy.byteCount = target.count - copy.start
        copy.recordsCRC = crc32c(
          UnsafeRawBufferPointer(
            rebasing: target.raw[(copy.start + RecordBatchFormat.headerBytes)...]))
      } else {
        target.append(bytes)
      }
      result.batches.append(copy)
    }
    return result
  }
}

/// One batch.
enum BatchCompression {
  /// Appends the batch in `bytes`, which is not compressed, with its records compressed; its
  /// checksum is not made. False when it stays as it is; then nothing was appended.
  static func append(
    _ bytes: UnsafeRawBufferPointer, _ codec: CompressionType, to target: ByteBuffer,
    _ contexts: CodecContexts
  ) throws(StorageError) -> Bool {
    let headerBytes = RecordBatchFormat.headerBytes
    guard let base = bytes.baseAddress, bytes.count > headerBytes,
      bytes.count - headerBytes <= RecordBatchFormat.expandedBytesMax
    else { return false }
    let attributes = base.bigUInt16(21)
    let isTaken = attributes & (RecordBatchFormat.compressionMask | RecordBatchFormat.controlBit)
    guard isTaken == 0 else { return false }
    let start = target.count
    target.append(UnsafeRawBufferPointer(rebasing: bytes[..<headerBytes]))
    let records = UnsafeRawBufferPointer(rebasing: bytes[headerBytes...])
    guard try contexts.compress(records, codec, onto: target) else {
      target.count = start
      return false
    }
    let header = UnsafeMutableRawPointer(target.base + start)
    header.putBig(Int32(target.count - start - RecordBatchFormat.lengthEnd), at: 8)
    header.putBig(attributes | UInt16(codec.rawValue), at: 21)
    return true
  }
}
