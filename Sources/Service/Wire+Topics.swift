// Topics, records and reports as bytes of the socket protocol.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

extension WireWriter {
  mutating func put(_ topic: TopicDescription) {
    put(topic.name)
    put(topic.id)
    put(topic.config.settings.map(\.value))
    put(topic.config.isInternal)
    put(UInt32(topic.partitions.count))
    for partition in topic.partitions {
      put(partition.startOffset)
      put(partition.endOffset)
      put(Int64(partition.segmentCount))
      put(partition.byteCount)
    }
  }

  mutating func put(_ records: RawRecords) {
    put(UInt32(records.count))
    for row in 0..<records.count {
      put(records.timestamps[row])
      put(records.offsets.isEmpty ? -1 : records.offsets[row])
      put(records.sequences.isEmpty ? -1 : records.sequences[row])
      put(records.key(row).map { Array($0) })
      put(records.value(row).map { Array($0) })
      let headers = records.headers.isEmpty ? [] : records.headers[row]
      put(UInt32(headers.count))
      for header in headers {
        put(header.key)
        put(header.value)
      }
    }
  }

  private mutating func put(_ data: [UInt8]?) {
    put(data != nil)
    if let data { put(data) }
  }

  mutating func put(_ report: VerifyReport) {
    put(Int64(report.topicCount))
    put(Int64(report.partitionCount))
    put(Int64(report.segmentCount))
    put(Int64(report.batchCount))
    put(Int64(report.recordCount))
    put(report.byteCount)
    put(UInt32(report.damages.count))
    for damage in report.damages {
      put(damage.path)
      put(damage.position ?? -1)
      put(damage.reason)
    }
  }
}

extension WireReader {
  mutating func topic() throws(WireError) -> TopicDescription {
    let name = try text()
    let id = try number(Int64.self)
    let values = try texts()
    var config = TopicConfig()
    guard values.count == TopicConfig.settingNames.count else { throw WireError() }
    for (name, value) in zip(TopicConfig.settingNames, values) {
      do { try config.set(name, value) } catch { throw WireError() }
    }
    config.isInternal = try flag()
    var partitions: [PartitionDescription] = []
    for _ in 0..<(try count()) {
      let start = try number(Int64.self)
      let end = try number(Int64.self)
      let segments = Int(try number(Int64.self))
      partitions.append(
        PartitionDescription(
          startOffset: start, endOffset: end, segmentCount: segments,
          byteCount: try number(Int64.self)))
    }
    return TopicDescription(name: name, id: id, config: config, partitions: partitions)
  }

  mutating func records() throws(WireError) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 12))
    for _ in 0..<(try count()) {
      let timestamp = try number(Int64.self)
      let offset = try number(Int64.self)
      let sequence = try number(Int64.self)
      let key = try optionalData()
      let value = try optionalData()
      var headers: [RecordHeader] = []
      for _ in 0..<(try count()) {
        let key = try text()
        headers.append(RecordHeader(key: key, value: try optionalData()))
      }
      records.append(key: key, value: value, timestamp: timestamp, headers: headers)
      if offset >= 0 { records.offsets.append(offset) }
      if sequence >= 0 { records.sequences.append(sequence) }
    }
    let isWhole = [0, records.count].contains(records.offsets.count)
    guard isWhole, [0, records.count].contains(records.sequences.count) else { throw WireError() }
    return records
  }

  private mutating func optionalData() throws(WireError) -> [UInt8]? {
    try flag() ? try data() : nil
  }

  mutating func report() throws(WireError) -> VerifyReport {
    var report = VerifyReport()
    report.topicCount = Int(try number(Int64.self))
    report.partitionCount = Int(try number(Int64.self))
    report.segmentCount = Int(try number(Int64.self))
    report.batchCount = Int(try number(Int64.self))
    report.recordCount = Int(try number(Int64.self))
    report.byteCount = try number(Int64.self)
    for _ in 0..<(try count()) {
      let path = try text()
      let position = try number(Int64.self)
      report.damages.append(
        Damage(path: path, position: position < 0 ? nil : position, reason: try text()))
    }
    return report
  }
}
