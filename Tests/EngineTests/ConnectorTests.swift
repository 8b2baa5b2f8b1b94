// Connectors by the protocols that FILE and SQLITE fill: an input and a target in memory, which are registered here only.
// What an input gave is in the log once, whatever is stopped when; what a target holds is at all times what its topic said
// up to the positions that it keeps.

import Foundation
import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceLogStorage
import HeadracePlanner
import HeadraceSimulation
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

/// Lines of JSON by number, in partitions; a line's offset is its number.
private final class Lines: Sendable {
  let lines = Monitor<[[String]]>([[], []])
  /// Reads that are refused.
  let refuses = Monitor(false)

  func add(_ count: Int) {
    lines.withLock { lines in
      for _ in 0..<count {
        let number = lines[0].count + lines[1].count
        lines[number % 2].append("{\"K\":\(number % 5),\"V\":\(number)}")
      }
    }
  }
}

private struct LinesConnector: InputConnector {
  let kind: ConnectorTraits
  let lines: Lines

  init(
    _ name: String, _ lines: Lines, isRestartable: Bool = true,
    options: [ConnectorTraits.Option] = []
  ) {
    kind = ConnectorTraits(
      name, noun: "list",
      role: .input(
        .init(hasWholeRows: true, isPartitionedByKey: false, isRestartable: isRestartable)),
      options: options)
    self.lines = lines
  }

  func partitions(_ spec: ConnectorSpec, _ context: ConnectorContext) -> Int { 2 }

  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure) -> Int { 2 }

  func open(
    _ source: SourceDefinition, partition: Int, _ context: ConnectorContext
  ) throws(QueryFailure) -> any ConnectorReader {
    LinesReader(lines, partition)
  }
}

private final class LinesReader: ConnectorReader {
  private let lines: Lines
  private let partition: Int

  init(_ lines: Lines, _ partition: Int) {
    self.lines = lines
    self.partition = partition
  }

  private func lines(before offset: Int64) -> [String] {
    lines.lines.withLock { Array($0[partition].prefix(Int(offset))) }
  }

  var end: Int64 { Int64(lines.lines.withLock { $0[partition].count }) }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    if lines.refuses.withLock({ $0 }) { throw StorageError(.io, "the list is refused") }
    let next = min(end, offset + 3)
    guard offset < next else { return .end }
    let buffer = ByteBuffer(capacity: 1024)
    var records = RawRecords(buffer: buffer)
    for (index, line) in lines(before: next).enumerated().dropFirst(Int(offset)) {
      records.valueStart.append(Int32(buffer.count))
      records.valueLength.append(Int32(line.utf8.count))
      buffer.append(Array(line.utf8))
      records.offsets.append(Int64(index))
    }
    let count = records.offsets.count
    records.sequences = records.offsets
    records.keyStart = Array(repeating: 0, count: count)
    records.keyLength = Array(repeating: -1, count: count)
    records.timestamps = records.offsets
    return .records(records, next: next)
  }

  func mark(before offset: Int64) throws(StorageError) -> String? {
    "\(offset) \(lines(before: offset).joined())"
  }

  func change(since mark: String) throws(StorageError) -> InputChange? {
    guard let offset = mark.split(separator: " ").first.flatMap({ Int64($0) }) else { return nil }
    return try self.mark(before: offset) == mark
      ? nil : InputChange(place: "line \(offset)", reason: "it begins otherwise")
  }
}

/// What a target holds: rows and positions, which change together.
private final class Target: Sendable {
  struct Content: Sendable, Equatable {
    var rows: [[Value]] = []
    var positions: [Int: Int64] = [:]
    var topicID: Int64 = 0
  }

  let content = Monitor(Content())
  /// Calls until one fails; negative: none does.
  let faults = Monitor(-1)
}

private struct TargetConnector: FollowerConnector {
  let kind: ConnectorTraits
  let target: Target

  init(target: Target, name: String = "TARGET", options: [ConnectorTraits.Option] = []) {
    kind = ConnectorTraits(name, noun: "target", role: .follower, options: options)
    self.target = target
  }

  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure) {}

  func open(
    _ topic: FollowedTopic, _ spec: ConnectorSpec, _ context: ConnectorContext
  ) throws(QueryFailure) -> any ConnectorWriter {
    TargetWriter(target, topic)
  }
}

