// Runs a script file under one configuration and says where it differs.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import Foundation
import HeadraceFoundations
import HeadraceFunctions
import HeadraceLogStorage
import HeadraceTopics
import HeadracePlanner
import HeadraceSimulation
import HeadraceSyntax
import HeadraceTestSupport

@testable import Headrace

/// One way to run every script.
struct ScriptConfiguration: Sendable {
  var name: String
  var sliceRows = 16_384
  /// Rows for which a slice takes several steps; 0: one.
  var epochRows = 0
  var workers = 2
  var withoutOptimizer = false
  /// Every statement is printed, and the printed text runs.
  var printsAndReparses = false
  /// The engine is closed and opened again after each block.
  var restartsAlways = false
  /// Of state that is read again, a query gets so many bytes at a time; nil: as many as usual.
  var restoreStepBytes: Int?
  /// That is read when a query has something to work on.
  var restoresOnDemand = false
  /// Rows go from stage to stage through topics.
  var exchangesThroughTopics = false
  /// Of so many epochs one is computed, undone, and computed again.
  var undoesEvery: Int?
  /// Seed by which state leaves memory before each slice; nil: it stays.
  var evicts: UInt64?
  /// How state leaves memory for files; nil: as memory fills.
  var spills: SpillTrial?
  /// Results of closed windows that come out with an epoch; nil: as many as usual.
  var closingRows: Int?
  /// nil: the embedded log; else a simulated broker.
  var broker: SimulatedStore?
  /// A Kafka cluster.
  var kafka: KafkaOptions?
  /// The script begins over the embedded log; after each block all is copied into a log of the other kind, and the
  /// script goes on there.
  var moves = false

  /// Engines over one simulated broker.
  struct SimulatedStore: Sendable {
    var engines = 1
    var seed: UInt64 = 1
    var faults = BrokerFaults.none
  }

  static let all: [ScriptConfiguration] = [
    ScriptConfiguration(name: "default"),
    ScriptConfiguration(name: "batch-1", sliceRows: 1),
    ScriptConfiguration(name: "batch-3", sliceRows: 3, workers: 1),
    ScriptConfiguration(name: "one-worker", workers: 1),
    ScriptConfiguration(name: "no-optimizer", withoutOptimizer: true),
    ScriptConfiguration(name: "print-reparse", printsAndReparses: true),
    ScriptConfiguration(name: "restart-each-step", restartsAlways: true),
    ScriptConfiguration(
      name: "restart-each-step-demand", restartsAlways: true, restoreStepBytes: 1,
      restoresOnDemand: true),
    ScriptConfiguration(name: "topic-exchange", sliceRows: 5, exchangesThroughTopics: true),
    ScriptConfiguration(
      name: "topic-steps", sliceRows: 2, epochRows: 7, exchangesThroughTopics: true),
    ScriptConfiguration(name: "steps-undo", sliceRows: 1, epochRows: 5, undoesEvery: 2, evicts: 3),
    ScriptConfiguration(name: "undo", sliceRows: 4, undoesEvery: 1),
    ScriptConfiguration(name: "undo-twice", undoesEvery: 2),
    ScriptConfiguration(name: "evict", sliceRows: 2, evicts: 1),
    ScriptConfiguration(name: "evict-undo", sliceRows: 3, undoesEvery: 2, evicts: 2),
    ScriptConfiguration(name: "spill", sliceRows: 2, spills: spilling(1)),
    ScriptConfiguration(
      name: "restart-each-step-spill", restartsAlways: true, restoreStepBytes: 1,
      spills: spilling(1)),
    ScriptConfiguration(name: "spill-undo", sliceRows: 3, undoesEvery: 2, spills: spilling(0.5)),
    ScriptConfiguration(
      name: "spill-gradually", sliceRows: 2, spills: spilling(0.7, fillsInPieces: true)),
    ScriptConfiguration(
      name: "spill-renew", sliceRows: 3, undoesEvery: 3,
      spills: spilling(0.3, fillsInPieces: true, renews: true)),
    ScriptConfiguration(name: "pieces", sliceRows: 7, closingRows: 2),
    ScriptConfiguration(
      name: "pieces-evict", sliceRows: 3, epochRows: 5, undoesEvery: 2, evicts: 4, closingRows: 2),
  ]

