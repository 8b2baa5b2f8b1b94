// Commits, from the call to the acknowledgement:
//
// 1. On the caller's thread records are encoded into batches, and these compressed; then the
//    request is
//    queued.
// 2. The leader takes the queue as one group and plans it: offsets, sequences, places
//    (`GroupPlan`).
// 3. All batches are written into their segments, unsynced.
// 4. Durability disk: a small group goes into the journal with its data; for a large one the
//    touched files are synced in parallel first, and the journal says only where it ends and its
//    checksum. Durability os: the latter without syncing. Durability memory: there is no journal.
// 5. The journal frame is written and synced: this is the commit.
// 6. The new ends, metadata and topics are published under the lock, and the tickets answered.
//
// What fails before 5 fails the group and leaves no trace. A failure in a sync or in 5 poisons the
// store: nobody can say what is on disk until the next open.

import HeadraceFoundations
internal import Glibc
public import HeadraceColumns

extension LogStore {
  /// Appends records to partitions of a topic; all become visible and durable together.
  /// Blocks until acknowledged. Throws: `topicUnknown`, `partitionUnknown`, `tooLarge`; `full` and
  /// `io` (nothing was appended); `poisoned`, `closed`.
  @discardableResult
  public func append(
    _ topic: String, _ parts: [(partition: Int, records: RawRecords)]
  ) throws(StorageError) -> CommitResult {
    try submitAndWait(appendRequest(topic, parts))
  }

  /// As `append`, but returns at once with a ticket to wait on. Blocks only while the queue is
  /// full.
  public func appendAsync(
    _ topic: String, _ parts: [(partition: Int, records: RawRecords)]
  ) throws(StorageError) -> CommitTicket {
    let request = try appendRequest(topic, parts)
    if try enqueue(request) { handOver() }
    return request.ticket
  }

