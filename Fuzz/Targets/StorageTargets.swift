// Files of the log: whatever they hold, opening, reading and verifying end with records or with an error that
// names the file. Checksums are mended first, or no damage would come past them.

import HeadraceSimulation
import HeadraceColumns

@testable import HeadraceLogStorage
import HeadraceTopics

final class BatchTarget: FuzzTarget {
  static let name = "batch"

  func run(_ input: UnsafeRawBufferPointer) {
    let buffer = ByteBuffer(capacity: input.count)
    buffer.append(input)
    var at = 0
    while at + RecordBatchFormat.headerBytes <= buffer.count {
      let header = UnsafeMutableRawPointer(buffer.base + at)
      let length = Int(UnsafeRawPointer(header).bigInt32(8)) + RecordBatchFormat.lengthEnd
      guard length >= RecordBatchFormat.headerBytes, at + length <= buffer.count else { break }
      let delta = UnsafeRawPointer(header).bigUInt32(12)
      let old = UnsafeRawPointer(header).bigUInt16(21) & ~RecordBatchFormat.foldMask
      header.putBig(old | RecordBatchFormat.fold(delta), at: 21)
      let covered = UnsafeRawBufferPointer(
        start: header + RecordBatchFormat.crcStart, count: length - RecordBatchFormat.crcStart)
      header.putBig(crc32c(covered), at: 17)
      at += length
    }
    do {
      var walker = BatchWalker(
        buffer.raw,
        BatchExpectation(
          path: "input", position: 0, offset: 0, segmentSequence: 0))
      var batches: [CheckedBatch] = []
      while case .batch(let batch) = try walker.next() { batches.append(batch) }
      let records = try RecordDecoder.decode(
        buffer, batches, from: 0, path: "input", position: 0)
      var sum = 0
      for row in 0..<records.count {
        for byte in records.key(row) ?? UnsafeRawBufferPointer(start: nil, count: 0) {
          sum &+= Int(byte)
        }
        for byte in records.value(row) ?? UnsafeRawBufferPointer(start: nil, count: 0) {
          sum &+= Int(byte)
        }
      }
      withExtendedLifetime(sum) {}
    } catch {
      guard error.path == "input" else { broken("an error without its file", "\(error)") }
    }
  }
}

/// A store with a few commits, one of whose files is changed as the input says.
final class SegmentTarget: FuzzTarget {
  static let name = "segment"
  private let images: [SimulatedFileSystem]

  private static var options: LogStoreOptions {
    var options = LogStoreOptions()
    options.syncThreads = 1
    options.checkpointsInBackground = false
    options.journalGrowthBytes = 2048
    return options
  }

  init() {
    do {
      images = try [false, true].map { (closes) throws(StorageError) in
        let system = SimulatedFileSystem(seed: 1)
        let store = try LogStore.open(
          directory: "/data", fileSystem: system, options: Self.options)
        try store.createTopic("a", partitions: 2)
        for number in 0..<3 {
          var records = RawRecords(buffer: ByteBuffer(capacity: 64))
          for row in 0..<3 {
            records.append(
              key: Array("k\(row)".utf8), value: Array("v\(number)".utf8), timestamp: 0)
          }
          var commit = EpochCommit(epoch: Int64(number))
          commit.outputs = [EpochCommit.Output(topic: "a", partition: 0, records: records)]
          commit.metadata = [EpochCommit.MetadataChange(key: [1], value: [2])]
          try store.commit(commit)
        }
        if closes { try store.close() }
        return system.clone(seed: 1)
      }
    } catch {
      broken("the image", "\(error)")
    }
  }

  func run(_ input: UnsafeRawBufferPointer) {
    var reader = InputReader(input)
    let system = images[Int(reader.byte() & 1)].clone(seed: 1)
    let files = system.allFiles()
    let file = files[Int(reader.byte()) % files.count]
    do {
      try change(system, file.path, &reader)
      let store = try LogStore.open(
        directory: "/data", fileSystem: system, options: Self.options)
      for topic in store.topics() {
        for (number, partition) in topic.partitions.enumerated() {
          var offset = partition.startOffset
          while offset < partition.endOffset {
            let next = try store.read(topic.name, number, from: offset).nextOffset
            guard next > offset else { broken("a read does not go on") }
            offset = next
          }
        }
      }
      _ = try store.verify()
      try store.close()
    } catch {
      guard !error.path.isEmpty else { broken("an error without its file", "\(error)") }
    }
  }

  /// Patches of (place, length, bytes), after which the checksums are made right again.
  private func change(
    _ system: SimulatedFileSystem, _ path: String, _ reader: inout InputReader
  ) throws(StorageError) {
    let file = try system.open(path, create: false)
    let mends = reader.byte() & 1 == 0
    var bytes = try system.contents(path)
    while !reader.isAtEnd {
      let place = reader.number()
      let patch = reader.take(Int(reader.byte() & 31))
      guard !bytes.isEmpty else { break }
      for (index, byte) in patch.enumerated() { bytes[(place + index) % bytes.count] = byte }
    }
    if mends { Self.mend(&bytes, path) }
    try bytes.withRaw { (raw) throws(StorageError) in try file.write(raw, at: 0) }
  }

  private static func mend(_ bytes: inout [UInt8], _ path: String) {
    if path.hasSuffix("checkpoint"), bytes.count >= 4 {
      let end = bytes.count - 4
      var crc = bytes[..<end].withUnsafeBytes { crc32c($0) }.littleEndian
      withUnsafeBytes(of: &crc) { bytes.replaceSubrange(end..., with: $0) }
    }
    if path.hasSuffix(".journal") {
      bytes.withUnsafeMutableBytes { raw in
        guard let base = raw.baseAddress else { return }
        for block in 0..<raw.count / JournalBlock.byteCount {
          let place = base + block * JournalBlock.byteCount
          let isEmpty = (0..<JournalBlock.byteCount).allSatisfy {
            place.load(fromByteOffset: $0, as: UInt8.self) == 0
          }
          if isEmpty { continue }
          let crc = crc32c(
            UnsafeRawBufferPointer(start: place + 4, count: JournalBlock.byteCount - 4))
          place.storeBytes(of: crc.littleEndian, as: UInt32.self)
        }
      }
    }
  }
}