  private static func spilling(
    _ share: Double, fillsInPieces: Bool = false, renews: Bool = false
  ) -> SpillTrial {
    SpillTrial(share: share, memtableBytes: 512, fillsInPieces: fillsInPieces, renews: renews)
  }
}

struct ScriptDifference {
  var line: Int
  var expected: [String]
  var actual: [String]
}

final class ScriptRunner {
  private let file: ScriptFile
  private let configuration: ScriptConfiguration
  private var directory: String
  /// What `file` writes, and `$DIR` in a script.
  private let files: String
  /// Of this process so far.
  private static let runs = Monitor(0)
  private var engine: Engine?
  /// Of other processes over the same broker.
  private var others: [Engine] = []
  private var broker: SimulatedBroker?
  private var session: Session?
  private var looked: [String: Int64] = [:]
  private var clock: Int64 = 1_600_000_000_000
  private(set) var moves = 0

  init(_ file: ScriptFile, _ configuration: ScriptConfiguration) {
    self.file = file
    self.configuration = configuration
    // Short, as messages end where a line of the script becomes too long.
    let number = Self.runs.withLock { runs in
      runs += 1
      return runs
    }
    directory =
      NSTemporaryDirectory() + "slt-\(ProcessInfo.processInfo.processIdentifier)-\(number)"
    files = directory + "-files"
  }

  /// Differences, and what each block answered.
  func run() throws -> (differences: [ScriptDifference], answers: [Int: [String]]) {
    if file.isSkipped(configuration.name) {
      return ([], [:])
    }
    defer {
      if configuration.kafka != nil, let engine { KafkaScripts.removeTopics(engine) }
      for engine in [engine].compactMap({ $0 }) + others { try? engine.close() }
      try? FileManager.default.removeItem(atPath: directory)
      try? FileManager.default.removeItem(atPath: files)
    }
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    try open()
    var differences: [ScriptDifference] = []
    var answers: [Int: [String]] = [:]
    for (number, block) in file.blocks.enumerated() {
      // How many commits a row takes, EXPLAIN says only where other processes may have the next stage.
      let answer = try self.answer(block)?
        .map { $0.replacing(files, with: "$DIR").replacing(/\b\d+\.\d{3} m?s\b/, with: "(time)") }
        .filter { !$0.hasPrefix("commits until a row is out: ") }
      if let expected = block.expected, let answer {
        answers[number] = answer
        let isSame =
          answer == expected || isSameOnKafka(answer, expected)
          || rowOrderIsChance(block) && answer.sorted() == expected.sorted()
        if !isSame, try !isExplained(block) {
          differences.append(
            ScriptDifference(line: block.line, expected: expected, actual: answer))
        }
      } else if let answer, !answer.isEmpty {
        answers[number] = answer
        differences.append(
          ScriptDifference(line: block.line, expected: [], actual: answer))
      }
      if configuration.restartsAlways { try reopen() }
      if configuration.moves { try move() }
    }
    snapshots = try storeSnapshots()
    if broker != nil, !differences.isEmpty {
      let failures = ([engine].compactMap { $0 } + others).flatMap(\.queryFailures)
      differences[0].actual += failures.map { "failed: \($0)" }
    }
    return (differences, answers)
  }

  /// At the end, by query, store and partition: its records, sorted.
  private(set) var snapshots: [String: [String]] = [:]

  private func storeSnapshots() throws -> [String: [String]] {
    try drive()
    return try engine.map { try Self.snapshots($0) } ?? [:]
  }

  static func snapshots(_ engine: Engine) throws -> [String: [String]] {
    var result: [String: [String]] = [:]
    for query in engine.queries {
      guard let runtime = query.runtime else { continue }
      for store in runtime.stores {
        for partition in runtime.partitions(ofStore: store.name) {
          var lines: [String] = []
          try runtime.snapshot(store: store.name, partition: partition) { records in
            lines += DeliveryReplay.lines(records)
          }
          result["\(query.id) \(store.name)/\(partition)"] = lines.sorted()
        }
      }
    }
    return result
  }

