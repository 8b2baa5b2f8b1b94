// The end of a query: rows become records of the sink's topic, each in the partition of its key. A
// table's update is an upsert, its delete a tombstone; what an update replaces is not written.

import HeadraceFoundations
import HeadraceSyntax
import HeadraceColumns
import HeadraceFormats
import HeadraceTopics
import HeadracePlanner

final class SinkOperator: Operator {
  private let sink: SourceDefinition
  private let keyEncoder: SideEncoder
  private let valueEncoder: SideEncoder
  /// Indexes of the key and value columns in a batch.
  private let keyPlaces: [Int]
  private let valuePlaces: [Int]
  private let windowPlaces: (start: Int, end: Int)?
  private let timestampPlace: Int?
  private let rowtime: RowtimeReader?
  private let inputPartition: Int
  private let isTable: Bool
  /// The records keep the keys that they came with.
  private let keepsKeys: Bool
  private var outputs: [Int: RawRecords] = [:]
  /// Of each output record its row's; kept where other tasks may write to the same partitions.
  private var positions: [Int: Positions] = [:]
  private let tracksPositions: Bool
  /// Bytes of the largest buffer of a slice so far, up to 7 MiB: what the next one begins with.
  /// Blocks of 8 MiB the allocator takes from the system and gives back each time.
  private var bufferBytes = 1 << 10
  private let sliceBytesMax: Int

  init(
    sink: SourceDefinition, layout: [ColumnID], outputs: [ColumnID],
    window: (start: ColumnID, end: ColumnID)?, inputPartition: Int, keepsKeys: Bool,
    tracksPositions: Bool, sliceBytesMax: Int, schemas: any SchemaRegistry
  ) {
    self.sliceBytesMax = sliceBytesMax
    self.keepsKeys = keepsKeys
    self.tracksPositions = tracksPositions
    self.sink = sink
    self.inputPartition = inputPartition
    isTable = sink.kind == .table
    var places: [ColumnID: Int] = [:]
    for (index, id) in layout.enumerated() { places[id] = index }
    let keyColumns = sink.schema.keys
    let valueColumns = sink.schema.values
    keyPlaces = keyColumns.indices.map { places[outputs[$0]] ?? 0 }
    valuePlaces = valueColumns.indices.map { places[outputs[keyColumns.count + $0]] ?? 0 }
    windowPlaces = window.map { (places[$0.start] ?? 0, places[$0.end] ?? 0) }
    func fields(_ columns: [SchemaColumn]) -> [FormatField] {
      columns.map { FormatField($0.name, $0.type) }
    }
    keyEncoder = SideEncoder(
      layout: sink.layout(.key, columns: keyColumns.count, schemas),
      fields: fields(keyColumns))
    valueEncoder = SideEncoder(
      layout: sink.layout(.value, columns: valueColumns.count, schemas),
      fields: fields(valueColumns))
    if let spec = sink.timestamp,
      let index = sink.schema.columns.firstIndex(where: { $0.name == spec.column })
    {
      timestampPlace = places[outputs[index]]
      rowtime = RowtimeReader(spec, type: sink.schema.columns[index].type, place: 0, keyPlace: nil)
    } else {
      timestampPlace = nil
      rowtime = nil
    }
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    guard sink.partitions > 1 else { return try write(batch, 0) }
    if keyPlaces.isEmpty {
      let place = Partitioner.partition(
        key: nil, inputPartition: inputPartition, partitionCount: sink.partitions)
      return try write(batch, place)
    }
    let places = partitions(batch)
    if let first = places.first, places.allSatisfy({ $0 == first }) {
      return try write(batch, Int(first))
    }
    var rows: [[Int32]] = Array(repeating: [], count: sink.partitions)
    for (row, place) in places.enumerated() { rows[Int(place)].append(Int32(row)) }
    for (partition, rows) in rows.enumerated() where !rows.isEmpty {
      try write(batch.gather(rows), partition)
    }
  }

  /// The partition of each row: by murmur2 of the key's bytes, as Kafka places them.
  private func partitions(_ batch: RecordBatch) -> [Int32] {
    var keys = RawRecords(buffer: ByteBuffer(capacity: batch.count * 16))
    _ = keyEncoder.encode(
      keyPlaces.map { batch.columns[$0] }, count: batch.count, isNull: nullKeys(batch),
      into: &keys, .key)
    let base = UnsafeRawPointer(keys.buffer.base)
    let (inputPartition, partitions) = (inputPartition, sink.partitions)
    return zip(keys.keyStart, keys.keyLength).map { start, length in
      Int32(
        truncatingIfNeeded: Partitioner.partition(
          key: length < 0
            ? nil : UnsafeRawBufferPointer(start: base + Int(start), count: Int(length)),
          inputPartition: inputPartition, partitionCount: partitions))
    }
  }

  private func nullKeys(_ batch: RecordBatch) -> Bitmap? {
    if keyPlaces.isEmpty { return Bitmap(repeating: true, count: batch.count) }
    if keyPlaces.count > 1 {
      // A new key of several columns is never null as a whole: its columns may be.
      guard keepsKeys else { return nil }
      var anyValid: Bitmap?
      for place in keyPlaces {
        guard let validity = batch.columns[place].validity else { return nil }
        anyValid = anyValid.map { $0.or(validity) } ?? validity
      }
      return anyValid?.inverted
    }
    return batch.columns[keyPlaces[0]].validity?.inverted
  }

  /// Values of so many bytes are encoded at once, so that what comes of them is found by 32-bit
  /// places.
  private static let bytesAtOnce = 64 << 20

