// Appends and transactions of a simulated broker's client.

package import HeadraceColumns
package import HeadraceFoundations
package import HeadraceTopics

extension SimulatedTopics {
  package func encode(_ records: RawRecords) throws(StorageError) -> any EncodedRecords {
    PlainRecords(records)
  }

  private func plain(_ content: EpochCommit.Output.Content) throws(StorageError) -> RawRecords {
    switch content {
    case .records(let records): return records
    case .encoded(let records):
      guard let plain = records as? PlainRecords else {
        throw StorageError(.invalidArgument, "records encoded by another store")
      }
      return plain.records
    }
  }

  /// Throws: what a broker refuses of records.
  private func check(
    _ outputs: [EpochCommit.Output], _ state: SimulatedBroker.State
  ) throws(StorageError) {
    for output in outputs {
      _ = try partition(output.topic, output.partition, state)
      let config = state.topics[TextKey(output.topic)]?.config
      if config?.cleanupPolicy.compacts ?? false, config?.isInternal == false,
        try plain(output.content).keyLength.contains(where: { $0 < 0 })
      {
        throw StorageError(
          .invalidArgument, "a record without a key for a compacted topic", path: output.topic)
      }
    }
  }

  @discardableResult
  package func commit(_ append: TopicAppend) throws(StorageError) -> CommitResult {
    guard append.conditions.isEmpty else {
      throw StorageError(.invalidArgument, "a conditional append")
    }
    return try broker.state.change { (state) throws(StorageError) in
      try check(append.outputs, state)
      // The answer gets lost, the client sends again, and the broker knows the number: nothing is there twice.
      _ = broker.happens("lost response", broker.faults.lostResponses, member, &state)
      var ranges: [CommittedRange] = []
      for output in append.outputs {
        let offsets = broker.append(
          try plain(output.content), output.topic, output.partition, transaction: nil, &state)
        ranges.append(
          CommittedRange(topic: output.topic, partition: output.partition, offsets: offsets))
      }
      if let group = append.group { Self.set(append.offsets, of: TextKey(group), &state) }
      state.commits += 1
      return CommitResult(commit: state.commits, ranges: ranges)
    }
  }

  private static func set(
    _ offsets: [GroupOffset], of group: TextKey, _ state: inout SimulatedBroker.State
  ) {
    for offset in offsets {
      state.groups[group, default: []].removeAll {
        $0.topic == offset.topic && $0.partition == offset.partition
      }
      state.groups[group, default: []].append(offset)
    }
  }

  package func openProducer(_ name: String) throws(StorageError) -> (epoch: Int64, next: Int64) {
    broker.state.change { state in
      let epoch = (state.producers[TextKey(name)] ?? 0) + 1
      state.producers[TextKey(name)] = epoch
      return (epoch, 0)
    }
  }

  package func begin(writing topics: Set<TextKey>) throws(StorageError) -> any EpochTransaction {
    try broker.state.withLock { (state) throws(StorageError) in try checkFence(state) }
    return SimulatedTransaction(self, isProcessing: !topics.isEmpty)
  }

  fileprivate func write(
    _ epoch: EpochCommit, isProcessing: Bool, generation: Int
  ) throws(StorageError) -> CommitResult {
    let (transaction, ranges) = try broker.state.change { (state) throws(StorageError) in
      try writeRecords(epoch, isProcessing: isProcessing, &state)
    }
    // Others go on while the transaction is open.
    if isProcessing { broker.interlude(member) }
    return try broker.state.change { (state) throws(StorageError) in
      guard state.transactions[transaction] == .open else {
        throw StorageError(.aborted, "committing an epoch that has taken too long")
      }
      guard state.producers[TextKey(member)] == self.epoch else {
        broker.end(transaction, .aborted, &state)
        throw StorageError(.fenced, "committing as \(member)")
      }
      if isProcessing, state.generation != generation {
        giveUp(transaction, &state)
        throw StorageError(.aborted, "committing in a generation that is over")
      }
      _ = broker.happens("lost response", broker.faults.lostResponses, member, &state)
      broker.end(transaction, .committed, &state)
      for change in epoch.metadata { state.entries[change.key] = change.value }
      state.commits += 1
      state.epochs[TextKey(member)] = epoch.epoch
      return CommitResult(commit: state.commits, ranges: ranges)
    }
  }

  /// The first half of a commit: topics, and records under an open transaction.
  private func writeRecords(
    _ epoch: EpochCommit, isProcessing: Bool, _ state: inout SimulatedBroker.State
  ) throws(StorageError) -> (transaction: Int, ranges: [CommittedRange]) {
    try checkFence(state)
    for name in epoch.topicsDeleted where state.topics[TextKey(name)] == nil {
      throw Self.unknown(name)
    }
    for name in epoch.topicsDeleted { state.topics[TextKey(name)] = nil }
    for creation in epoch.topicsCreated { try create(creation, &state) }
    try check(epoch.outputs, state)
    for change in epoch.metadata where change.isNew && state.entries[change.key] != nil {
      throw StorageError(.conflict, "writing an entry that another process has written first")
    }
    let fails = isProcessing && broker.happens("abort", broker.faults.aborts, member, &state)
    let count = UInt64(epoch.outputs.count)
    let written =
      fails ? Int(broker.draw("part \(member)", &state) % (count + 1)) : epoch.outputs.count
    state.transactions.append(.open)
    let transaction = state.transactions.count - 1
    var ranges: [CommittedRange] = []
    for output in epoch.outputs.prefix(written) {
      let offsets = broker.append(
        try plain(output.content), output.topic, output.partition, transaction: transaction,
        &state)
      ranges.append(
        CommittedRange(topic: output.topic, partition: output.partition, offsets: offsets))
    }
    if fails {
      giveUp(transaction, &state)
      throw StorageError(.aborted, "committing an epoch")
    }
    broker.hang(transaction, &state)
    return (transaction, ranges)
  }

  /// A transaction that its process does not go on with: ended at once, or by the broker after some time.
  private func giveUp(_ transaction: Int, _ state: inout SimulatedBroker.State) {
    if broker.happens("hang", broker.faults.hangs, member, &state) {
      broker.hang(transaction, &state)
    } else {
      broker.end(transaction, .aborted, &state)
    }
  }
}

final class SimulatedTransaction: EpochTransaction {
  private let topics: SimulatedTopics
  /// Reads and writes of tasks, which are fenced by the group's generation; statements are not.
  private let isProcessing: Bool
  private let generation: Int

  init(_ topics: SimulatedTopics, isProcessing: Bool) {
    self.topics = topics
    self.isProcessing = isProcessing
    generation = topics.assignment.generation
  }

  func reservedEnd(_ topic: String, _ partition: Int) -> Int64? { nil }

  func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    try topics.write(epoch, isProcessing: isProcessing, generation: generation)
  }

  func abort() {}
}
