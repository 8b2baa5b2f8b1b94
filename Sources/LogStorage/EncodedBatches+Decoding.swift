// Encoded batches read back as they stand, for measuring the codec.

package import HeadraceColumns
import HeadraceFoundations

extension EncodedBatches {
  /// Gives the first batch offset 0.
  package func sealFirst() { seal(0, offset: 0, sequenceDelta: 0) }

  /// CRC-32C of all bytes.
  package func checksum() -> UInt32 { crc32c(buffer.raw) }

  /// The records of all batches.
  package func decoded(checksCRC: Bool) throws(StorageError) -> RawRecords {
    var walker = BatchWalker(
      buffer.raw, BatchExpectation(path: "", position: 0, offset: 0, segmentSequence: 0),
      checksCRC: checksCRC)
    var batches: [CheckedBatch] = []
    while case .batch(let batch) = try walker.next() { batches.append(batch) }
    return try RecordDecoder.decode(buffer, batches, from: 0, path: "", position: 0)
  }
}