  /// Rows of large values a part at a time.
  private func write(_ batch: RecordBatch, _ partition: Int) throws(QueryFailure) {
    let bytes = batch.columns.reduce(0) { $0 + $1.byteCount }
    guard bytes > Self.bytesAtOnce, batch.count > 1 else {
      return try writeAll(batch, partition, bytes)
    }
    let half = Int32(batch.count / 2)
    try write(batch.gather((0..<half).map { $0 }), partition)
    try write(batch.gather((half..<Int32(batch.count)).map { $0 }), partition)
  }

  /// `bytes`: about what it will be.
  private func writeAll(
    _ batch: RecordBatch, _ partition: Int, _ bytes: Int
  ) throws(QueryFailure) {
    var batch = batch
    if isTable, let kinds = batch.kinds, kinds.contains(.updateBefore) {
      batch = batch.gather(
        (0..<Int32(batch.count)).filter { kinds[Int($0)] != .updateBefore })
    }
    var records =
      outputs.removeValue(forKey: partition)
      ?? RawRecords(buffer: ByteBuffer(capacity: max(bufferBytes, bytes + bytes / 16)))
    let count = batch.count
    let first = records.count
    var nullValues: Bitmap?
    if let kinds = batch.kinds {
      var mask = Bitmap(repeating: false, count: count)
      for row in 0..<count where kinds[row] == .delete { mask.set(row, true) }
      nullValues = mask.isAllFalse ? nil : mask
    }
    let badKeys = keyEncoder.encode(
      keyPlaces.map { batch.columns[$0] }, count: count, isNull: nullKeys(batch),
      into: &records, .key)
    if let windowPlaces { appendWindows(batch, windowPlaces, first, &records) }
    let badValues = valueEncoder.encode(
      valuePlaces.map { batch.columns[$0] }, count: count, isNull: nullValues, into: &records,
      .value)
    var times = batch.rowtimes
    var bad = Set((badKeys + badValues).map(\.row))
    if let first = (badKeys + badValues).first {
      faults.add(
        .output, "a record for topic \(sink.topic) cannot be written",
        bad.sorted().map { Int32($0) }, of: batch.positions, example: first.reason)
    }
    if let rowtime, let timestampPlace {
      let untimed = rowtime.read([], [batch.columns[timestampPlace]], into: &times)
        .filter { failure in !(nullValues.map { $0[failure.row] } ?? false) }
      bad.formUnion(untimed.map(\.row))
      faults.add(
        .output, "a record for topic \(sink.topic) has no valid time",
        untimed.map { Int32($0.row) }, of: batch.positions, example: untimed.first?.reason)
    }
    records.timestamps += times
    appendHeaders(batch, first, &records)
    if !bad.isEmpty { records.remove(rows: bad.map { first + $0 }) }
    outputs[partition] = records
    guard records.buffer.count <= sliceBytesMax else {
      var failure = QueryFailure(
        "one step of the query writes more than \(sliceBytesMax >> 20) MiB to partition \(partition) of topic "
          + sink.topic, isLimit: true)
      failure.isTooMuchAtOnce = true
      throw failure
    }
    guard tracksPositions else { return }
    let kept =
      bad.isEmpty
      ? batch.positions
      : batch.positions.gather((0..<Int32(count)).filter { !bad.contains(Int($0)) })
    positions[partition, default: Positions(major: [], minor: [])].append(kept)
  }

  /// Kafka Streams' encoding: the start of a time window behind the key; for sessions end, then
  /// start.
  private func appendWindows(
    _ batch: RecordBatch, _ places: (start: Int, end: Int), _ first: Int,
    _ records: inout RawRecords
  ) {
    guard case .bigint(let starts) = batch.columns[places.start],
      case .bigint(let ends) = batch.columns[places.end]
    else { return }
    let isSession = sink.window?.kind == .session
    for row in 0..<batch.count {
      let index = first + row
      let length = max(0, records.keyLength[index])
      let at = records.buffer.count
      records.buffer.reserve(Int(length) + 16)
      let old = UnsafeRawBufferPointer(
        start: records.buffer.base + Int(records.keyStart[index]), count: Int(length))
      records.buffer.append(old)
      if isSession {
        withUnsafeBytes(of: ends.values[row].bigEndian) { records.buffer.append($0) }
      }
      withUnsafeBytes(of: starts.values[row].bigEndian) { records.buffer.append($0) }
      records.keyStart[index] = Int32(at)
      records.keyLength[index] = Int32(records.buffer.count - at)
    }
  }

  private func appendHeaders(
    _ batch: RecordBatch, _ first: Int, _ records: inout RawRecords
  ) {
    guard let headers = batch.headers else {
      if !records.headers.isEmpty {
        records.headers += Array(repeating: [], count: batch.count)
      }
      return
    }
    if records.headers.isEmpty { records.headers = Array(repeating: [], count: first) }
    records.headers += headers
  }

  /// The records since the last call, by partition.
  override func drainParts() -> [SinkPart] {
    defer { (outputs, positions) = ([:], [:]) }
    bufferBytes = outputs.values.reduce(bufferBytes) { max($0, min($1.buffer.count, 7 << 20)) }
    return outputs.keys.sorted().compactMap { partition in
      outputs[partition].map {
        SinkPart(partition: partition, records: $0, positions: positions[partition])
      }
    }
  }
}

extension RawRecords {
  /// Takes records out; their bytes stay in the buffer.
  mutating func remove(rows: [Int]) {
    for row in rows.sorted(by: >) {
      keyStart.remove(at: row)
      keyLength.remove(at: row)
      valueStart.remove(at: row)
      valueLength.remove(at: row)
      timestamps.remove(at: row)
      if !headers.isEmpty { headers.remove(at: row) }
    }
  }
}