  private var engineOptions: EngineOptions {
    var options = EngineOptions(directory: directory)
    options.restoresOnDemand = configuration.restoresOnDemand
    if let bytes = configuration.restoreStepBytes { options.restoreStepBytes = bytes }
    options.durability = .os
    (options.sliceRows, options.epochRows) = (configuration.sliceRows, configuration.epochRows)
    options.workers = configuration.workers
    options.undoesEvery = configuration.undoesEvery
    options.stateStores = configuration.evicts.map { EvictingStores(seed: $0) }
    options.spillTrial = configuration.spills
    options.spillsInline = configuration.spills != nil
    if let rows = configuration.closingRows { options.closingRows = rows }
    if configuration.exchangesThroughTopics { options.exchange = .topics }
    if configuration.withoutOptimizer {
      options.disabledRules = Set(
        texts: Optimizer.rules.map(\.name) + [PhysicalPlanner.aggregatesInParts])
    }
    let now = clock
    options.clock = { now }
    return options
  }

  private func open() throws {
    var options = engineOptions
    broker?.others = nil
    options.kafka = configuration.kafka
    let engine: Engine
    if let store = configuration.broker, !configuration.moves || broker != nil {
      let broker = self.broker ?? SimulatedBroker(seed: store.seed, faults: store.faults)
      self.broker = broker
      var engines: [Engine] = []
      for number in 0..<store.engines {
        engines.append(
          try Engine.open(
            over: SimulatedTopics(
              broker, member: "engine-\(number)", hasTotalOrder: store.engines == 1),
            cached(options, number)))
      }
      engine = engines[0]
      others = Array(engines.dropFirst())
      broker.others = { [unowned self] member in self.goOn(beside: member) }
    } else {
      engine = try Engine.open(options)
    }
    self.engine = engine
    let session = Session(engine: engine)
    session.endsAtIdle = true
    self.session = session
  }

  private func reopen() throws {
    try drive()
    noteCached([engine].compactMap { $0 } + others)
    for engine in [engine].compactMap({ $0 }) + others { try engine.close() }
    try open()
  }

  /// What the queries have not read yet they read over the other log; but what a broker has of their exchanges has to be
  /// read before.
  private func move() throws {
    if broker != nil { try drive() }
    try engine?.close()
    moves += 1
    let from: any TopicStore
    let to: any TopicStore
    if let left = broker {
      from = SimulatedTopics(left, member: "engine-0", hasTotalOrder: true)
      try? FileManager.default.removeItem(atPath: directory)
      to = try LogStore.open(directory: directory, durability: .os)
      broker = nil
    } else {
      from = try LogStore.open(directory: directory, durability: .os)
      let seed = (configuration.broker?.seed ?? 0) + UInt64(moves)
      let next = SimulatedBroker(seed: seed, faults: configuration.broker?.faults ?? .none)
      to = SimulatedTopics(next, member: "engine-0", hasTotalOrder: true)
      broker = next
    }
    // Where the script has looked up to moves as a consumer does.
    let places = looked.map { place, offset in
      let parts = place.split(separator: "/")
      return GroupOffset(topic: String(parts[0]), partition: Int(parts[1]) ?? 0, offset: offset)
    }
    try from.commit(TopicAppend(group: "looked", offsets: places))
    _ = try LogCopy(from: from, to: to, options: engineOptions).run()
    looked = [:]
    for topic in Set(texts: places.map(\.topic)) {
      for place in to.groupOffsets("looked", topic.text) {
        looked["\(topic.text)/\(place.partition)"] = place.offset
      }
    }
    try from.close()
    try to.close()
    try open()
  }

  /// Runs the epochs of all engines until none has anything to do.
  private func drive() throws {
    guard let broker else { return try engine?.runUntilIdle() ?? () }
    var idleRounds = 0
    var rounds = 0
    while idleRounds < 2 {
      broker.maybeRebalance()
      var hasWorked = try killSome(broker)
      for engine in [engine].compactMap({ $0 }) + others where try engine.step() {
        hasWorked = true
      }
      broker.tick()
      if let besideFailure { throw SimulationFailure.beside(besideFailure) }
      // What a transaction that hangs has written hides what others have written behind it.
      if broker.hasHanging { hasWorked = true }
      idleRounds = hasWorked ? 0 : idleRounds + 1
      rounds += 1
      guard rounds < Self.roundsMax else { throw SimulationFailure.endless }
    }
  }

