// Checked batches whose records can be decoded: as they lie in the buffer, where nothing is
// compressed; otherwise in a buffer of their own, one after the other. A batch may expand to
// `RecordBatchFormat.expandedBytesMax` and must have room for the records that it claims, so what
// is made of some bytes of a file is bounded whatever they say.

internal import HeadraceColumns
import HeadraceFoundations

struct BatchExpansion {
  let buffer: ByteBuffer
  /// Batches with records, in their order.
  private(set) var spans: [RecordSpan] = []
  /// How many of the given batches are dealt with.
  private(set) var taken: Int
  let isExpanded: Bool

  /// Takes batches until `bytesMax` is passed, one at least; all when none is compressed.
  /// Throws: `unsupportedCompression` with the codec's name; `corruption` with the place of the
  /// batch.
  init(
    _ source: ByteBuffer, _ batches: [CheckedBatch], bytesMax: Int, path: String, position: Int
  ) throws(StorageError) {
    let mask = RecordBatchFormat.compressionMask
    let headerBytes = RecordBatchFormat.headerBytes
    spans.reserveCapacity(batches.count)
    taken = batches.count
    isExpanded = batches.contains { !$0.header.isControl && $0.header.attributes & mask != 0 }
    guard isExpanded else {
      buffer = source
      for batch in batches where !batch.header.isControl {
        spans.append(
          RecordSpan(
            batch: batch, start: batch.start + headerBytes,
            end: batch.start + batch.header.totalBytes))
      }
      return
    }
    buffer = ByteBuffer(capacity: min(bytesMax, 1 << 20))
    let contexts = CodecContexts.take()
    defer { contexts.giveBack() }
    for (index, batch) in batches.enumerated() where !batch.header.isControl {
      if !spans.isEmpty, buffer.count >= bytesMax {
        taken = index
        return
      }
      let start = buffer.count
      let place = Int64(position + batch.start)
      guard let codec = CompressionType(attributes: batch.header.attributes) else {
        throw StorageError(
          .unsupportedCompression, RecordBatchFormat.compressionName(batch.header.attributes),
          path: path, position: place, expected: "none, lz4 or zstd")
      }
      let records = UnsafeRawBufferPointer(
        start: source.base + batch.start + headerBytes,
        count: batch.header.totalBytes - headerBytes)
      do throws(ExpansionFault) {
        let limit = max(RecordBatchFormat.expandedBytesMax, codec == .none ? records.count : 0)
        if !records.isEmpty {
          try contexts.expand(records, codec, onto: buffer, bytesMax: limit)
        }
      } catch {
        throw StorageError(
          .corruption, "records of a batch compressed with \(codec.name)", path: path,
          position: place, expected: error.expected, found: error.found)
      }
      let bytes = buffer.count - start
      guard Int(batch.header.count) * RecordBatchFormat.recordBytesMin <= bytes else {
        throw StorageError(
          .corruption, "record count of a batch", path: path, position: place,
          found: "\(batch.header.count) records in \(bytes) bytes")
      }
      spans.append(RecordSpan(batch: batch, start: start, end: buffer.count))
    }
  }
}
