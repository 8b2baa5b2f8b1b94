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

  init(_ name: String, _ lines: Lines, isRestartable: Bool = true) {
    kind = ConnectorTraits(
      name, noun: "list",
      role: .input(
        .init(hasWholeRows: true, isPartitionedByKey: false, isRestartable: isRestartable)))
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
  let kind = ConnectorTraits("TARGET", noun: "target", role: .follower)
  let target: Target

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

  /// Also far behind what is kept in memory, and with records of several lines between.
  @Test func badLinesAreNumbered() throws {
    let path = NSTemporaryDirectory() + "headrace-lines-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var text = "k,v\n1,x\n\"1\",\"2\"\n"
    for number in 0..<200_000 { text += number % 50_000 == 49_999 ? "1,y\n" : "1,\(number)\n" }
    text += "1,z"
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    let (engine, session) = try open(SimulatedFileSystem(seed: 11))
    let result = CollectedResult()
    for statement in [
      "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      "COPY s FROM '\(path)';",
    ] {
      try session.execute(statement: SourceText(name: "test", statement), result)
    }
    let found = result.messages.filter { $0.hasPrefix("line ") }.map { $0.split(separator: ":")[0] }
    #expect(
      found == [2, 50_003, 100_003, 150_003, 200_003, 200_004].map { Substring("line \($0)") })
    #expect(result.messages.last == "Copied 199997 rows, 6 lines could not be read")
    try engine.close()
  }

  private func order(_ rows: [[Value]]) -> [String] { rows.map { "\($0)" }.sorted() }

  private func check(_ target: Target, _ engine: Engine, _ kind: String) throws {
    let content = target.content.withLock { $0 }
    let said = try values(engine, "s", before: content.positions).joined()
    let rows = content.rows.map { row in "{\"V\":\(row[1].integerValue ?? -1)}" }
    #expect(Set(rows).isSubset(of: Set(said)))
    #expect(kind == "TABLE" || rows.sorted() == said.sorted())
  }
}