  /// While one engine commits, the partitions are dealt out anew and the others go on.
  private func goOn(beside member: String) {
    guard !isBeside else { return }
    isBeside = true
    defer { isBeside = false }
    broker?.rebalance()
    let all = [engine].compactMap { $0 } + others
    for (place, engine) in all.enumerated() where "engine-\(place)" != member {
      do { _ = try engine.step() } catch { besideFailure = "\(error)" }
    }
  }

  private var isBeside = false
  private var besideFailure: String?

  /// Other processes die, and new ones take their places; what is left of the old ones must not get through.
  private func killSome(_ broker: SimulatedBroker) throws -> Bool {
    var hasKilled = false
    for place in others.indices where broker.kills("engine-\(place + 1)") {
      let zombie = others[place]
      noteCached([zombie])
      others[place] = try Engine.open(
        over: SimulatedTopics(broker, member: "engine-\(place + 1)"),
        cached(zombie.options, place + 1))
      do {
        let before = broker.committed
        _ = try zombie.step()
        if broker.committed != before { throw SimulationFailure.zombie }
      } catch EngineError.storage(let fault) {
        guard fault.kind == .fenced else { throw fault }
      }
      try zombie.close()
      hasKilled = true
    }
    return hasKilled
  }

  /// The disks of the processes, which outlive them.
  private var disks: [Int: SimulatedFileSystem] = [:]
  private var cachedRecords = 0

  private func noteCached(_ engines: [Engine]) {
    cachedRecords += engines.reduce(0) { $0 + $1.cachedRecords }
  }

