// Step 4 of a copy: both sides of each partition are read side by side and their checksums compared
// after each record, so that the first one that differs is named; on the way the offsets that were
// asked for are found.

import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

extension LogCopy {
  /// Throws: log-copy-differs.
  func compare(
    _ topics: [CopiedTopic], _ map: OffsetMap
  ) throws(ServiceError) -> [LogCopyReport.Topic] {
    var result: [LogCopyReport.Topic] = []
    for topic in topics {
      var report = LogCopyReport.Topic(
        name: topic.name, isInternal: topic.config.isInternal, partitions: topic.partitionCount)
      for partition in 0..<topic.partitionCount {
        try checkCancelled()
        let sum = try compare(topic, partition, map)
        report.records += sum.records
        report.bytes += sum.bytes
        report.checksum = sum.appended(to: report.checksum)
      }
      result.append(report)
    }
    return result
  }

  private func compare(
    _ topic: CopiedTopic, _ partition: Int, _ map: OffsetMap
  ) throws(ServiceError) -> RecordSum {
    func side(
      _ store: any TopicStore, from: Int64, to end: Int64?
    ) throws(ServiceError) -> CopySide {
      try servingLog { () throws(StorageError) in
        let end = if let end { end } else { try store.writtenEnd(topic.name, partition) }
        return CopySide(
          try PartitionScan(store, topic.name, partition, from: from, to: end),
          keepsTimeZero: source.capabilities.intersection(target.capabilities)
            .contains(.keepsTimeZero))
      }
    }
    var from = try side(source, from: topic.starts[partition], to: topic.ends[partition])
    var to = try side(target, from: 0, to: nil)
    let begin = try servingLog { () throws(StorageError) in
      try target.earliestOffset(topic.name, partition)
    }
    var finder = PlaceFinder(map.offsets(topic.name, partition), begin: begin)
    var passed = topic.starts[partition]
    while true {
      let isMore = (source: try from.advance(), target: try to.advance())
      guard isMore.source || isMore.target else { break }
      guard isMore.source, isMore.target, from.sum == to.sum else {
        throw .logCopyDiffers(
          topic.name, partition: partition, record: max(from.sum.records, to.sum.records),
          source: isMore.source ? from.offset : nil, target: isMore.target ? to.offset : nil)
      }
      finder.pass(from, to)
      if from.isLastOfItsRead {
        try checkCancelled()
        progress.pass(records: from.readCount, offsets: from.offset + 1 - passed)
        passed = from.offset + 1
      }
    }
    map.set(finder.finish(), topic.name, partition)
    return from.sum
  }
}

/// Count and checksum of the records of a partition, in order.
struct RecordSum: Equatable {
  private(set) var records = 0
  private(set) var bytes = 0
  private var checksum: UInt32 = 0

  /// Over time, key, value and headers; what is null is told from what is empty.
  mutating func add(_ batch: RawRecords, _ row: Int, keepsTimeZero: Bool) {
    records += 1
    let time = batch.timestamps[row]
    add(number: time == 0 && !keepsTimeZero ? 1 : time)
    add(batch.key(row))
    add(batch.value(row))
    let headers = batch.headers.isEmpty ? [] : batch.headers[row]
    add(number: Int64(headers.count))
    for header in headers {
      Array(header.key.utf8).withUnsafeBytes { add($0) }
      if let value = header.value { value.withUnsafeBytes { add($0) } } else { add(nil) }
    }
  }

  private mutating func add(number: Int64) {
    withUnsafeBytes(of: number.littleEndian) {
      checksum = headrace_crc32c(checksum, $0.baseAddress, $0.count)
    }
  }

  private mutating func add(_ part: UnsafeRawBufferPointer?) {
    add(number: Int64(part?.count ?? -1))
    guard let part, part.count > 0 else { return }
    bytes += part.count
    checksum = headrace_crc32c(checksum, part.baseAddress, part.count)
  }

  /// The checksum of a topic, of which this is the next partition.
  func appended(to sum: UInt32) -> UInt32 {
    withUnsafeBytes(of: checksum.littleEndian) { headrace_crc32c(sum, $0.baseAddress, $0.count) }
  }
}

/// One side of a comparison, at one of its records.
struct CopySide {
  private var scan: PartitionScan
  private var records = RawRecords.none
  private var row = -1
  private let keepsTimeZero: Bool
  private(set) var sum = RecordSum()

  init(_ scan: PartitionScan, keepsTimeZero: Bool) {
    self.scan = scan
    self.keepsTimeZero = keepsTimeZero
  }

  /// To the next record; false: there is none.
  mutating func advance() throws(ServiceError) -> Bool {
    row += 1
    if row >= records.count {
      let next = try servingLog { () throws(StorageError) in
        try scan.next(bytesMax: LogCopy.readBytes)
      }
      guard let next else {
        row = records.count
        return false
      }
      (records, row) = (next, 0)
    }
    sum.add(records, row, keepsTimeZero: keepsTimeZero)
    return true
  }

  var offset: Int64 { records.offsets[row] }
  /// Its append sequence; nil: the store gives none.
  var sequence: Int64? { row < records.sequences.count ? records.sequences[row] : nil }
  var isLastOfItsRead: Bool { row == records.count - 1 }
  var readCount: Int { records.count }
}

/// Finds the places of offsets as the records pass.
private struct PlaceFinder {
  private let wanted: [Int64]
  private var next = 0
  private var places: [Int64: OffsetMap.Place] = [:]
  /// Behind the last record in the target.
  private var end: Int64
  private var sequencesBefore: (source: Int64, target: Int64)?

  /// `begin`: where an empty partition begins in the target.
  init(_ wanted: [Int64], begin: Int64) {
    self.wanted = wanted
    end = begin
  }

  mutating func pass(_ source: CopySide, _ target: CopySide) {
    while next < wanted.count, wanted[next] <= source.offset {
      places[wanted[next]] = OffsetMap.Place(
        offset: target.offset, isExact: wanted[next] == source.offset,
        sequencesBefore: sequencesBefore)
      next += 1
    }
    end = target.offset + 1
    if let source = source.sequence, let target = target.sequence {
      sequencesBefore = (source, target)
    }
  }

  /// All records have passed.
  mutating func finish() -> [Int64: OffsetMap.Place] {
    for offset in wanted[next...] {
      places[offset] = OffsetMap.Place(
        offset: end, isExact: false, sequencesBefore: sequencesBefore)
    }
    return places
  }
}
