// Engines over a Kafka cluster: what scripts do not show.

import Foundation
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

@Suite(.serialized, .enabled(if: KafkaScripts.address != nil)) struct KafkaEngineTests {
  private let kafka: KafkaOptions

  init() { kafka = KafkaScripts.options(KafkaScripts.address ?? "") }

  private func open(
    share: String? = nil, service: Bool = true, directory: String? = nil,
    levels: FeatureLevels = .standard
  ) throws -> Engine {
    var options = EngineOptions()
    options.directory = directory
    options.levels = levels
    var kafka = kafka
    if let share { kafka.share = share }
    if !service { (kafka.service, kafka.share) = (nil, nil) }
    options.kafka = kafka
    return try Engine.open(options)
  }

  @discardableResult
  private func run(_ text: String, _ engine: Engine) throws -> [String] {
    let session = Session(engine: engine)
    session.endsAtIdle = true
    let result = CollectedResult()
    for statement in Session.statements(SourceText(name: "test", text)) {
      try session.execute(
        statement: SourceText(name: "test", text).part(statement), result)
    }
    return result.rows.map { row in
      zip(row.values, result.columns).map { HeadraceFunctions.text(of: $0, $1.type) }.joined(
        separator: "|")
    }
  }

  private static let counts = """
    CREATE STREAM s (k INT KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=4);
    CREATE TABLE t AS SELECT v, COUNT(*) AS n FROM s GROUP BY v;
    """

  private func insert(_ numbers: Range<Int>, _ engine: Engine) throws {
    let rows = numbers.map { "(\($0), 'v\($0 % 3)')" }.joined(separator: ", ")
    try run("INSERT INTO s VALUES \(rows);", engine)
  }

  /// Runs epochs until the table is as wanted, or for a while.
  private func expectTable(_ rows: [String], _ engines: [Engine]) throws {
    try awaitThat(engines) { try run("SELECT v, n FROM t;", engines[0]).sorted() == rows }
    for engine in engines { #expect(try run("SELECT v, n FROM t;", engine).sorted() == rows) }
  }

  private func awaitThat(_ engines: [Engine], _ holds: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      let worked = try engines.map { try $0.step() }.contains(true)
      if try !worked && holds() { return }
      if !worked { usleep(20_000) }
    }
    #expect(try holds())
  }

  /// Two processes with fixed shares; the exchange takes rows from one to the other, and both answer for the whole table.
  @Test func twoSharesAnswerForOneTable() throws {
    var engines = [try open(share: "0/2"), try open(share: "1/2")]
    defer {
      KafkaScripts.removeTopics(engines[0])
      for engine in engines { try? engine.close() }
    }
    try run(Self.counts, engines[0])
    try awaitThat(engines) { engines[1].queries.count == 1 }
    try insert(0..<30, engines[1])
    try expectTable(["v0|10", "v1|10", "v2|10"], engines)
    for engine in engines { #expect(try run("SHOW PROCESSES;", engine).count == 2) }
    // One is opened anew and goes on where it stood.
    try engines[1].close()
    engines[1] = try open(share: "1/2")
    try insert(30..<60, engines[0])
    try expectTable(["v0|20", "v1|20", "v2|20"], engines)
    // PAUSE is the service's, whoever is asked.
    let id = try #require(engines[0].queries.first?.id)
    try run("PAUSE \(id);", engines[0])
    try awaitThat(engines) { engines[1].queries.first?.state == .paused }
    try insert(60..<90, engines[0])
    try run("RESUME \(id);", engines[1])
    try expectTable(["v0|30", "v1|30", "v2|30"], engines)
  }

  /// An answer that waits for writes has what both processes make of them, and says whose task is behind when it has not.
  @Test func waitsForAllProcesses() throws {
    let engines = [try open(share: "0/2"), try open(share: "1/2")]
    defer {
      KafkaScripts.removeTopics(engines[0])
      for engine in engines { try? engine.close() }
    }
    try run(Self.counts, engines[0])
    try awaitThat(engines) { engines[1].queries.count == 1 }
    let other = Thread { [engine = engines[1]] in
      while !Thread.current.isCancelled {
        if (try? engine.step()) == nil { return }
        usleep(1000)
      }
    }
    other.start()
    defer { other.cancel() }
    for round in 1...5 {
      try insert((round - 1) * 30..<round * 30, engines[0])
      let rows = try run("SELECT v, n FROM t WAIT FOR WRITES TIMEOUT 30 SECONDS;", engines[0])
      #expect(rows.sorted() == (0..<3).map { "v\($0)|\(round * 10)" }, "round \(round)")
    }
    let explained = try run("EXPLAIN \(engines[0].queries[0].id);", engines[0])
    #expect(explained.last == "commits until a row is out: 2 (1 through topics between stages)")
    other.cancel()
    usleep(100_000)
    try insert(150..<180, engines[0])
    do {
      try run("SELECT v, n FROM t WAIT FOR WRITES TIMEOUT 1 SECOND;", engines[0])
      Issue.record("it does not wait for the process that stands still")
    } catch {
      #expect("\(error)".contains("error[wait-timeout]"), "\(error)")
    }
    let tasks = try run("DESCRIBE s EXTENDED;", engines[0]).filter { $0.hasPrefix("Task ") }
    #expect(tasks.count == 4 && tasks.allSatisfy { $0.contains("|share-") }, "\(tasks)")
    #expect(tasks.contains { !$0.hasSuffix("lag 0") && $0.contains("share-1") }, "\(tasks)")
  }

  /// A restart reads the state that the process has kept, and of the changelogs only what is behind it; without it, all.
  @Test func stateIsKept() throws {
    let directory = NSTemporaryDirectory() + "headrace-kept-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var engine = try open(directory: directory)
    defer {
      KafkaScripts.removeTopics(engine)
      try? engine.close()
    }
    try run(Self.counts, engine)
    func restart(_ inserted: Range<Int>, isKept: Bool) throws {
      try engine.close()
      if !isKept { try FileManager.default.removeItem(atPath: directory + "/state") }
      engine = try open(directory: directory)
      try awaitThat([engine]) { engine.queries[0].runtime != nil }
      // Times of the state, and a count for each value.
      #expect((engine.cachedRecords > 0) == isKept)
      #expect((engine.restoredRecords > 0) != isKept)
      try insert(inserted, engine)
      let count = inserted.upperBound / 3
      try expectTable((0..<3).map { "v\($0)|\(count)" }, [engine])
    }
    try insert(0..<30, engine)
    try expectTable(["v0|10", "v1|10", "v2|10"], [engine])
    try restart(30..<60, isKept: true)
    try restart(60..<90, isKept: false)
    try restart(90..<120, isKept: true)
    // A query of the same name and text that is made anew has nothing of the old one.
    let statement = Self.counts.split(separator: "\n")[1]
    try run("DROP TABLE t DELETE TOPIC;", engine)
    try run(String(statement), engine)
    try expectTable(["v0|40", "v1|40", "v2|40"], [engine])
    try restart(120..<150, isKept: true)
  }

  /// Processes of two versions: nothing is logged that one of them does not understand, and who meets such a thing stops.
  @Test func versionsOfAService() throws {
    let own = FeatureLevels.standard.own
    let newer = FeatureLevels(
      own: own + 1,
      features: [
        .init(level: own + 1, name: "DROP TABLE") { statement in
          if case .dropSource = statement { true } else { false }
        }
      ])
    var engines = [try open(share: "0/2", levels: newer), try open(share: "1/2")]
    defer {
      KafkaScripts.removeTopics(engines[0])
      for engine in engines { try? engine.close() }
    }
    try run(Self.counts, engines[0])
    do {
      try run("DROP TABLE t;", engines[0])
      Issue.record("share-1 does not know it")
    } catch {
      #expect("\(error)".contains("error[feature-level]"), "\(error)")
      #expect("\(error)".contains("share-1 has level \(own)"), "\(error)")
    }
    try engines[1].close()
    engines[1] = try open(share: "1/2", levels: newer)
    // What the other one has written of itself comes in a moment.
    try awaitThat([]) { (try? run("DROP TABLE t;", engines[0])) != nil }
    try awaitThat(engines) { engines[1].queries.isEmpty }
    try engines[1].close()
    do {
      engines[1] = try open(share: "1/2")
      Issue.record("an older version takes what it does not know")
    } catch {
      #expect("\(error)".contains("level \(own + 1)"), "\(error)")
    }
  }

  /// Processes that are started together hand in the same file: one of them is first, the others find all that it has done.
  @Test func oneFileOfThreeProcesses() throws {
    let engines = try (0..<3).map { try open(share: "\($0)/3") }
    defer {
      KafkaScripts.removeTopics(engines[0])
      for engine in engines { try? engine.close() }
    }
    for round in 0..<30 {
      let text = """
        CREATE STREAM s\(round) (k INT KEY, v STRING)
          WITH (KAFKA_TOPIC='s\(round)', VALUE_FORMAT='JSON', PARTITIONS=3);
        CREATE STREAM o\(round) AS SELECT * FROM s\(round);
        """
      let answers = Monitor<[String]>([])
      DispatchQueue.concurrentPerform(iterations: engines.count) { index in
        let submission = Submission(
          engines[index], name: "f\(round)", source: SourceText(name: "f.sql", text), roots: nil)
        let said: String
        do {
          let answer = try submission.run(CollectedResult())
          said = answer.error?.text ?? answer.state.rawValue
        } catch {
          said = "\(error)"
        }
        answers.withLock { $0.append(said) }
      }
      #expect(answers.withLock { $0 } == ["ok", "ok", "ok"])
    }
  }

  @Test func readExchangesAreDropped() throws {
    let engine = try open()
    defer {
      KafkaScripts.removeTopics(engine)
      try? engine.close()
    }
    try run(Self.counts, engine)
    try insert(0..<30, engine)
    try expectTable(["v0|10", "v1|10", "v2|10"], [engine])
    try engine.applyRetention()
    let topic = InternalTopics.exchange(ofQuery: engine.queries[0].id, stage: 0)
    let starts = try #require(try engine.log.topic(topic)).partitions
    #expect(starts.contains { $0.startOffset > 0 })
    #expect(starts.allSatisfy { $0.startOffset <= $0.endOffset })
    try insert(30..<60, engine)
    try expectTable(["v0|20", "v1|20", "v2|20"], [engine])
  }

  @Test(arguments: [
    (
      "CREATE STREAM f (v INT) WITH (FILE='/tmp/none.json', VALUE_FORMAT='JSON');", true,
      "input-of-service"
    ),
    ("CREATE STREAM o AS SELECT * FROM s;", false, "needs-service"),
    ("CREATE TABLE o AS SELECT v, COUNT(*) AS n FROM s GROUP BY v;", false, "needs-service"),
    ("INSERT INTO s VALUES (1, 'a');", false, "needs-service"),
    ("INSERT INTO s SELECT * FROM s;", false, "needs-service"),
    (
      "CREATE STREAM n (v INT) WITH (KAFKA_TOPIC='n', VALUE_FORMAT='JSON', PARTITIONS=1);", false,
      "needs-service"
    ),
  ])
  func isRefused(_ statement: String, _ withService: Bool, _ id: String) throws {
    let owner = try open(share: "0/2")
    defer {
      KafkaScripts.removeTopics(owner)
      try? owner.close()
    }
    let declaration =
      "CREATE STREAM s (k INT KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=4);"
    try run(declaration, owner)
    let engine = withService ? owner : try open(service: false)
    if !withService { try run(declaration, engine) }
    do throws(any Error) {
      try run(statement, engine)
      Issue.record("\(statement) was taken")
    } catch {
      #expect("\(error)".contains("error[\(id)]"), "\(error)")
    }
    if !withService { try engine.close() }
  }

  /// A topic that others delete or grow fails its query with the reason.
  @Test(arguments: [
    "topic s of S does not exist any more",
    "topic s has 6 partitions now and had 4 when source S was declared",
  ])
  func whatBecomesOfATopicIsTold(_ says: String) throws {
    let engine = try open()
    defer {
      KafkaScripts.removeTopics(engine)
      try? engine.close()
    }
    try run(Self.counts, engine)
    try insert(0..<3, engine)
    try expectTable(["v0|1", "v1|1", "v2|1"], [engine])
    if says.contains("6 partitions") {
      try engine.log.growTopic("s", partitions: 6)
      for count in [6, 3] {
        #expect(throws: StorageError.self) { try engine.log.growTopic("s", partitions: count) }
      }
    } else {
      var commit = EpochCommit(epoch: 0)
      commit.topicsDeleted = ["s"]
      try engine.log.commit(commit)
    }
    let deadline = ContinuousClock.now + .seconds(20)
    while engine.queryFailures.isEmpty, ContinuousClock.now < deadline {
      try engine.step()
      usleep(100_000)
    }
    #expect(engine.queryFailures.first?.contains(says) ?? false)
  }
}
