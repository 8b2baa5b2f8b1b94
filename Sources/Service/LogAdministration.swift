// Orders for the keeper of the log, the same in this process and through the socket: words in,
// lines out.
//
// create TOPIC PARTITIONS (SETTING VALUE)...
// alter TOPIC (SETTING VALUE)...    settings as `TopicConfig.settingNames` has them
// retain                            drops what is older or more than its topic keeps
// compact [TOPIC]                   partitions, records removed, bytes before and after
// erase                             nothing that was dropped is left in the journal either
// groups TOPIC                      names of groups
// offsets GROUP TOPIC               "partition offset" a line
// seek GROUP TOPIC (PARTITION OFFSET)...
// producer NAME                     begins a life of a producer: its epoch, then its next number
// backup DIRECTORY                  commit, epoch, segments, bytes

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

enum LogAdministration {
  static func run(_ words: [String], _ engine: Engine) throws(ServiceError) -> [String] {
    var rest = words[...]
    switch rest.popFirst() {
    case "create": return try create(rest, engine)
    case "alter": return try alter(rest, engine)
    case "grow":
      guard let topic = rest.popFirst(), let partitions = rest.popFirst().flatMap({ Int($0) })
      else { throw malformed(words) }
      try servingLog { () throws(StorageError) in
        try engine.log.growTopic(topic, partitions: partitions)
      }
      return []
    case "compact":
      let topic = rest.popFirst()
      let report = try servingLog { () throws(StorageError) in
        let upkeep = try embedded(engine)
        let report = try upkeep.compact(topic: topic, now: engine.options.clock())
        // The old files go with the next checkpoint.
        try upkeep.checkpoint()
        return report
      }
      return [
        "\(report.partitionCount)", "\(report.recordsRemoved)", "\(report.bytesBefore)",
        "\(report.bytesAfter)",
      ]
    case "erase":
      try servingLog { () throws(StorageError) in try embedded(engine).eraseJournal() }
      return []
    case "retain":
      let dropped = try servingLog { () throws(StorageError) in
        try embedded(engine).applyRetention(now: engine.options.clock())
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
        try embedded(engine).backUp(to: target)
      }
      return [
        "\(report.commit)", "\(report.epoch)", "\(report.segmentCount)", "\(report.byteCount)",
        "\(report.firstEpoch)",
      ]
    default: throw malformed(words)
    }
  }

  /// Throws: `invalidArgument` where the topics are kept by others.
  private static func embedded(_ engine: Engine) throws(StorageError) -> any StoreUpkeep {
    guard let upkeep = engine.log.upkeep else {
      throw StorageError(.invalidArgument, "the topics are not kept in this data directory")
    }
    return upkeep
  }

  private static func malformed(_ words: [String]) -> ServiceError {
    ServiceError(.statement, "error: not an order for the log: \(words.joined(separator: " "))")
  }

  private static func create(
    _ words: ArraySlice<String>, _ engine: Engine
  ) throws(ServiceError) -> [String] {
    var rest = words
    guard let topic = rest.popFirst(), let partitions = rest.popFirst().flatMap({ Int($0) }) else {
      throw malformed(Array(words))
    }
    var config = TopicConfig()
    try set(rest, &config)
    try servingLog { () throws(StorageError) in
      _ = try engine.log.createTopic(topic, partitions: partitions, config: config)
    }
    return []
  }

  private static func alter(
    _ words: ArraySlice<String>, _ engine: Engine
  ) throws(ServiceError) -> [String] {
    var rest = words
    guard let topic = rest.popFirst() else { throw malformed(Array(words)) }
    // Once by itself, so that a value that does not fit is told before anything is changed.
    var trial = engine.log.outline(topic)?.config ?? TopicConfig()
    try set(rest, &trial)
    try servingLog { () throws(StorageError) in
      try engine.log.alterTopic(topic) { $0 = trial }
    }
    return []
  }

  private static func set(
    _ words: ArraySlice<String>, _ config: inout TopicConfig
  ) throws(ServiceError) {
    var rest = words
    var changed = config
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw malformed(Array(words)) }
      try servingLog { () throws(StorageError) in try changed.set(name, value) }
    }
    config = changed
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
    let transaction = TopicAppend(group: group, offsets: offsets)
    _ = try servingLog { () throws(StorageError) in try engine.log.commit(transaction) }
    return []
  }
}
