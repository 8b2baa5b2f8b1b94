// Who writes for a process: one producer for the epochs, whose transaction is an epoch's commit;
// one for single records beside them; and one with transactions for appends of several records.
// Named producers of `produce` have one each, which Kafka fences by the name.

import CHeadraceKafka
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// A producer with what it has under way. One thread at a time.
final class KafkaProducer {
  let client: KafkaClient
  private let batchSize: Int64
  /// It has met what librdkafka does not get over: another takes its place, under the same name.
  private(set) var isUsable = true
  private var reports: [UnsafeMutablePointer<headrace_kafka_report>] = []
  /// Where the records of each report go.
  private var topics: [String] = []
  /// Numbers of the partitions.
  private var places: [TextKey: Int] = [:]
  /// Their bytes are read until all is delivered.
  private var buffers: [ByteBuffer] = []
  /// Of transactions before, given up with records of which the library still has to speak.
  private var retired: [(report: UnsafeMutablePointer<headrace_kafka_report>, buffer: ByteBuffer)] =
    []

  init(
    _ settings: KafkaSettings, _ signal: KafkaSignal, transactionalID: String?
  ) throws(StorageError) {
    var more: [TextKey: String] = [
      "enable.idempotence": "true", "acks": "all",
      // Whole batches go when they are full, and the rest of a commit when it is flushed. Beyond
      // this time the library's thread polls without a pause while messages wait behind others of
      // their partition. Below any transaction timeout.
      "linger.ms": "900",
      "queue.buffering.max.messages": "1000000", "queue.buffering.max.kbytes": "262144",
      "batch.num.messages": "100000", "reconnect.backoff.max.ms": "1000",
      "sticky.partitioning.linger.ms": "0",
    ]
    let batchSize = settings.properties["batch.size"]
    if batchSize == nil { more["batch.size"] = "1000000" }
    self.batchSize = batchSize.flatMap { Int64($0) } ?? 1_000_000
    if let transactionalID {
      more["transactional.id"] = transactionalID
      more["transaction.timeout.ms"] = settings.properties["transaction.timeout.ms"] ?? "10000"
    }
    client = try KafkaClient(.producer, settings, more, signal)
  }

  deinit {
    if !reports.isEmpty { headrace_kafka_purge(client.handle) }
    finish()
    // The library may speak of them until its last thread has ended, which is later than this.
    for (_, buffer) in retired { _ = Unmanaged.passRetained(buffer) }
  }

  /// Shuts out earlier producers of its name and ends what they have left open.
  func initTransactions(isCancelled: () -> Bool) throws(StorageError) {
    try retrying("taking over the transactional id", isCancelled) { fault in
      headrace_kafka_init_transactions(client.handle, KafkaClient.timeoutMs, &fault)
    }
  }

  /// Repeats a call for as long as it may be repeated: some seconds each time, and the cluster has
  /// given the transaction up long before the last one.
  func retrying(
    _ operation: String, _ isCancelled: () -> Bool, failuresMax: Int = 60,
    _ body: (inout headrace_kafka_fault) -> Void
  ) throws(StorageError) {
    var failures = 0
    while true {
      var fault = headrace_kafka_fault()
      body(&fault)
      guard let error = StorageError(fault, operation, trouble: client.trouble) else { return }
      failures += 1
      guard fault.is_retriable, !fault.is_abortable, !isCancelled(), failures < failuresMax
      else { throw error }
    }
  }

  func begin() throws(StorageError) {
    try client.request("beginning a transaction") { headrace_kafka_begin(client.handle, &$0) }
  }

  /// Hands over records of a partition. Returns the number of their report.
  @discardableResult
  func produce(
    _ topic: String, _ partition: Int, _ records: RawRecords
  ) throws(StorageError) -> Int {
    let report = UnsafeMutablePointer<headrace_kafka_report>.allocate(capacity: 1)
    report.initialize(to: headrace_kafka_report())
    let key = TextKey("\(topic)/\(partition)")
    let place = places[key] ?? places.count
    places[key] = place
    report.pointee.place = place
    reports.append(report)
    topics.append(topic)
    buffers.append(records.buffer)
    do {
      try hand(records, to: topic, partition, report)
    } catch {
      guard error.kind == .topicUnknown, report.pointee.pending == 0 else { throw error }
      // The library remembers that there was no such topic until it is made to look: the topic was
      // made anew.
      try client.look(topic)
      try hand(records, to: topic, partition, report)
    }
    return reports.count - 1
  }

