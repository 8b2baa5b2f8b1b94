// Orders for the keeper of the log, the same in this process and through the socket: words in, lines out.
//
// alter TOPIC (retention-ms|retention-bytes N|none | cleanup delete|compact)...
// retain                            drops what is older or more than its topic keeps
// groups TOPIC                      names of groups
// offsets GROUP TOPIC               "partition offset" a line
// seek GROUP TOPIC (PARTITION OFFSET)...
// producer NAME                     begins a life of a producer: its epoch, then its next number
// backup DIRECTORY                  commit, epoch, segments, bytes

import Executor
import LogStorage

enum LogAdministration {
  static func run(_ words: [String], _ engine: Engine) throws(ServiceError) -> [String] {
    var rest = words[...]
    switch rest.popFirst() {
    case "alter": return try alter(rest, engine)
    case "retain":
      let dropped = try servingLog { () throws(StorageError) in
        try engine.log.applyRetention(now: engine.options.clock())
      }
      return ["\(dropped)"]
    case "groups": return engine.log.groups(of: rest.popFirst() ?? "")
    case "offsets":
      let (group, topic) = (rest.popFirst() ?? "", rest.popFirst() ?? "")
      return engine.log.groupOffsets(group, topic).map { "\($0.partition) \($0.offset)" }
    case "seek": return try seek(rest, engine)
    case "producer":
      let name = rest.popFirst() ?? ""
      let (epoch, next) = try servingLog { () throws(StorageError) in
        try engine.log.openProducer(name)
      }
      return ["\(epoch)", "\(next)"]
    case "backup":
      let target = rest.popFirst() ?? ""
      let report = try servingLog { () throws(StorageError) in
        try engine.log.backUp(to: target)
      }
      return [
        "\(report.commit)", "\(report.epoch)", "\(report.segmentCount)", "\(report.byteCount)",
      ]
    default: throw malformed(words)
    }
  }

  private static func malformed(_ words: [String]) -> ServiceError {
    ServiceError(.statement, "error: not an order for the log: \(words.joined(separator: " "))")
  }

  private static func alter(
    _ words: ArraySlice<String>, _ engine: Engine
  ) throws(ServiceError) -> [String] {
    var rest = words
    guard let topic = rest.popFirst() else { throw malformed(Array(words)) }
    var changes: [(inout TopicConfig) -> Void] = []
    while let key = rest.popFirst() {
      guard let value = rest.popFirst() else { throw malformed(Array(words)) }
      let number = Int64(value)
      guard number != nil || value == "none" || key == "cleanup" else {
        throw malformed(Array(words))
      }
      switch (key, value) {
      case ("retention-ms", _): changes.append { $0.retentionMs = number }
      case ("retention-bytes", _): changes.append { $0.retentionBytes = number }
      case ("cleanup", "delete"): changes.append { $0.cleanupPolicy = .delete }
      case ("cleanup", "compact"): changes.append { $0.cleanupPolicy = .compact }
      default: throw malformed(Array(words))
      }
    }
    try servingLog { () throws(StorageError) in
      try engine.log.alterTopic(topic) { config in
        for change in changes { change(&config) }
      }
    }
    return []
  }

  private static func seek(
    _ words: ArraySlice<String>, _ engine: Engine
  ) throws(ServiceError) -> [String] {
    var rest = words
    guard let group = rest.popFirst(), let topic = rest.popFirst(), rest.count % 2 == 0 else {
      throw malformed(Array(words))
    }
    var offsets: [GroupOffset] = []
    while let partition = rest.popFirst(), let offset = rest.popFirst() {
      guard let partition = Int(partition), let offset = Int64(offset), partition >= 0, offset >= 0
      else { throw malformed(Array(words)) }
      offsets.append(GroupOffset(topic: topic, partition: partition, offset: offset))
    }
    let transaction = LogTransaction(group: group, offsets: offsets)
    _ = try servingLog { () throws(StorageError) in try engine.log.commit(transaction) }
    return []
  }
}