  /// With what the process of before has kept of its state, as the broker's seed would have it: some of it, damaged, or
  /// on a disk that fails.
  private func cached(_ options: EngineOptions, _ number: Int) -> EngineOptions {
    guard let seed = configuration.broker?.seed, !configuration.moves else { return options }
    let disk = disks[number] ?? SimulatedFileSystem(seed: seed &+ UInt64(number))
    disks[number] = disk
    var random = SplitMix(state: seed &* 31 &+ UInt64(number + disk.callCount))
    disk.clearFaults()
    func chance(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    let loss = PowerLoss.allCases[chance(PowerLoss.allCases.count)]
    if chance(4) == 0 { disk.restart(loss) } else { disk.killProcess() }
    let names = (try? disk.list(Self.cacheFolder)) ?? []
    if chance(5) == 0, let name = names.first {
      disk.flip("\(Self.cacheFolder)/\(name)", at: chance(200), mask: 1)
    }
    if chance(5) == 0 { disk.failCall(after: chance(60)) }
    var options = options
    options.stateCache = StateCache(disk, directory: Self.cacheFolder, changesMin: 3)
    return options
  }

  private static let cacheFolder = "state"
  private static let roundsMax = 20_000

  /// Without ORDER BY, rows of several tasks come as their slices end, which depends on what has come when; with several
  /// engines so do records.
  private func rowOrderIsChance(_ block: ScriptBlock) -> Bool {
    guard configuration.kafka == nil else { return block.directive == "query" }
    guard let broker = configuration.broker else { return false }
    if broker.engines > 1 { return true }
    return broker.faults.nothingYet > 0 && block.directive == "query"
      && !block.input.contains { $0.contains("ORDER BY") }
  }

  /// librdkafka cannot write a time of 0: it is 1 there.
  private func isSameOnKafka(_ answer: [String], _ expected: [String]) -> Bool {
    guard configuration.kafka != nil else { return false }
    func shifted(_ lines: [String]) -> [String] {
      lines.map { line in
        let line = line.hasPrefix("@0 ") ? "@1 " + line.dropFirst(3) : line
        return line.replacing(" [0,0]", with: " [1,1]").replacing(" [0,", with: " [1,")
      }
    }
    return shifted(answer).sorted() == shifted(expected).sorted()
  }

  var faultsSeen: [TextKey: Int] {
    (broker?.faultsSeen ?? [:]).merging(["cached state": cachedRecords]) { $1 }
  }

  /// Answers that differed, and whose difference is the order in which an exchange delivered.
  private(set) var explained = 0

  /// With several engines: what the block shows stands behind an exchange, and every query with one has written what the
  /// delivered rows give.
  private func isExplained(_ block: ScriptBlock) throws -> Bool {
    guard let engine, configuration.broker?.engines ?? 1 > 1 else { return false }
    guard block.directive == "changes" || block.directive == "query" else { return false }
    var hasExchange = false
    for query in engine.queries {
      guard let differences = try DeliveryReplay(engine: engine).differences(query) else {
        continue
      }
      hasExchange = true
      guard differences.isEmpty else {
        throw SimulationFailure.notDelivered(query.id, differences)
      }
    }
    if hasExchange { explained += 1 }
    return hasExchange
  }

  enum SimulationFailure: Error {
    case endless
    /// An engine has failed while another one committed.
    case beside(String)
    /// A process that was replaced has committed.
    case zombie
    /// A query has written something else than its input gives.
    case notDelivered(String, [String])
  }

  /// nil: the block answers nothing.
  private func answer(_ block: ScriptBlock) throws -> [String]? {
    switch block.directive {
    case "statement": return statement(block)
    case "query":
      if broker != nil || configuration.kafka != nil { try drive() }
      return query(block)
    case "produce": return try produce(block)
    case "changes": return try changes(block)
    case "explain": return explain(block)
    case "restart":
      try reopen()
      return nil
    case "skip-config": return nil
    case "file":
      try (block.input.joined(separator: "\n") + "\n").write(
        toFile: files + "/" + (block.words.first ?? ""), atomically: true, encoding: .utf8)
      return nil
    case "session":
      session?.workingDirectory = block.words.contains("remote") ? files : nil
      session?.roots = block.words.contains("rooted") ? [files] : nil
      return nil
    case "submit": return submit(block)
    default: return ["unknown directive \(block.directive)"]
    }
  }

  private func text(_ block: ScriptBlock) -> String {
    let sql = block.input.joined(separator: "\n")
    guard configuration.printsAndReparses, block.directive != "explain",
      block.words.first != "error",
      let statement = try? Parser.parse(statement: SourceText(name: "slt", sql))
    else { return sql }
    return Printer.print(statement) + ";"
  }

  /// The statements that have not failed, in order.
  private(set) var succeeded: [SourceText] = []

  private func run(_ sql: String) -> (result: CollectedResult, error: String?) {
    let result = CollectedResult()
    guard let session else { return (result, "no session") }
    do throws(EngineError) {
      let source = source(text: sql)
      try session.execute(statement: source, result)
      succeeded.append(source)
      return (result, nil)
    } catch {
      return (result, "\(error)")
    }
  }

  /// `{{TEXT|N}}` stands for N times TEXT, where `\n` is a line end; `{{0xFF}}` for a byte.
  private func source(text: String) -> SourceText {
    var bytes: [UInt8] = []
    var rest = text.replacing("$DIR", with: files)[...]
    while let start = rest.firstRange(of: "{{"), let end = rest.firstRange(of: "}}") {
      bytes += rest[..<start.lowerBound].utf8
      let body = rest[start.upperBound..<end.lowerBound]
      let parts = body.split(separator: "|")
      if body.hasPrefix("0x"), let byte = UInt8(body.dropFirst(2), radix: 16) {
        bytes.append(byte)
      } else if parts.count == 2, let count = Int(parts[1]) {
        let unit = Array(parts[0].replacing("\\n", with: "\n").utf8)
        for _ in 0..<count { bytes += unit }
      }
      rest = rest[end.upperBound...]
    }
    return SourceText(name: file.name, text: bytes + rest.utf8)
  }

  /// Checks the text as a submitted file is checked, statement by statement.
  private func submit(_ block: ScriptBlock) -> [String]? {
    guard let session else { return ["no session"] }
    let source = source(text: block.input.joined(separator: "\n"))
    do throws(EngineError) {
      try session.validate(Parser.split(source).statements.map { source.part($0) })
      return ["no error"]
    } catch {
      return "\(error)".split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.isEmpty ? "." : String($0) }
    }
  }