  private func hand(
    _ records: RawRecords, to topic: String, _ partition: Int,
    _ report: UnsafeMutablePointer<headrace_kafka_report>
  ) throws(StorageError) {
    try client.request("writing to partition \(partition)", topic) { fault in
      if records.headers.isEmpty {
        headrace_kafka_produce(
          client.handle, topic, Int32(partition), records.buffer.base, records.keyStart,
          records.keyLength, records.valueStart, records.valueLength, records.timestamps,
          records.count, report, &fault)
      } else {
        for row in 0..<records.count where fault.code == 0 {
          produceOne(topic, partition, records, row, report, &fault)
        }
      }
    }
  }

  private func produceOne(
    _ topic: String, _ partition: Int, _ records: RawRecords, _ row: Int,
    _ report: UnsafeMutablePointer<headrace_kafka_report>, _ fault: inout headrace_kafka_fault
  ) {
    let headers = records.headers[row]
    let bytes = headers.flatMap { $0.value ?? [] }
    let lengths = headers.map { Int64($0.value?.count ?? -1) }
    bytes.withUnsafeBytes { values in
      var place = 0
      // Of an empty value too the address counts: it is not null.
      let pointers: [UnsafeRawPointer?] = headers.map { header in
        guard let value = header.value else { return nil }
        defer { place += value.count }
        return values.baseAddress.map { $0 + place } ?? UnsafeRawPointer(records.buffer.base)
      }
      withCStrings(headers.map(\.key)) { names in
        headrace_kafka_produce_one(
          client.handle, topic, Int32(partition), records.key(row)?.baseAddress,
          Int64(records.keyLength[row]), records.value(row)?.baseAddress,
          Int64(records.valueLength[row]), records.timestamps[row], names, pointers, lengths,
          headers.count, report, &fault)
      }
    }
  }

  /// Waits until all that was handed over is there.
  /// Throws: what became of the first record that is not.
  func flush(isCancelled: () -> Bool) throws(StorageError) {
    try retrying("writing", isCancelled) { fault in
      headrace_kafka_flush(
        client.handle, reports.map { $0 }, reports.count, places.count, batchSize,
        KafkaClient.timeoutMs, &fault)
      if KafkaLibrary.Code(rawValue: fault.code) == .timedOut { fault.is_retriable = true }
    }
    try check()
  }

  func check() throws(StorageError) {
    for (index, report) in reports.enumerated() where report.pointee.error != 0 {
      if let error = StorageError(
        headrace_kafka_fault(code: report.pointee.error), "writing", path: topics[index])
      {
        throw error
      }
    }
  }

  func offsets(_ report: Int) -> Range<Int64> {
    let result = reports[report].pointee
    return result.delivered == 0 ? 0..<0 : result.first..<(result.last + 1)
  }

  /// All has ended: what the library has no more to say of goes.
  func finish() {
    retired += zip(reports, buffers).map { ($0, $1) }
    (reports, topics, buffers, places) = ([], [], [], [:])
    let open = retired.filter { $0.report.pointee.pending > 0 }
    for (report, _) in retired where report.pointee.pending <= 0 { report.deallocate() }
    retired = open
  }

  /// Gives up a transaction that `error` has met. Returns what becomes of it: nothing of it has
  /// happened, or the process may not write any more. A producer that cannot even give up is of no
  /// more use, and its successor ends what it has left.
  func giveUp(_ error: StorageError, isCancelled: () -> Bool) -> StorageError {
    headrace_kafka_purge(client.handle)
    defer { finish() }
    guard error.kind != .fenced, error.kind != .poisoned else {
      isUsable = false
      return error.kind == .fenced ? error : aborted(error)
    }
    // The library may still be dropping what it has not sent when records of the next transaction
    // come, and drop those.
    if reports.contains(where: {
      KafkaLibrary.Code(rawValue: $0.pointee.error) == .purgeQueue
    }) {
      isUsable = false
    }
    do throws(StorageError) {
      try retrying("giving up a transaction", isCancelled, failuresMax: 2) { fault in
        headrace_kafka_abort(client.handle, KafkaClient.timeoutMs, &fault)
      }
    } catch {
      isUsable = false
      if error.kind == .fenced { return error }
    }
    switch error.kind {
    // What was refused of its content is refused again, and the caller is told; others may go
    // another time.
    case .tooLarge, .topicUnknown, .partitionUnknown, .unauthorized, .invalidArgument, .conflict,
      .invalidName, .topicExists:
      return error
    default: return aborted(error)
    }
  }

