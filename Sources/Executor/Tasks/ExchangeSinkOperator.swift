// The exchange through a topic: rows become records in the partition of their key, and the other
// side makes the same rows of them, with the positions that they had.
//
// A record: key, the exchange's key; timestamp, the rowtime; headers, the row's; value, the row's
// position (major and minor, 8 bytes each, little-endian), the kind of change (1 byte), and its
// columns (`RowCodec`).

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

final class ExchangeSinkOperator: Operator {
  private let dealer: ExchangeDealer
  private let tracksPositions: Bool
  private var outputs: [Int: RawRecords] = [:]
  private var positions: [Int: Positions] = [:]

  init(
    _ exchange: Exchange, layout: [PlanColumn], inputPartition: Int, tracksPositions: Bool
  ) {
    dealer = ExchangeDealer(exchange, layout: layout, inputPartition: inputPartition)
    self.tracksPositions = tracksPositions
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let keys = dealer.keys(batch)
    let values = RowCodec.encode(batch.columns, count: batch.count)
    for (partition, rows) in dealer.rows(keys, count: batch.count).enumerated()
    where !rows.isEmpty {
      append(batch, rows, keys, values, to: partition)
    }
  }

  private func append(
    _ batch: RecordBatch, _ rows: [Int32], _ keys: RawRecords, _ values: EncodedRows,
    to partition: Int
  ) {
    var records =
      outputs.removeValue(forKey: partition)
      ?? RawRecords(buffer: ByteBuffer(capacity: rows.count * 64))
    let buffer = records.buffer
    if batch.headers != nil, records.headers.isEmpty {
      records.headers = Array(repeating: [], count: records.count)
    }
    values.withBytes { bytes in
      for row in rows {
        let row = Int(row)
        records.keyStart.append(Int32(buffer.count))
        records.keyLength.append(keys.keyLength[row])
        if let key = keys.key(row) { buffer.append(key) }
        records.valueStart.append(Int32(buffer.count))
        let value = bytes[row]
        records.valueLength.append(Int32(ExchangeDecoder.headBytes + value.count))
        withUnsafeBytes(of: batch.positions.major[row].littleEndian) { buffer.append($0) }
        withUnsafeBytes(of: batch.positions.minor[row].littleEndian) { buffer.append($0) }
        withUnsafeBytes(of: batch.kind(row).rawValue) { buffer.append($0) }
        buffer.append(value)
        records.timestamps.append(batch.rowtimes[row])
        if !records.headers.isEmpty || batch.headers != nil {
          records.headers.append(batch.headers?[row] ?? [])
        }
      }
    }
    outputs[partition] = records
    guard tracksPositions else { return }
    positions[partition, default: Positions(major: [], minor: [])]
      .append(batch.positions.gather(rows))
  }

  override func drainParts() -> [SinkPart] {
    defer { (outputs, positions) = ([:], [:]) }
    return outputs.keys.sorted().compactMap { partition in
      outputs[partition].map {
        SinkPart(partition: partition, records: $0, positions: positions[partition])
      }
    }
  }
}

/// Makes rows of the records of an exchange's topic.
final class ExchangeDecoder: ChunkDecoder {
  static let headBytes = 17
  private let types: [DataType]
  /// Names of the columns: their places.
  static func columnName(_ place: Int) -> String { "\(place)" }
  private let topic: String
  private let partition: Int

  init(_ types: [DataType], topic: String, partition: Int) {
    self.types = types
    self.topic = topic
    self.partition = partition
  }

  func decode(_ records: RawRecords) -> ScanDecoder.Result {
    var result = ScanDecoder.Result()
    let builders = types.map { ColumnBuilder($0, capacity: records.count) }
    var positions = Positions(major: [], minor: [])
    var kinds: [ChangeKind] = []
    for row in 0..<records.count {
      guard let value = records.value(row), value.count >= Self.headBytes,
        let kind = ChangeKind(rawValue: value[Self.headBytes - 1]),
        readRow(value, into: builders)
      else {
        // What it left of the row in the builders does not matter: the query fails.
        result.errors = [
          SourceError(
            source: topic, topic: topic, partition: partition, offset: records.offsets[row],
            reason: "is none that the query wrote")
        ]
        return result
      }
      positions.major.append(
        Int64(littleEndian: value.loadUnaligned(fromByteOffset: 0, as: Int64.self)))
      positions.minor.append(
        UInt64(littleEndian: value.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
      kinds.append(kind)
    }
    var columns: [TextKey: Column] = [:]
    for (place, builder) in builders.enumerated() {
      columns[TextKey(Self.columnName(place))] = builder.finish()
    }
    result.batches = [
      DecodedBatch(
        columns: columns, rowtimes: records.timestamps, offsets: records.offsets,
        sequences: records.sequences, kinds: kinds.allSatisfy { $0 == .insert } ? nil : kinds,
        windows: nil, headers: records.headers.isEmpty ? nil : records.headers,
        positions: positions)
    ]
    if records.count == 0 { result.batches = [] }
    return result
  }

  private func readRow(_ value: UnsafeRawBufferPointer, into builders: [ColumnBuilder]) -> Bool {
    var reader = RowReader(UnsafeRawBufferPointer(rebasing: value[Self.headBytes...]))
    return reader.readWhole(into: builders)
  }
}