  private func statement(_ block: ScriptBlock) -> [String]? {
    let (_, error) = run(text(block))
    if configuration.kafka != nil { try? engine?.runUntilIdle() }
    if block.words.first == "error" {
      return (error ?? "no error").split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.isEmpty ? "." : String($0) }
    }
    return error.map { ["unexpected error: \($0)"] }
  }

  private func query(_ block: ScriptBlock) -> [String]? {
    let (result, error) = run(text(block))
    if let error { return ["unexpected error: \(error)"] }
    var rows = result.rows.map { row in
      zip(row.values, result.columns).map { value, column in
        value.isNull ? "NULL" : HeadraceFunctions.text(of: value, column.type)
      }.joined(separator: " | ") + (row.change == .delete ? " (deleted)" : "")
    }
    if block.words.contains("rowsort") || rowOrderIsChance(block) { rows.sort() }
    return rows
  }

  private func explain(_ block: ScriptBlock) -> [String]? {
    let stage = block.words.first ?? "physical"
    let (result, error) = run("EXPLAIN \(stage.uppercased()) " + text(block))
    if let error { return ["unexpected error: \(error)"] }
    let lines = result.rows.compactMap { $0.values.first?.stringValue }
    let rules = lines.last { $0.hasPrefix("rules: ") } ?? ""
    for word in block.words.dropFirst() {
      let parts = word.split(separator: "=").map(String.init)
      guard parts.count == 2, !configuration.withoutOptimizer else { continue }
      if (parts[0] == "expect") != rules.contains(parts[1]) {
        return ["rule \(parts[1]): \(rules)"]
      }
    }
    return configuration.withoutOptimizer ? block.expected ?? lines : lines
  }

  private func source(_ name: String) -> SourceDefinition? {
    engine?.sources.first { $0.name == name.uppercased() || $0.name == name }
  }

  private func produce(_ block: ScriptBlock) throws -> [String]? {
    guard let source = source(block.words.first ?? ""), let engine else {
      return ["unknown source"]
    }
    for line in block.input {
      let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
      guard parts.count == 3, parts[0].hasPrefix("@"), let time = Int64(parts[0].dropFirst())
      else { return ["a line must be `@TIME KEY VALUE`: \(line)"] }
      let key = parts[1] == "-" ? nil : try ScriptRecords(source, .key).bytes(parts[1])
      let value = parts[2] == "null" ? nil : try ScriptRecords(source, .value).bytes(parts[2])
      var records = RawRecords(buffer: ByteBuffer(capacity: 64))
      records.append(key: key, value: value, timestamp: time)
      let partition = Partitioner.partition(
        key: records.key(0), inputPartition: 0, partitionCount: source.partitions)
      _ = try engine.log.append(source.topic, [(partition, records)])
    }
    return nil
  }

  private func changes(_ block: ScriptBlock) throws -> [String]? {
    guard let source = source(block.words.first ?? ""), let engine else {
      return ["unknown source"]
    }
    try drive()
    var lines: [String] = []
    for partition in 0..<source.partitions {
      let place = "\(source.topic)/\(partition)"
      // A cluster answers a commit before its readers see all of it.
      let end =
        configuration.kafka == nil ? nil : try engine.log.writtenEnd(source.topic, partition)
      var scan = try PartitionScan(
        engine.log, source.topic, partition, from: looked[place] ?? 0, to: end)
      while let records = try scan.next() {
        for row in 0..<records.count { lines.append(shown(records, row, source)) }
      }
      looked[place] = scan.offset
    }
    return block.words.contains("rowsort") ? lines.sorted() : lines
  }

  private func shown(_ records: RawRecords, _ row: Int, _ source: SourceDefinition) -> String {
    var key = records.key(row).map { Array($0) }
    var window = ""
    if let bytes = key, let kind = source.window?.kind, bytes.count >= 8 {
      func long(_ at: Int) -> Int64 { bytes[at..<at + 8].reduce(0) { $0 << 8 | Int64($1) } }
      let start = long(bytes.count - 8)
      if kind == .session {
        window = " [\(start),\(long(bytes.count - 16))]"
        key = Array(bytes.dropLast(16))
      } else {
        window = " [\(start),\(start + (source.window?.sizeMs ?? 0)))"
        key = Array(bytes.dropLast(8))
      }
    }
    let value = records.value(row).map { ScriptRecords(source, .value).text($0) } ?? "null"
    let shownKey = key?.withUnsafeBytes { ScriptRecords(source, .key).text($0) } ?? "-"
    return "@\(records.timestamps[row]) \(shownKey)\(window) \(value)"
  }
}
