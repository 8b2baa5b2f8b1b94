// The bytes of a topic's settings in journal and checkpoint.

import HeadraceColumns
import HeadraceFoundations

extension TopicConfig {
  private static let internalBit: UInt8 = 1
  /// The settings of compaction follow; a configuration of format version 1 has none.
  private static let extendedBit: UInt8 = 2
  /// A codec follows after that; only where there is one.
  private static let compressionBit: UInt8 = 4

  func write(to buffer: ByteBuffer) {
    buffer.put(cleanupPolicy.rawValue)
    buffer.put(retentionMs ?? -1)
    buffer.put(retentionBytes ?? -1)
    buffer.put(segmentBytes)
    let isCompressed = compression != .none
    buffer.put(
      Self.extendedBit | (isInternal ? Self.internalBit : 0)
        | (isCompressed ? Self.compressionBit : 0))
    buffer.put(minCleanableDirtyRatio.bitPattern)
    buffer.put(minCompactionLagMs)
    buffer.put(deleteRetentionMs)
    buffer.put(segmentMs)
    if isCompressed { buffer.put(compression.rawValue) }
  }

  init(from reader: inout ByteReader) throws(StorageError) {
    guard let policy = CleanupPolicy(rawValue: try reader.uint8()) else {
      throw reader.damaged("unknown cleanup policy")
    }
    let milliseconds = try reader.int64()
    let bytes = try reader.int64()
    let segmentBytes = try reader.natural()
    let flags = try reader.uint8()
    let isWhole = flags & Self.compressionBit == 0 || flags & Self.extendedBit != 0
    guard isWhole, flags <= Self.internalBit | Self.extendedBit | Self.compressionBit else {
      throw reader.damaged("flags of a topic")
    }
    self.init(
      cleanupPolicy: policy, retentionMs: milliseconds < 0 ? nil : milliseconds,
      retentionBytes: bytes < 0 ? nil : bytes, segmentBytes: segmentBytes,
      isInternal: flags & Self.internalBit != 0)
    guard flags & Self.extendedBit != 0 else { return }
    minCleanableDirtyRatio = Double(bitPattern: try reader.uint64())
    minCompactionLagMs = try reader.ordinal()
    deleteRetentionMs = try reader.ordinal()
    segmentMs = try reader.ordinal()
    guard minCleanableDirtyRatio >= 0 && minCleanableDirtyRatio <= 1 else {
      throw reader.damaged("dirty ratio of a topic")
    }
    guard flags & Self.compressionBit != 0 else { return }
    guard let codec = CompressionType(rawValue: try reader.uint8()) else {
      throw reader.damaged("codec of a topic")
    }
    compression = codec
  }
}
