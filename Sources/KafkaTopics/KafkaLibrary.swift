// The way into librdkafka: it is loaded when the first client is made, and its errors become
// `StorageError`.

import CHeadraceKafka
import HeadraceFoundations
package import HeadraceTopics

package enum KafkaLibrary {
  /// Throws: `unreachable` with what to install.
  package static func load() throws(StorageError) {
    guard let reason = headrace_kafka_load() else { return }
    throw StorageError(
      .unreachable, "loading librdkafka",
      expected: "the library librdkafka.so.1 (apt-get install librdkafka1)",
      found: String(cString: reason))
  }

  /// The codes of librdkafka and of the protocol that are told apart.
  enum Code: Int32 {
    case invalidArgument = -186
    case resolve = -193
    case transport = -195
    case allBrokersDown = -187
    case timedOut = -185
    case queueFull = -184
    case unknownPartition = -190
    case unknownTopic = -188
    case authentication = -169
    case ssl = -181
    case fenced = -144
    case fatal = -150
    case autoOffsetReset = -140
    case messageTimedOut = -192
    case purgeInflight = -151
    case purgeQueue = -152
    case offsetOutOfRange = 1
    case unknownTopicOrPartition = 3
    case leaderNotAvailable = 5
    case notLeader = 6
    case requestTimedOut = 7
    case brokerNotAvailable = 8
    case replicaNotAvailable = 9
    case messageTooLarge = 10
    case network = 13
    case coordinatorLoading = 14
    case coordinatorNotAvailable = 15
    case notCoordinator = 16
    case invalidTopic = 17
    case recordListTooLarge = 18
    case notEnoughReplicas = 19
    case notEnoughReplicasAfterAppend = 20
    case topicAuthorization = 29
    case groupAuthorization = 30
    case clusterAuthorization = 31
    case topicAlreadyExists = 36
    case invalidPartitions = 37
    case invalidReplication = 38
    case invalidConfig = 40
    case policyViolation = 44
    case invalidProducerEpoch = 47
    case concurrentTransactions = 51
    case transactionalAuthorization = 53
    case saslFailed = 58
    case storage = 56
    case listenerNotFound = 72
    case unknownLeaderEpoch = 75
    case offsetNotAvailable = 78
    case fencedLeaderEpoch = 74
    case fencedInstance = 82
    case invalidRecord = 87
    case producerFenced = 90
  }

  /// Whether the topic or partition is not known to who was asked.
  static func isUnknown(code: Int32) -> Bool {
    switch Code(rawValue: code) {
    case .unknownPartition?, .unknownTopic?, .unknownTopicOrPartition?: return true
    default: return false
    }
  }

  /// Whether a broker that was asked for a partition does not lead it (yet).
  static func isUnled(code: Int32) -> Bool {
    switch Code(rawValue: code) {
    case .leaderNotAvailable?, .notLeader?, .replicaNotAvailable?, .unknownLeaderEpoch?,
      .fencedLeaderEpoch?, .offsetNotAvailable?:
      return true
    default: return false
    }
  }

  static func kind(_ fault: headrace_kafka_fault) -> StorageError.Kind {
    let code = Code(rawValue: fault.code)
    switch code {
    case .fenced?, .invalidProducerEpoch?, .producerFenced?, .fencedInstance?: return .fenced
    case .messageTooLarge?, .recordListTooLarge?: return .tooLarge
    case .unknownTopicOrPartition?, .unknownTopic?: return .topicUnknown
    case .unknownPartition?: return .partitionUnknown
    case .topicAuthorization?, .groupAuthorization?, .clusterAuthorization?,
      .transactionalAuthorization?, .saslFailed?, .authentication?:
      return .unauthorized
    case .topicAlreadyExists?: return .topicExists
    case .invalidTopic?: return .invalidName
    case .invalidArgument?, .invalidPartitions?, .invalidReplication?, .invalidConfig?,
      .policyViolation?,
      .invalidRecord?:
      return .invalidArgument
    case .offsetOutOfRange?, .autoOffsetReset?: return .offsetOutOfRange
    default: break
    }
    if fault.is_abortable { return .aborted }
    if fault.is_fatal { return .poisoned }
    switch code {
    // While a broker starts or leaders change.
    case .leaderNotAvailable?, .notLeader?, .brokerNotAvailable?, .replicaNotAvailable?,
      .network?, .coordinatorLoading?, .coordinatorNotAvailable?, .notCoordinator?,
      .concurrentTransactions?, .storage?, .listenerNotFound?, .unknownLeaderEpoch?,
      .fencedLeaderEpoch?, .offsetNotAvailable?:
      return .unreachable
    case .resolve?, .transport?, .allBrokersDown?, .timedOut?, .ssl?, .requestTimedOut?,
      .messageTimedOut?, .notEnoughReplicas?, .notEnoughReplicasAfterAppend?:
      return .unreachable
    default: return fault.is_retriable ? .unreachable : .io
    }
  }
}

extension StorageError {
  /// nil: nothing went wrong. `trouble`: what the library has said of its brokers of late.
  init?(
    _ fault: headrace_kafka_fault, _ operation: String, path: String = "", trouble: String = ""
  ) {
    guard fault.code != 0 else { return nil }
    let text = withUnsafeBytes(of: fault.text) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    let kind = KafkaLibrary.kind(fault)
    let name = String(cString: headrace_kafka_error_name(fault.code))
    var found = text.isEmpty ? name : "\(text) (\(name))"
    if !trouble.isEmpty, kind == .unreachable || kind == .io { found += "; \(trouble)" }
    self.init(kind, operation, path: path, expected: Self.remedy(kind), found: found)
  }

  private static func remedy(_ kind: Kind) -> String? {
    switch kind {
    case .tooLarge:
      return "at most max.message.bytes of the topic (and message.max.bytes of broker and client)"
    case .fenced:
      return "its name for itself; another process bears it now"
    default: return nil
    }
  }
}