  /// Commits an epoch: outputs, metadata, topics and truncations together or not at all.
  /// Blocks until acknowledged. Throws: as `append`, and `topicExists`, `invalidName`,
  /// `invalidArgument`, `offsetOutOfRange`.
  @discardableResult
  public func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    guard epoch.epoch >= 0 else {
      throw StorageError(.invalidArgument, "epoch number", found: "\(epoch.epoch)")
    }
    var outputs: [CommitRequest.Output] = []
    for output in epoch.outputs {
      let encoded: EncodedBatches
      switch output.content {
      case .records(let records):
        encoded = try options.encoder.encode(records, sequence: output.sequence)
      case .encoded(let records): encoded = try Self.batches(records)
      }
      outputs.append(
        CommitRequest.Output(topic: output.topic, partition: output.partition, encoded: encoded))
    }
    return try submitAndWait(
      CommitRequest(
        epoch: epoch.epoch, outputs: outputs, metadata: epoch.metadata,
        topicsCreated: epoch.topicsCreated, topicsDeleted: epoch.topicsDeleted,
        truncations: epoch.truncations, conditions: epoch.conditions))
  }

  private func appendRequest(
    _ topic: String, _ parts: [(partition: Int, records: RawRecords)]
  ) throws(StorageError) -> CommitRequest {
    var outputs: [CommitRequest.Output] = []
    for (partition, records) in parts {
      outputs.append(
        CommitRequest.Output(
          topic: topic, partition: partition, encoded: try options.encoder.encode(records)))
    }
    return CommitRequest(epoch: -1, outputs: outputs)
  }

  // MARK: - Leading

  func submitAndWait(_ request: CommitRequest) throws(StorageError) -> CommitResult {
    if try enqueue(request) {
      leadOnce()
      passOn()
    }
    return try request.ticket.wait()
  }

  /// Returns true when the caller has become the leader.
  private func enqueue(_ given: CommitRequest) throws(StorageError) -> Bool {
    let request = try compressed(given)
    let outcome = shared.wait { state -> Result<Bool, StorageError>? in
      do throws(StorageError) {
        try Self.checkUsable(state)
      } catch {
        return .failure(error)
      }
      guard state.queue.count < options.queueLength else { return nil }
      state.queue.append(request)
      let leads = !state.isLed
      state.isLed = true
      return .success(leads)
    }
    return try outcome.get()
  }

  /// Batches for topics with a codec are compressed, on the caller's thread. What the codec is may
  /// change meanwhile; a reader takes any.
  private func compressed(_ request: CommitRequest) throws(StorageError) -> CommitRequest {
    guard !request.outputs.isEmpty else { return request }
    var codecs = shared.withLock { $0.published.codecs }
    for creation in request.topicsCreated {
      codecs[creation.name] = creation.config.compression
    }
    guard !codecs.isEmpty else { return request }
    var result = request
    for index in request.outputs.indices {
      guard let codec = codecs[request.outputs[index].topic] else { continue }
      result.outputs[index].encoded = try request.outputs[index].encoded.compressed(codec)
    }
    return result
  }

  /// The leader stops leading, or passes it to the committer thread when more has come.
  func passOn() {
    let isOver = shared.change { state in
      if state.queue.isEmpty { state.isLed = false }
      return state.queue.isEmpty
    }
    if !isOver { handOver() }
  }

  /// Lets the committer thread lead; the caller led until now.
  private func handOver() {
    do {
      try shared.change { (state) throws(StorageError) in
        if state.committerThread == nil {
          state.committerThread = try serviceThread { [self] in runCommitter() }
        }
        state.isHandedOver = true
      }
    } catch {
      // No thread to be had: this one goes on until nothing is left.
      while !shared.change({ state in
        if state.queue.isEmpty { state.isLed = false }
        return state.queue.isEmpty
      }) {
        leadOnce()
      }
    }
  }

  private func runCommitter() {
    while true {
      let goesOn = shared.wait { state -> Bool? in
        if state.isHandedOver {
          state.isHandedOver = false
          return true
        }
        return state.isClosed ? false : nil
      }
      guard goesOn else { return }
      while !shared.change({ state in
        if state.queue.isEmpty { state.isLed = false }
        return state.queue.isEmpty
      }) {
        // Several callers commit at once: a moment's wait lets more of them share the sync.
        if durability == .disk, options.groupDelayUs > 0 { usleep(options.groupDelayUs) }
        leadOnce()
      }
    }
  }

  /// Carries out one group.
  private func leadOnce() {
    let group = shared.change { state in
      var bytes = 0
      var count = 0
      while count < state.queue.count {
        if state.queue[count].replacement != nil {
          if count == 0 { count = 1 }
          break
        }
        bytes += state.queue[count].byteCount
        if count > 0 && bytes > options.groupBytes { break }
        count += 1
      }
      let group = Array(state.queue.prefix(count))
      state.queue.removeFirst(count)
      return group
    }
    if !group.isEmpty { carryOut(group) }
    checkpointIfDue()
  }

  private func carryOut(_ group: [CommitRequest]) {
    var plan: GroupPlan
    do {
      plan = try shared.withLock { (state) throws(StorageError) in
        if let failure = state.failure {
          throw StorageError(
            .poisoned, failure.operation, path: failure.path, errno: failure.errno)
        }
        return GroupPlan(state.published, root: directory, files: files)
      }
    } catch {
      for request in group { request.ticket.fail(error) }
      return
    }
    var accepted: [CommitTicket] = []
    for request in group {
      do {
        if try plan.isRepeated(request) {
          plan.addRepeated()
        } else {
          try plan.check(request)
          try check(request.conditions, plan)
          plan.add(request)
        }
        accepted.append(request.ticket)
      } catch {
        request.ticket.fail(error)
      }
    }
    guard !accepted.isEmpty else { return }
    do {
      if !plan.commits.isEmpty { try write(&plan) }
    } catch {
      for ticket in accepted { ticket.fail(error) }
      return
    }
    for (ticket, result) in zip(accepted, plan.results) { ticket.fulfil(result) }
  }

  // MARK: - Writing

  /// Steps 3 to 6.
  private func write(_ plan: inout GroupPlan) throws(StorageError) {
    try writeSegments(plan)
    var journalBytes = 0
    if let journal = committer.journal {
      let isInline = durability == .disk && plan.dataBytes < options.inPlaceBytes
      if durability == .disk && !isInline { try syncSegments(plan) }
      let content = committer.content
      content.begin()
      content.bytes.putCount(plan.commits.count)
      for var commit in plan.commits {
        if !isInline { for index in commit.runs.indices { commit.runs[index].data = nil } }
        commit.write(to: content)
      }
      let needed = Journal.frameBytes(content.count - JournalFrameHeader.byteCount)
      journalBytes = try journal.reserve(needed)
      index(plan)
      do {
        journalBytes += try journal.write(content, sync: durability == .disk)
      } catch {
        throw poison(error)
      }
      if durability == .disk { committer.syncs += 1 }
    } else {
      index(plan)
    }
    plan.letGoOfPublished()
    publish(plan, journalBytes: journalBytes)
    finishSegments(plan)
  }

  private func writeSegments(_ plan: GroupPlan) throws(StorageError) {
    for write in plan.writes {
      if write.position == 0 { try prepareDirectory(write.log.directory) }
      try write.segment.write(
        write.bytes, at: write.position, segmentBytes: write.log.segmentBytes)
      committer.markDirty(write.segment)
    }
    committer.segmentBytes += plan.dataBytes
  }

  /// A partition's directory is made with its first segment.
  private func prepareDirectory(_ path: String) throws(StorageError) {
    if !(try fileSystem.exists(path)) {
      try fileSystem.makeDirectories(path)
      let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
      committer.markDirty(directory: parent)
      committer.markDirty(directory: directory + "/topics")
    }
    committer.markDirty(directory: path)
  }

  private func syncSegments(_ plan: GroupPlan) throws(StorageError) {
    var touched: [String: LogSegment] = [:]
    for write in plan.writes { touched[write.segment.path] = write.segment }
    var open: [any File] = []
    for path in touched.keys.sorted() { open.append(try files.file(path, create: false)) }
    if committer.syncPool == nil { committer.syncPool = SyncPool(threadsMax: options.syncThreads) }
    do {
      try committer.syncPool?.sync(open)
      for path in committer.takeDirectories() {
        try fileSystem.syncDirectory(path)
        committer.syncs += 1
      }
    } catch {
      throw poison(error)
    }
    committer.syncs += open.count
    for segment in touched.values { committer.markClean(segment) }
  }

  private func index(_ plan: GroupPlan) {
    for write in plan.writes {
      write.segment.index(
        write.encoded, write.batches, position: write.position, from: write.baseOffset,
        chain: write.extent.chain)
    }
  }

  /// Remembers the failure; every later call is refused with it. Returns what the caller shall
  /// throw.
  func poison(_ error: StorageError) -> StorageError {
    shared.change { state in if state.failure == nil { state.failure = error } }
    return StorageError(
      .poisoned, error.operation, path: error.path, position: error.position, errno: error.errno)
  }

  private func publish(_ plan: GroupPlan, journalBytes: Int) {
    shared.change { state in
      for key in plan.order {
        guard let tail = plan.tails[key] else { continue }
        committer.drop(tail.publish())
      }
      for replacement in plan.replacements {
        committer.drop(replacement.publish())
        for part in replacement.added { committer.markDirty(part.segment) }
      }
      for entry in plan.deleted where state.published.topics[entry.name] === entry {
        state.published.topics[entry.name] = nil
      }
      for entry in plan.deleted {
        committer.drop(entry)
      }
      for entry in plan.created where !plan.deleted.contains(where: { $0 === entry }) {
        state.published.topics[entry.name] = entry
      }
      for commit in plan.commits {
        for change in commit.metadata { state.published.metadata.set(change.key, change.value) }
      }
      if plan.changesSettings {
        state.published.findCodecs()
      } else {
        state.published.findCodecs(of: plan.created + plan.deleted)
      }
      state.published.commit = plan.commit
      state.published.epoch = plan.epoch
      state.published.epochCommit = plan.epochCommit
      state.published.nextSequence = plan.nextSequence
      state.published.nextTopicID = plan.nextTopicID
      state.counters.commitCount += plan.commits.count
      state.counters.groupCount += 1
      state.counters.recordsAppended += plan.recordCount
      state.counters.journalBytesWritten += journalBytes
      state.counters.segmentBytesWritten += plan.dataBytes
      state.counters.bytesWritten += journalBytes + plan.dataBytes
      state.counters.syncCount += committer.syncs
      committer.syncs = 0
    }
  }

  /// Segments that were closed give back reserved space and get their index files. Neither is
  /// needed for what was promised, so a failure is kept for `maintenanceError` and not thrown.
  private func finishSegments(_ plan: GroupPlan) {
    for key in plan.order {
      for done in plan.tails[key]?.finished ?? [] {
        do {
          try done.segment.trim(to: done.extent.byteCount)
          try done.segment.storeIndex()
          committer.unindexed[done.segment.path] = nil
        } catch {
          shared.withLock { $0.maintenanceError = error }
        }
      }
    }
  }
}

extension PartitionTail {
  /// Makes the tail the partition's state; under the store's lock. Returns the segments to remove.
  fileprivate func publish() -> [LogSegment] {
    log.startOffset = startOffset
    log.endOffset = endOffset
    log.lastSequence = lastSequence
    for changed in finished + (active.map { [$0] } ?? []) {
      if let last = log.segments.last, last.segment === changed.segment {
        log.segments[log.segments.count - 1] = changed
      } else {
        log.segments.append(changed)
      }
    }
    return log.dropOldSegments()
  }
}
