// Producers that may send twice, transactions, and named positions of consumers. All three are
// entries of the metadata map, changed by the very commit that they speak of, so that neither can
// be there without the other: what a producer repeats is known by its number after any crash, and a
// consumer's position moves with what the consumer wrote.
//
// producer/NAME         epoch i64, next number i64
// group/NAME/TOPIC/N    offset i64

internal import HeadraceColumns
import HeadraceFoundations

/// What the store knows of a producer.
struct ProducerState: Hashable {
  var epoch: Int64 = 0
  var next: Int64 = 0

  static func key(_ name: String) -> [UInt8] { Array("producer/\(name)".utf8) }

  init() {}

  init?(_ bytes: [UInt8]?) {
    guard let bytes, bytes.count == 16 else { return nil }
    epoch = Int64(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
    next = Int64(
      littleEndian: bytes.withUnsafeBytes {
        $0.loadUnaligned(fromByteOffset: 8, as: Int64.self)
      })
  }

  var bytes: [UInt8] {
    [epoch, next].flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
  }
}

extension LogStore {
  static let nameBytesMax = 249

  /// A new life of a producer: earlier ones are shut out. Returns its epoch and the number that its
  /// next record must have.
  public func openProducer(
    _ name: String
  ) throws(StorageError) -> (epoch: Int64, next: Int64) {
    try Self.checkName(name)
    var request = CommitRequest(epoch: -1, outputs: [])
    request.opensProducer = name
    _ = try submitAndWait(request)
    let state = ProducerState(metadata(key: ProducerState.key(name))) ?? ProducerState()
    return (state.epoch, state.next)
  }

  /// Commits a transaction. A transaction whose producer has sent the same numbers before is
  /// acknowledged and changes nothing; its result has no ranges.
  /// Throws: as `append`; `invalidArgument` for numbers that leave a gap or are known only in part,
  /// and for a producer that was opened again since.
  func commitAppend(_ transaction: TopicAppend) throws(StorageError) -> CommitResult {
    var outputs: [CommitRequest.Output] = []
    for output in transaction.outputs {
      let encoded: EncodedBatches
      switch output.content {
      case .records(let records): encoded = try options.encoder.encode(records)
      case .encoded(let records): encoded = try Self.batches(records)
      }
      outputs.append(
        CommitRequest.Output(topic: output.topic, partition: output.partition, encoded: encoded))
    }
    var request = CommitRequest(epoch: -1, outputs: outputs)
    request.producer = transaction.producer
    request.conditions = transaction.conditions
    if let group = transaction.group {
      try Self.checkName(group)
      request.metadata = transaction.offsets.map { place in
        EpochCommit.MetadataChange(
          key: Self.groupKey(group, place.topic, place.partition),
          value: withUnsafeBytes(of: place.offset.littleEndian) { Array($0) })
      }
    }
    return try submitAndWait(request)
  }

  /// The positions of a group in a topic, by partition; partitions without one are left out.
  public func groupOffsets(_ group: String, _ topic: String) -> [GroupOffset] {
    let prefix = "group/\(group)/\(topic)/"
    return metadata(prefix: Array(prefix.utf8)).compactMap { key, value in
      guard let partition = Int(String(decoding: key.dropFirst(prefix.utf8.count), as: UTF8.self)),
        value.count == 8
      else { return nil }
      let offset = Int64(littleEndian: value.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
      return GroupOffset(topic: topic, partition: partition, offset: offset)
    }.sorted { $0.partition < $1.partition }
  }

  /// Names of all groups with a position in a topic.
  public func groups(of topic: String) -> [String] {
    var names: Set<String> = []
    for (key, _) in metadata(prefix: Array("group/".utf8)) {
      let parts = String(decoding: key, as: UTF8.self).split(separator: "/")
      if parts.count == 4, parts[2] == topic { names.insert(String(parts[1])) }
    }
    return names.sorted()
  }

  private static func groupKey(_ group: String, _ topic: String, _ partition: Int) -> [UInt8] {
    Array("group/\(group)/\(topic)/\(partition)".utf8)
  }

  private static func checkName(_ name: String) throws(StorageError) {
    guard TopicName.isLegal(name) else {
      throw StorageError(
        .invalidArgument, "name of a producer or group",
        expected: "1 to \(nameBytesMax) letters, digits, '.', '_' and '-'", found: name)
    }
  }
}

// MARK: - In a group of commits

extension GroupPlan {
  /// A producer as the group has it so far.
  func producer(_ name: String) -> ProducerState {
    producers[name] ?? ProducerState(metadata[ProducerState.key(name)]) ?? ProducerState()
  }

  /// True when the producer has sent all of it before.
  func isRepeated(_ request: CommitRequest) throws(StorageError) -> Bool {
    guard let mark = request.producer else { return false }
    let known = producer(mark.name)
    let end = mark.sequence + Int64(request.recordCount)
    guard mark.epoch == known.epoch else {
      throw StorageError(
        .invalidArgument, "producer \(mark.name) was opened again",
        expected: "epoch \(known.epoch)", found: "\(mark.epoch)")
    }
    if mark.sequence == known.next { return false }
    guard mark.sequence >= 0 && end <= known.next else {
      throw StorageError(
        .invalidArgument, "numbers of producer \(mark.name)", expected: "\(known.next)",
        found: "\(mark.sequence)..<\(end)")
    }
    return true
  }

  /// The changes of the metadata that a request brings beside its own.
  mutating func producerChanges(_ request: CommitRequest) -> [EpochCommit.MetadataChange] {
    var changes: [EpochCommit.MetadataChange] = []
    func set(_ name: String, _ state: ProducerState) {
      producers[name] = state
      changes.append(
        EpochCommit.MetadataChange(key: ProducerState.key(name), value: state.bytes))
    }
    if let name = request.opensProducer {
      var state = producer(name)
      state.epoch += 1
      set(name, state)
    }
    if let mark = request.producer {
      var state = producer(mark.name)
      state.next += Int64(request.recordCount)
      set(mark.name, state)
    }
    return changes
  }
}

extension CommitRequest {
  var recordCount: Int { outputs.reduce(0) { $0 + $1.encoded.recordCount } }
}
