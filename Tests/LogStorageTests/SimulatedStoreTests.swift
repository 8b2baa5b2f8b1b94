// The store on a simulated disk against a plain model: random commits, power cuts at any call,
// failing calls, full disks, flipped bits. What was acknowledged must be there, what is there must
// be a prefix of what was asked for, and it must come whole.

import HeadraceSimulation
import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

/// What a store should hold: everything by value.
struct ModelStore: Equatable {
  /// By topic, then partition.
  var topics: [String: [[String]]] = [:]
  var starts: [String: [Int64]] = [:]
  var metadata: [[UInt8]: [UInt8]] = [:]
  var commit: Int64 = 0
}

/// One random commit, applied to a store and to the model alike.
enum Step {
  case append(String, [(Int, [String])])
  case epoch(EpochCommit, [(String, Int, [String])])
  case create(String, Int)
  case delete(String)
  case truncate(String, Int, Int64)
  case checkpoint

  static func random(_ model: ModelStore, _ number: Int, _ random: inout SeededGenerator) -> Step {
    let names = model.topics.keys.sorted()
    guard let name = names.randomElement(using: &random) else { return .create("t\(number)", 2) }
    let partition = Int.random(in: 0..<2, using: &random)
    func texts() -> [String] {
      let size = Int.random(in: 0..<20, using: &random) == 0 ? 3000 : 12
      return (0..<Int.random(in: 1...4, using: &random)).map { index in
        "\(number).\(index)." + String(repeating: "x", count: size)
      }
    }
    switch Int.random(in: 0..<20, using: &random) {
    case 0: return .create("t\(number)", 2)
    case 1: return names.count > 1 ? .delete(name) : .checkpoint
    case 2:
      let end = model.topics[name]?[partition].count ?? 0
      return .truncate(name, partition, Int64(Int.random(in: 0...end, using: &random)))
    case 3: return .checkpoint
    case 4..<12: return .append(name, [(partition, texts()), (1 - partition, texts())])
    default:
      let outputs = names.prefix(3).map { ($0, partition, texts()) }
      var commit = EpochCommit(epoch: Int64(number))
      commit.outputs = outputs.map {
        EpochCommit.Output(topic: $0.0, partition: $0.1, records: records($0.2))
      }
      let key = [UInt8.random(in: 0..<8, using: &random)]
      let value = Bool.random(using: &random) ? Array("\(number)".utf8) : nil
      commit.metadata = [.init(key: key, value: value)]
      return .epoch(commit, outputs)
    }
  }

  func apply(to model: inout ModelStore) {
    if case .checkpoint = self { return }
    model.commit += 1
    switch self {
    case .append(let topic, let parts):
      for (partition, texts) in parts { model.topics[topic]?[partition] += texts }
    case .epoch(let commit, let outputs):
      for (topic, partition, texts) in outputs { model.topics[topic]?[partition] += texts }
      for change in commit.metadata { model.metadata[change.key] = change.value }
    case .create(let topic, let count):
      model.topics[topic] = Array(repeating: [], count: count)
      model.starts[topic] = Array(repeating: 0, count: count)
    case .delete(let topic):
      model.topics[topic] = nil
      model.starts[topic] = nil
    case .truncate(let topic, let partition, let offset):
      let start = model.starts[topic]?[partition] ?? 0
      model.starts[topic]?[partition] = max(start, offset)
    case .checkpoint: break
    }
  }

  func apply(to store: LogStore) throws(StorageError) {
    switch self {
    case .append(let topic, let parts):
      try store.append(topic, parts.map { ($0.0, records($0.1)) })
    case .epoch(let commit, _): try store.commit(commit)
    case .create(let topic, let count):
      var config = TopicConfig()
      config.segmentBytes = 1024
      try store.createTopic(topic, partitions: count, config: config)
    case .delete(let topic): try store.deleteTopic(topic)
    case .truncate(let topic, let partition, let offset):
      try store.deleteRecords(topic: topic, partition: partition, before: offset)
    case .checkpoint: try store.checkpoint()
    }
  }
}

