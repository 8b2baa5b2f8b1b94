// A commit on its way: what was asked for, and the place where the answer will stand.

import HeadraceFoundations

/// The promise of an answer to a commit. Safe to wait on from any thread that may block.
public final class CommitTicket: Sendable {
  enum Answer {
    case waiting
    case done(CommitResult)
    case failed(StorageError)
  }

  private let answer = Monitor<Answer>(.waiting)

  init() {}

  /// Blocks until the commit is acknowledged. Throws: what refused or failed it; then nothing of it
  /// was committed, unless the error is `poisoned`, when a restart will tell.
  public func wait() throws(StorageError) -> CommitResult {
    let answer = self.answer.wait { state -> Answer? in
      if case .waiting = state { return nil }
      return state
    }
    switch answer {
    case .done(let result): return result
    case .failed(let error): throw error
    case .waiting: throw StorageError(.closed, "waiting for a commit")
    }
  }

  public var isAnswered: Bool {
    answer.withLock { state in
      if case .waiting = state { return false }
      return true
    }
  }

  func fulfil(_ result: CommitResult) { answer.change { $0 = .done(result) } }
  func fail(_ error: StorageError) { answer.change { $0 = .failed(error) } }
}

/// One commit in the queue; outputs are encoded already.
struct CommitRequest {
  struct Output {
    var topic: String
    var partition: Int
    var encoded: EncodedBatches
  }

  /// -1 for an append.
  var epoch: Int64
  var outputs: [Output]
  var metadata: [EpochCommit.MetadataChange] = []
  var topicsCreated: [TopicCreation] = []
  var topicsDeleted: [String] = []
  var truncations: [EpochCommit.Truncation] = []
  var conditions: [KeyCondition] = []
  var producer: ProducerMark?
  /// Begins a new life of this producer.
  var opensProducer: String?
  /// Of a compaction; such a request is a group by itself.
  var replacement: SegmentReplacement?
  let ticket = CommitTicket()

  var byteCount: Int {
    outputs.reduce(0) { $0 + $1.encoded.byteCount }
      + metadata.reduce(0) { $0 + $1.key.count + ($1.value?.count ?? 0) }
  }
}