  /// Gives up on a commit that was not answered. Returns what it is if it has not happened.
  func abandon(_ error: StorageError) -> StorageError {
    isUsable = false
    headrace_kafka_purge(client.handle)
    finish()
    return aborted(error)
  }

  private func aborted(_ error: StorageError) -> StorageError {
    var result = error
    result.kind = .aborted
    return result
  }

  func commit(isCancelled: () -> Bool) throws(StorageError) {
    try retrying("committing", isCancelled) { fault in
      headrace_kafka_commit(client.handle, KafkaClient.timeoutMs, &fault)
    }
  }
}

final class KafkaProducers: @unchecked Sendable {
  // Unchecked: each producer is used under its lock; that of the epochs under the engine's lock
  // besides.
  private let settings: KafkaSettings
  private let names: KafkaNames
  private let process: KafkaProcess
  private let signal: KafkaSignal
  private let epochLock = FairLock()
  /// nil: it was of no more use, and the next epoch begins with a new one.
  private var epochs: KafkaProducer?
  private let lock = FairLock()
  private var single: KafkaProducer?
  private var several: KafkaProducer?
  private var named: [TextKey: KafkaProducer] = [:]
  private var isClosed = false
  /// Named producers that are kept; more of them begin a new life each time that they are opened.
  private static let namedMax = 64

  init(
    _ settings: KafkaSettings, _ names: KafkaNames, _ process: KafkaProcess,
    _ signal: KafkaSignal
  ) throws(StorageError) {
    (self.settings, self.names, self.process, self.signal) = (settings, names, process, signal)
    epochs = try opened(names.transactionalID(process.name))
  }

  /// Runs an epoch's transaction.
  func epoch<Result>(
    _ body: (KafkaProducer) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try epochLock.withLock { () throws(StorageError) in
      if epochs == nil { epochs = try opened(names.transactionalID(process.name)) }
      guard let producer = epochs else { throw StorageError(.closed, "writing") }
      do throws(StorageError) {
        return try body(producer)
      } catch {
        if !producer.isUsable { epochs = nil }
        throw error
      }
    }
  }

  /// A new producer of the epochs, which ends what the one before has left open.
  func renewEpochs() throws(StorageError) {
    try epochLock.withLock { () throws(StorageError) in
      // First of all: two of a name would shut each other out.
      epochs = nil
      epochs = try opened(names.transactionalID(process.name))
    }
  }

  /// Appends records outside of the epochs; `isWhole`: all of them become visible at once.
  func append<Result>(
    isWhole: Bool, _ body: (KafkaProducer) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try lock.withLock { () throws(StorageError) in
      let producer: KafkaProducer
      if isWhole {
        if several == nil {
          several = try opened(names.transactionalID("\(process.name)-append"))
        }
        producer = several!
      } else {
        if single == nil { single = try KafkaProducer(settings, signal, transactionalID: nil) }
        producer = single!
      }
      do throws(StorageError) {
        return try body(producer)
      } catch {
        // Without a transaction what was refused leaves a gap in the producer's numbers.
        if !isWhole { single = nil } else if !producer.isUsable { several = nil }
        throw error
      }
    }
  }

  private func opened(_ id: String) throws(StorageError) -> KafkaProducer {
    let producer = try KafkaProducer(settings, signal, transactionalID: id)
    try producer.initTransactions { isClosed }
    return producer
  }

  func open(named name: String) throws(StorageError) {
    try lock.withLock { () throws(StorageError) in
      if named.count >= Self.namedMax, let other = named.keys.sorted().first { named[other] = nil }
      named[TextKey(name)] = nil
      named[TextKey(name)] = try opened(names.producer(name))
    }
  }

  func append<Result>(
    named name: String, _ body: (KafkaProducer) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try lock.withLock { () throws(StorageError) in
      guard let producer = named[TextKey(name)] else {
        throw StorageError(.fenced, "writing as producer \(name)")
      }
      do throws(StorageError) {
        return try body(producer)
      } catch {
        if !producer.isUsable { named[TextKey(name)] = nil }
        throw error
      }
    }
  }

  /// A topic that was deleted and made anew begins with the numbers of a new producer.
  func forgetNumbers() { lock.withLock { single = nil } }

  func close() {
    lock.withLock {
      isClosed = true
      (single, several, named) = (nil, nil, [:])
    }
  }
}