extension ModelStore {
  /// Reads a store into a model; sequences must grow with offsets.
  init(reading store: LogStore) throws {
    commit = store.lastCommit
    for (key, value) in store.metadata(prefix: []) { metadata[key] = value }
    for topic in store.topics() {
      var lists: [[String]] = []
      for (number, partition) in topic.partitions.enumerated() {
        var list = Array(repeating: "", count: Int(partition.startOffset))
        var sequence: Int64 = -1
        var offset = partition.startOffset
        while offset < partition.endOffset {
          let read = try store.read(topic.name, number, from: offset, maxBytes: 4096)
          list += values(read.records)
          for (index, found) in read.records.sequences.enumerated() {
            #expect(found > sequence && read.records.offsets[index] == offset + Int64(index))
            sequence = found
          }
          offset = read.nextOffset
        }
        lists.append(list)
      }
      topics[topic.name] = lists
      starts[topic.name] = topic.partitions.map(\.startOffset)
    }
  }

  /// As a reader sees it: what is before the start is not known.
  var visible: ModelStore {
    var copy = self
    for (topic, lists) in topics {
      for (number, _) in lists.enumerated() {
        for index in 0..<Int(starts[topic]?[number] ?? 0) {
          copy.topics[topic]?[number][index] = ""
        }
      }
    }
    return copy
  }
}

@Suite struct SimulatedStoreTests {
  static func options(_ random: inout SeededGenerator) -> LogStoreOptions {
    var options = LogStoreOptions()
    options.syncThreads = 1
    options.checkpointsInBackground = false
    options.journalGrowthBytes = 16 << 10
    options.checkpointBytes = [4 << 10, 16 << 10, 1 << 20].randomElement(using: &random) ?? 0
    options.inPlaceBytes = [0, 200, 4 << 20].randomElement(using: &random) ?? 0
    return options
  }

  static func open(
    _ system: SimulatedFileSystem, _ options: LogStoreOptions, _ durability: Durability = .disk
  ) throws(StorageError) -> LogStore {
    try LogStore.open(
      directory: "/data", fileSystem: system, durability: durability, options: options)
  }

  /// Applies steps until one fails; returns the model of what was acknowledged, and that with the
  /// step that failed, which may or may not have been committed.
  static func run(
    _ store: LogStore, _ start: ModelStore, steps: Int, _ random: inout SeededGenerator
  ) -> (acknowledged: ModelStore, attempted: ModelStore) {
    var model = start
    for number in 0..<steps {
      let step = Step.random(model, Int(model.commit) * 100 + number, &random)
      var next = model
      step.apply(to: &next)
      do throws(StorageError) {
        try step.apply(to: store)
        model = next
      } catch {
        return (model, next)
      }
    }
    return (model, model)
  }

  /// Lives of one store, each ended by a power cut at a random call; `lives` of them in a row.
  @Test func powerCutsLoseNothingAcknowledged() throws {
    var cuts = 0
    for seed in 0..<120 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
      let system = SimulatedFileSystem(seed: seed)
      var model = ModelStore()
      var attempted = ModelStore()
      for life in 0..<8 {
        let options = Self.options(&random)
        system.crashCall(after: Int.random(in: 0..<120, using: &random))
        do throws(StorageError) {
          let store = try Self.open(system, options)
          let found = try ModelStore(asserting: store)
          #expect(
            found.visible == model.visible || found.visible == attempted.visible,
            "seed \(seed), life \(life)")
          (model, attempted) = Self.run(store, found, steps: 25, &random)
          if !system.isDown { try store.close() }
        } catch {
          #expect(error.kind == .io || error.kind == .poisoned, "seed \(seed): \(error)")
        }
        let loss = PowerLoss.allCases.randomElement(using: &random) ?? .dropAll
        if system.isDown { cuts += 1 }
        system.restart(loss)
        let store = try Self.open(system, options)
        let found = try ModelStore(reading: store)
        #expect(
          found.visible == model.visible || found.visible == attempted.visible,
          "seed \(seed), life \(life), \(loss)")
        #expect(try store.verify().damages.isEmpty)
        model = found
        attempted = found
        try store.close()
      }
    }
    #expect(cuts > 400)
  }
}

extension ModelStore {
  /// As `init(reading:)`, with errors of the store only.
  init(asserting store: LogStore) throws(StorageError) {
    do {
      self = try ModelStore(reading: store)
    } catch let error as StorageError {
      throw error
    } catch {
      throw StorageError(.invalidArgument, "\(error)")
    }
  }
}