private final class TargetWriter: ConnectorWriter {
  private let target: Target
  private let topic: FollowedTopic
  private var open: Target.Content?

  init(_ target: Target, _ topic: FollowedTopic) {
    self.target = target
    self.topic = topic
  }

  private func call() throws(QueryFailure) {
    let left = target.faults.withLock { left -> Int in
      left -= 1
      return left
    }
    if left == 0 { throw QueryFailure("the target is full") }
  }

  func resume() throws(QueryFailure) -> [Int: SourcePosition] {
    try call()
    return target.content.withLock { content in
      if content.topicID != topic.id { content = Target.Content(topicID: topic.id) }
      return content.positions.mapValues { SourcePosition(offset: $0, major: .min) }
    }
  }

  func begin() throws(QueryFailure) {
    try call()
    open = target.content.withLock { $0 }
  }

  func write(_ batch: RecordBatch) throws(QueryFailure) {
    try call()
    for row in 0..<batch.count {
      let values = topic.columns.indices.map {
        batch.columns[$0].value(row, topic.columns[$0].type)
      }
      guard topic.source.kind == .table else {
        open?.rows.append(values)
        continue
      }
      open?.rows.removeAll { $0[0] == values[0] }
      if batch.kind(row) != .delete { open?.rows.append(values) }
    }
  }

  func commit(
    _ positions: [(partition: Int, position: SourcePosition)]
  ) throws(QueryFailure) {
    try call()
    for (partition, position) in positions { open?.positions[partition] = position.offset }
    if let open { target.content.withLock { $0 = open } }
    open = nil
  }

  func rollBack() { open = nil }
}

@Suite struct ConnectorTests {
  private func open(
    _ system: SimulatedFileSystem, _ connectors: any Connector..., undoesEvery: Int? = nil
  ) throws -> (Engine, Session) {
    var options = EngineOptions(directory: "/data")
    options.fileSystem = system
    // Nothing of a process that was killed goes on.
    options.logOptions.syncThreads = 1
    options.logOptions.checkpointsInBackground = false
    options.sliceRows = 4
    options.readBytes = 1
    options.undoesEvery = undoesEvery
    var registry = ConnectorRegistry.builtin
    for connector in connectors { registry = registry.adding(connector) }
    options.connectors = registry
    let engine = try Engine.open(options)
    return (engine, Session(engine: engine))
  }

  private func run(_ text: String, _ session: Session) throws -> [ResultRow] {
    let source = SourceText(name: "test", text)
    let result = CollectedResult()
    for range in Session.statements(source) {
      try session.execute(statement: source.part(range), result)
    }
    return result.rows
  }

  /// Values V of a topic, by partition.
  private func values(_ engine: Engine, _ topic: String, before ends: [Int: Int64]? = nil) throws
    -> [[String]]
  {
    try (0..<2).map { partition in
      var result: [String] = []
      var scan = try PartitionScan(
        engine.log, topic, partition, to: ends.map { $0[partition] ?? 0 })
      while let records = try scan.next() {
        for row in 0..<records.count {
          result.append(
            String(decoding: records.value(row) ?? .init(start: nil, count: 0), as: UTF8.self))
        }
      }
      return result
    }
  }

  /// Whatever is stopped, the sink holds what lies before the committed positions of the input: each line once, in order.
  @Test(arguments: [nil, 1, 3]) func inputsCommitWithTheEpoch(undoesEvery: Int?) throws {
    let lines = Lines()
    let system = SimulatedFileSystem(seed: 7)
    var (engine, session) = try open(
      system, LinesConnector("LINES", lines), undoesEvery: undoesEvery)
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (LINES='all', VALUE_FORMAT='JSON');"
        + "CREATE STREAM c WITH (KAFKA_TOPIC='c', PARTITIONS=2, VALUE_FORMAT='JSON') AS "
        + "SELECT k, v FROM s;"
        + "CREATE TABLE t WITH (VALUE_FORMAT='JSON') AS SELECT k, COUNT(*) AS n, SUM(v) AS v "
        + "FROM s GROUP BY k;", session)
    var steps = 0
    for round in 0..<6 {
      lines.add(11)
      for _ in 0..<round {
        steps += try engine.step() ? 1 : 0
        let read = engine.epochs.committedPositions("CSAS_C_0").values.reduce(0) { $0 + $1.offset }
        let written = try values(engine, "c").joined()
        #expect(Int64(written.count) == read)
        #expect(Set(written).count == written.count)
      }
      // The process dies; the engine is not closed.
      system.killProcess()
      (engine, session) = try open(
        system, LinesConnector("LINES", lines), undoesEvery: undoesEvery)
    }
    #expect(steps > 5)
    try engine.runUntilIdle()
    let written = try values(engine, "c").joined()
    #expect(Set(written) == Set((0..<66).map { "{\"V\":\($0)}" }) && written.count == 66)
    let table = try run("SELECT k, n, v FROM t;", session)
    let total = table.reduce(0) { $0 + ($1.values[1].integerValue ?? 0) }
    let sum = table.reduce(0) { $0 + ($1.values[2].integerValue ?? 0) }
    #expect(total == 66 && sum == 65 * 66 / 2)
    try engine.close()
  }

  @Test func aChangedInputFailsByName() throws {
    let lines = Lines()
    let system = SimulatedFileSystem(seed: 8)
    var (engine, session) = try open(system, LinesConnector("LINES", lines))
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (LINES='all', VALUE_FORMAT='JSON');"
        + "CREATE STREAM c WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON') AS SELECT k, v FROM s;",
      session)
    lines.add(4)
    try engine.runUntilIdle()
    try engine.close()
    lines.lines.withLock { $0[1][0] = "{\"K\":1,\"V\":100}" }
    (engine, session) = try open(system, LinesConnector("LINES", lines))
    let failure = engine.epochs.query("CSAS_C_0")?.failure?.message
    #expect(
      failure == "list \"all\" of stream S is not the one that the query has read up to line 2: "
        + "it begins otherwise")
    try engine.close()
  }

  @Test func whatCannotBeReadAgainFeedsNoQuery() throws {
    let lines = Lines()
    lines.add(4)
    let (engine, session) = try open(
      SimulatedFileSystem(seed: 9), LinesConnector("LINES", lines),
      LinesConnector("ONCE", lines, isRestartable: false))
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (ONCE='all', VALUE_FORMAT='JSON');", session)
    #expect(try run("SELECT v FROM s;", session).count == 4)
    func refusal(_ text: String) throws -> String {
      do {
        _ = try run(text, session)
        return ""
      } catch let error as EngineError {
        return "\(error)"
      }
    }
    func expect(_ text: String, says id: String) throws {
      #expect(try refusal(text).contains("error[\(id)]"), "\(text)")
    }
    try expect("CREATE STREAM c AS SELECT v FROM s;", says: "input-not-restartable")
    try expect(
      "CREATE STREAM d (v INT) WITH (ONCE='a', LINES='b', VALUE_FORMAT='JSON');",
      says: "conflicting-properties")
    try expect("INSERT INTO s VALUES (1, 2);", says: "file-source")
    #expect(try refusal("SELECT * FROM s AS OF OFFSET (1);").contains("is a list"))
    try engine.close()
  }

  /// What was allowed when a statement was given is not looked at again.
  @Test func aQueryOverAnInputGoesOn() throws {
    let lines = Lines()
    lines.add(4)
    let system = SimulatedFileSystem(seed: 12)
    var (engine, session) = try open(system, LinesConnector("LINES", lines))
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (LINES='all', VALUE_FORMAT='JSON');"
        + "CREATE STREAM c WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON') AS SELECT k, v FROM s;",
      session)
    try engine.close()
    (engine, session) = try open(system, LinesConnector("LINES", lines, isRestartable: false))
    try engine.runUntilIdle()
    #expect(try run("SELECT v FROM c;", session).count == 4)
    try engine.close()
  }

  /// Marks are those of the reader by which the query reads, whoever else reads the source.
  @Test func otherReadersLeaveTheMarks() throws {
    let lines = Lines()
    lines.add(4)
    let (engine, session) = try open(
      SimulatedFileSystem(seed: 13), LinesConnector("LINES", lines))
    func reader() -> AnyObject? { engine.epochs.inputs["S"]?[0] }
    let source = "CREATE STREAM s (k INT KEY, v INT) WITH (LINES='all', VALUE_FORMAT='JSON');"
    _ = try run(source, session)
    _ = try run("SELECT v FROM s;", session)
    #expect(reader() == nil)
    _ = try run("CREATE STREAM c WITH (VALUE_FORMAT='JSON') AS SELECT k, v FROM s;", session)
    let own = try #require(reader())
    _ = try run("SELECT v FROM s;", session)
    session.endsAtIdle = true
    _ = try run("SELECT v FROM s EMIT CHANGES;", session)
    #expect(reader() === own)
    _ = try run("DROP STREAM c; DROP STREAM s;", session)
    #expect(reader() == nil)
    _ = try run(source + "CREATE STREAM c AS SELECT k, v FROM s;", session)
    #expect(reader() != nil && reader() !== own)
    try engine.close()
  }

  /// An option belongs to every declared connector that has it, and to no other.
  @Test func optionsGoToTheirConnectors() throws {
    let option = ConnectorTraits.Option("EAGER", purpose: "lists and targets")
    let names = ConnectorTraits.Option("NAMES", isOfHeaders: true, purpose: "lines with names")
    let (engine, session) = try open(
      SimulatedFileSystem(seed: 14), LinesConnector("LINES", Lines(), options: [option, names]),
      TargetConnector(target: Target(), options: [option]),
      TargetConnector(target: Target(), name: "OTHER"))
    func refusal(_ with: String) throws -> String {
      do {
        _ = try run("CREATE STREAM x (v INT) WITH (VALUE_FORMAT='JSON', \(with));", session)
        return ""
      } catch let error as EngineError {
        return "\(error)"
      }
    }
    _ = try run(
      "CREATE STREAM a (v INT) WITH (LINES='l', VALUE_FORMAT='DELIMITED', EAGER=TRUE, NAMES=TRUE);"
        + "CREATE STREAM b (v INT) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON', TARGET='t', "
        + "OTHER='o', EAGER=TRUE);"
        + "CREATE STREAM c WITH (TARGET='t', EAGER=TRUE) AS SELECT * FROM b;", session)
    let sources = engine.catalog.sources
    #expect(sources["A"]?.input?.options == ["EAGER", "NAMES"])
    for name in ["B", "C"] {
      let followers = sources[name]?.followers ?? []
      #expect(followers.allSatisfy { $0.has("EAGER") == ($0.kind.name == "TARGET") })
      #expect(followers.contains { $0.has("EAGER") })
    }
    #expect(
      try refusal("KAFKA_TOPIC='x', OTHER='o', EAGER=TRUE").contains("EAGER is for lists"))
    #expect(try refusal("KAFKA_TOPIC='x', EAGER=TRUE").contains("EAGER is for lists"))
    #expect(try refusal("LINES='l', NAMES=TRUE").contains("NAMES is for lines"))
    #expect(
      try refusal("LINES='l', TARGET='t'").contains(
        "TARGET follows a topic, and a source over a LINES has none"))
    try engine.close()
  }

  /// What a target leaves out because it cannot be read is told, once.
  @Test func recordsThatATargetLeavesOutAreTold() throws {
    let target = Target()
    let system = SimulatedFileSystem(seed: 15)
    var (engine, session) = try open(system, TargetConnector(target: target))
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "TARGET='there');"
        + "CREATE STREAM raw (k INT KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
        + "INSERT INTO s VALUES (1, 1); INSERT INTO raw VALUES (2, 'two');"
        + "INSERT INTO s VALUES (3, 3);", session)
    for _ in 0..<2 {
      target.content.withLock { $0 = Target.Content() }
      while engine.advanceFollowers() {}
      #expect(target.content.withLock { $0.rows } == [[.int(1), .int(1)], [.int(3), .int(3)]])
      #expect(engine.badRecordCount() == 1)
      try engine.close()
      (engine, session) = try open(system, TargetConnector(target: target))
    }
    try engine.close()
  }

  /// A view that is fixed while the topic has fewer partitions than its reader knows.
  @Test func aPartitionThatIsNotThereHasEnded() throws {
    let (engine, _) = try open(SimulatedFileSystem(seed: 16))
    let view = EpochView(log: engine.log, ends: ["s": [4]])
    guard case .end = try view.read("s", 1, from: 0, maxBytes: 100) else {
      Issue.record("it goes on")
      return
    }
    try engine.close()
  }

  /// A SQLite file whose positions somebody has changed is made anew.
  @Test func aPositionOfNoPartition() throws {
    let path = NSTemporaryDirectory() + "headrace-positions-\(UUID().uuidString).db"
    defer {
      for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }
    }
    let system = SimulatedFileSystem(seed: 17)
    var (engine, session) = try open(system)
    _ = try run(
      "CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', "
        + "SQLITE='\(path)'); INSERT INTO t VALUES (1, 2);", session)
    while engine.advanceFollowers() {}
    try engine.close()
    try SQLiteFile(path, takesLinks: true).execute("UPDATE headrace_positions SET part = -1")
    (engine, session) = try open(system)
    while engine.advanceFollowers() {}
    #expect(engine.followerFailures.isEmpty)
    let rows = try SQLiteFile(path, takesLinks: true).prepare("SELECT * FROM T").run([])
    #expect(rows.count == 1)
    try engine.close()
  }

  /// Whatever fails or is stopped, a target is what its topic said up to its positions.
  @Test(arguments: ["STREAM", "TABLE"]) func targetsKeepTheirPositions(kind: String) throws {
    let target = Target()
    let system = SimulatedFileSystem(seed: 10)
    let key = kind == "TABLE" ? "PRIMARY KEY" : "KEY"
    var (engine, session) = try open(system, TargetConnector(target: target))
    _ = try run(
      "CREATE \(kind) s (k INT \(key), v INT) WITH (KAFKA_TOPIC='s', PARTITIONS=2, "
        + "VALUE_FORMAT='JSON', TARGET='there');", session)
    var expected: [[Value]] = []
    var failures = 0
    for round in 0..<30 {
      let rows = (0..<7).map { (Int32(($0 + round) % 5), Int32(round * 7 + $0)) }
      _ = try run(
        "INSERT INTO s VALUES \(rows.map { "(\($0.0), \($0.1))" }.joined(separator: ", "));",
        session)
      for row in rows {
        if kind == "TABLE" { expected.removeAll { $0[0] == .int(row.0) } }
        expected.append([.int(row.0), .int(row.1)])
      }
      target.faults.withLock { $0 = round % 7 }
      engine.advanceFollowers()
      failures += engine.followerFailures.count
      try check(target, engine, kind)
      guard round % 4 == 3 else { continue }
      system.killProcess()
      (engine, session) = try open(system, TargetConnector(target: target))
    }
    #expect(failures > 5)
    target.faults.withLock { $0 = -1 }
    while engine.advanceFollowers() {}
    #expect(engine.followerFailures.isEmpty)
    try check(target, engine, kind)
    #expect(order(target.content.withLock { $0.rows }) == order(expected))
    // For another topic of the name the target starts again.
    _ = try run("DROP \(kind) s DELETE TOPIC;", session)
    _ = try run(
      "CREATE \(kind) s (k INT \(key), v INT) WITH (KAFKA_TOPIC='s', PARTITIONS=2, "
        + "VALUE_FORMAT='JSON', TARGET='there'); INSERT INTO s VALUES (1, 2);", session)
    while engine.advanceFollowers() {}
    #expect(target.content.withLock { $0.rows } == [[.int(1), .int(2)]])
    try engine.close()
  }

  private func order(_ rows: [[Value]]) -> [String] { rows.map { "\($0)" }.sorted() }

  private func check(_ target: Target, _ engine: Engine, _ kind: String) throws {
    let content = target.content.withLock { $0 }
    let said = try values(engine, "s", before: content.positions).joined()
    let rows = content.rows.map { row in "{\"V\":\(row[1].integerValue ?? -1)}" }
    guard kind == "TABLE" else {
      #expect(rows.sorted() == said.sorted())
      return
    }
    // The fold of what the topic said.
    var fold: [[UInt8]: String] = [:]
    for partition in 0..<2 {
      var scan = try PartitionScan(
        engine.log, "s", partition, to: content.positions[partition] ?? 0)
      while let records = try scan.next() {
        for row in 0..<records.count {
          let key = try Array(#require(records.key(row)))
          fold[key] = records.value(row).map { String(decoding: $0, as: UTF8.self) }
        }
      }
    }
    #expect(rows.sorted() == fold.values.sorted())
  }
}
