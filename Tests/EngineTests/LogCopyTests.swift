// Copies of logs: queries go on where they stood, whatever the kinds of the two logs and wherever a copy is killed; what
// cannot be copied is refused by name, and a copy that differs is found.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceSimulation
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct LogCopyTests {
  fileprivate static func copy(
    _ from: any TopicStore, _ to: any TopicStore, commitBytes: Int = 600
  ) throws -> LogCopyReport {
    let copy = LogCopy(from: from, to: to, options: CopyWorkload.options())
    copy.commitBytes = commitBytes
    return try copy.run()
  }

  private static func copy(_ from: LogPlace, _ to: LogPlace) throws -> LogCopyReport {
    try from.with { from in try to.with { to in try copy(from, to) } }
  }

  fileprivate static func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  fileprivate static func withEngine<Result>(
    _ place: LogPlace, _ body: (Engine) throws -> Result
  ) throws -> Result {
    let engine = try Engine.open(over: try place.open(), CopyWorkload.options())
    let result = Swift.Result { try body(engine) }
    try engine.close()
    return try result.get()
  }

  // MARK: - Queries go on

  /// The halted query catches up, and one more reads everything again.
  private static func end(_ engine: Engine) throws -> [String] {
    _ = try CopyWorkload.execute("RESUME CSAS_HALTED_5;", engine)
    try CopyWorkload.drive(engine)
    let errors = try engine.epochs.badRecords(of: nil).count
    _ = try CopyWorkload.execute("CREATE STREAM again AS SELECT id, ms FROM clicks;", engine)
    try CopyWorkload.drive(engine)
    // Bad records that were told before the copy are not told again.
    #expect(try engine.epochs.badRecords(of: nil).count == errors && errors > 5)
    return try CopyWorkload.outcome(engine) + CopyWorkload.lines("AGAIN", engine.log)
  }

  private static let ways: [[LogKind]] = [
    [.embedded, .broker, .embedded], [.broker, .embedded, .broker],
    [.embedded, .embedded, .embedded], [.broker, .broker, .broker],
  ]

  /// Runs one part of the input. `steps`: so many epochs; nil: all that there are, and so over a broker, whose exchanges
  /// have to be read before a copy.
  private static func run(part: Int, _ kind: LogKind, _ steps: Int?, _ engine: Engine) throws {
    try CopyWorkload.append(part: part, engine.log)
    guard let steps, kind == .embedded else { return try CopyWorkload.drive(engine) }
    for _ in 0..<steps { try engine.step() }
  }

  /// Each part of the input comes to another log. Beside it another engine takes the same steps and is never moved.
  @Test(arguments: ways, [nil, 0, 1, 5])
  func queriesGoOn(_ way: [LogKind], _ steps: Int?) throws {
    var place = LogPlace(way[0])
    try Self.withEngine(place) { try CopyWorkload.define($0) }
    for (part, kind) in way.enumerated() {
      if part > 0 {
        let next = LogPlace(kind, seed: UInt64(part))
        let report = try Self.copy(place, next)
        #expect(report.queries == 6 && report.records > 30 && report.statements == 8)
        let places = try Self.withEngine(place) { try CopyWorkload.places($0) }
        #expect(try Self.withEngine(next) { try CopyWorkload.places($0) } == places)
        #expect(steps == 0 || places.contains { $0.hasPrefix("CTAS_VISITS_1 clicks/") })
        place = next
      }
      try Self.withEngine(place) { try Self.run(part: part, kind, steps, $0) }
    }
    let outcome = try Self.withEngine(place) { engine in
      try CopyWorkload.drive(engine)
      return try Self.end(engine)
    }
    let unmoved = try Self.withEngine(LogPlace(.embedded)) { engine in
      try CopyWorkload.define(engine)
      for (part, kind) in way.enumerated() { try Self.run(part: part, kind, steps, engine) }
      try CopyWorkload.drive(engine)
      return try Self.end(engine)
    }
    #expect(outcome == unmoved)
  }

  /// Rows between two stages of a query are in no position of its inputs.
  @Test(arguments: LogKind.allCases)
  func rowsUnderWayAreRefused(_ kind: LogKind) throws {
    var refused = 0
    for steps in 1..<12 {
      let (source, target) = (LogPlace(.broker, seed: UInt64(steps)), LogPlace(kind))
      try Self.withEngine(source) { engine in
        try CopyWorkload.define(engine)
        try CopyWorkload.append(part: 0, engine.log)
        for _ in 0..<steps { try engine.step() }
      }
      let refusal = Self.refusal { _ = try Self.copy(source, target) }
      guard refusal != "no error" else { continue }
      refused += 1
      #expect(refusal.contains("error[log-copy-exchange]: query CTAS_BY_PAGE_0 has rows under way"))
      let isEmpty = try target.with {
        try $0.topics().isEmpty && $0.metadata(prefix: []).isEmpty
      }
      #expect(isEmpty)
      try Self.withEngine(source) { try CopyWorkload.drive($0) }
      _ = try Self.copy(source, target)
    }
    #expect(refused > 2)
  }

  // MARK: - Kills

  /// Topics with settings and records, and entries where no offset can differ.
  private static func content(_ place: LogPlace) throws -> [String] {
    try place.with { store in
      var lines: [String] = []
      for topic in try store.topics() where !topic.name.hasSuffix("-repartition") {
        lines.append("\(topic.name) \(topic.partitionCount) \(topic.config.settings)")
        lines += try CopyWorkload.lines(topic.name, store)
      }
      for (key, value) in store.metadata(prefix: []) {
        let name = String(decoding: key, as: UTF8.self)
        let isFixed = place.kind == .embedded || name.hasPrefix("stmt/") || name.hasPrefix("query/")
        lines.append(name + (isFixed ? ": \(value)" : ""))
      }
      return lines
    }
  }

  /// The copy fails at each of its changes in turn, which has happened or not, and is made again.
  @Test(arguments: ways.prefix(3), [false, true])
  func killedAtEachChange(_ way: [LogKind], _ losesAnswer: Bool) throws {
    let source = LogPlace(way[0])
    try Self.withEngine(source) { engine in
      try CopyWorkload.define(engine)
      for part in 0..<2 {
        try CopyWorkload.append(part: part, engine.log)
        try CopyWorkload.drive(engine)
      }
    }
    let clean = LogPlace(way[1], seed: 8)
    _ = try Self.copy(source, clean)
    let content = try Self.content(clean)
    let end = try Self.goOn(clean)
    var kills = 0
    var isWhole = false
    while !isWhole {
      let target = LogPlace(way[1], seed: 9)
      let first = Self.refusal {
        try source.with { from in
          try target.with { to in
            let trouble = FaultyStore.Trouble(changesLeft: kills, losesAnswer: losesAnswer)
            _ = try Self.copy(from, FaultyStore(to, trouble))
          }
        }
      }
      isWhole = first == "no error"
      #expect(isWhole || first.contains("a failure for trial"))
      if !isWhole, try isUnfinished(target) { _ = try Self.copy(source, target) }
      #expect(try Self.content(target) == content, "\(kills)")
      if kills % 7 == 0 { #expect(try Self.goOn(target) == end, "\(kills)") }
      kills += 1
    }
    #expect(kills > 30)
  }

  /// The rest of the input, and what the queries have made in the end.
  private static func goOn(_ place: LogPlace) throws -> [String] {
    try withEngine(place) { engine in
      try CopyWorkload.append(part: 2, engine.log)
      try CopyWorkload.drive(engine)
      return try end(engine)
    }
  }

  /// A target has no statements, or all of them; an engine opens it only when it has none of a copy.
  private func isUnfinished(_ target: LogPlace) throws -> Bool {
    let (mark, statements) = try target.with { store in
      (
        store.metadata(key: Array(MetadataKey.copy.utf8)).map { LogCopyMark(bytes: $0) },
        store.metadata(prefix: Array(MetadataKey.statements.utf8)).count
      )
    }
    let isEmpty = try target.with { try $0.topics().isEmpty }
    #expect(statements == (isEmpty || mark?.phase == .records ? 0 : CopyWorkload.statements.count))
    if mark?.phase == .records {
      let refusal = Self.refusal { try Self.withEngine(target) { _ in } }
      #expect(refusal.contains("the log is a copy that is not finished"))
    }
    return mark != nil || isEmpty
  }

  /// An interrupted copy goes on as one that was killed.
  @Test func interrupted() throws {
    let (source, target) = (LogPlace(.embedded), LogPlace(.broker))
    try Self.withEngine(source) { engine in
      try CopyWorkload.define(engine)
      try CopyWorkload.append(part: 0, engine.log)
    }
    try source.with { from in
      try target.with { to in
        var isDone = false
        for checks in 0..<1000 where !isDone {
          var left = checks
          let copy = LogCopy(
            from: from, to: to, options: CopyWorkload.options(),
            isCancelled: {
              left -= 1
              return left < 0
            })
          do throws(ServiceError) {
            _ = try copy.run()
            isDone = true
          } catch {
            #expect(error.kind == .interrupted)
          }
        }
        #expect(isDone)
      }
    }
    #expect(try Self.content(target).count > 50)
  }

  /// Of a shared store others may have topics.
  @Test func topicsOfOthers() throws {
    let (source, target) = (LogPlace(.broker), LogPlace(.broker))
    try source.with { from in
      try target.with { to in
        for name in ["mine", "others"] { try from.createTopic(name, partitions: 1) }
        for name in ["others", "more"] { try to.createTopic(name, partitions: 2) }
        let copy = LogCopy(
          from: from, to: to, options: CopyWorkload.options(), includes: { $0.name == "mine" })
        #expect(try copy.run().topics.map(\.name) == ["mine"])
        #expect(to.outline("others")?.partitionCount == 2)
      }
    }
  }

  @Test func abortedCommitsAreMadeAgain() throws {
    let (source, target) = (LogPlace(.embedded), LogPlace(.broker))
    try source.with { store in
      try store.createTopic("clicks", partitions: 3)
      try store.createTopic("people", partitions: 3)
      for part in 0..<3 { try CopyWorkload.append(part: part, store) }
      try target.with { to in
        _ = try Self.copy(store, FaultyStore(to, .init(abortsEvery: 2)))
        #expect(try CopyWorkload.lines("clicks", to) == CopyWorkload.lines("clicks", store))
      }
    }
  }

  // MARK: - Comparison

  private static let flips: [(name: String, edit: @Sendable (inout FlippedRecord) -> Void)] = [
    ("a bit of a value", { $0.value?[3] ^= 1 }), ("a key", { $0.key = nil }),
    ("a time", { $0.timestamp += 1 }), ("a value that is null", { $0.value = nil }),
    ("a header's name", { $0.headers[0].key = "H" }),
    ("a header that is empty and not null", { $0.headers[0].value = [] }),
    ("a header less", { $0.headers.removeLast() }), ("a record less", { $0.isLeftOut = true }),
    ("a record twice", { $0.isTwice = true }),
  ]

  @Test(arguments: flips.indices, LogKind.allCases)
  func aRecordThatDiffersIsFound(_ flip: Int, _ kind: LogKind) throws {
    let (source, target) = (LogPlace(.embedded), LogPlace(kind))
    try Self.withEngine(source) { engine in
      try CopyWorkload.define(engine)
      try CopyWorkload.append(part: 0, engine.log)
      try CopyWorkload.drive(engine)
    }
    let edit = Self.flips[flip].edit
    let refusal = try source.with { from in
      try target.with { to in
        let faulty = FaultyStore(to, .init(alters: { FlippedRecord.flip($0, $1, edit) }))
        return Self.refusal { _ = try Self.copy(from, faulty) }
      }
    }
    #expect(refusal.contains("error[log-copy-differs]"), "\(Self.flips[flip].name): \(refusal)")
    #expect(refusal.contains("of topic clicks, partition "))
    try target.with { #expect($0.metadata(prefix: Array("stmt/".utf8)).isEmpty) }
  }

  // MARK: - Refusals

  fileprivate struct Refusal: Sendable {
    var name: String
    var expected: String
    /// What is done to the source, to the target, and between a copy that fails in the middle and the next one.
    var source: @Sendable (any TopicStore) throws -> Void = { _ in }
    var target: @Sendable (any TopicStore) throws -> Void = { _ in }
    var between: (@Sendable (any TopicStore, any TopicStore) throws -> Void)?

    static func entry(_ key: String, _ value: String) -> @Sendable (any TopicStore) throws -> Void {
      { store in
        try store.commit(
          EpochCommit(
            epoch: store.lastEpoch + 1,
            metadata: [.init(key: Array(key.utf8), value: Array(value.utf8))]))
      }
    }
  }

  private static let refusals: [Refusal] = [
    Refusal(
      name: "topic", expected: "error[log-copy-target-holds]: the target already holds topic mine",
      target: { try $0.createTopic("mine", partitions: 1) }),
    Refusal(
      name: "statements", expected: "the target already holds statements",
      target: Refusal.entry("stmt/0000000000", "sql=x")),
    Refusal(
      name: "entry", expected: "the target already holds the entry \"submit/x\"",
      target: Refusal.entry("submit/x", "")),
    Refusal(
      name: "other copy", expected: "error[log-copy-other]",
      target: Refusal.entry("copy", "phase=records\nsource=1")),
    Refusal(
      name: "unreadable mark", expected: "error[log-copy-other]",
      target: Refusal.entry("copy", "\u{1}")),
    Refusal(
      name: "unfinished source", expected: "error[log-copy-source-unfinished]",
      source: Refusal.entry("copy", "phase=records")),
    Refusal(
      name: "unknown entry",
      expected: "error[log-copy-unknown-entry]: the metadata has an entry \"new/x\"",
      source: Refusal.entry("new/x", "")),
    Refusal(
      name: "query",
      expected: "error[log-copy-unknown-owner]: the entry \"pos/GONE_7/0:1\" of the metadata "
        + "belongs to query GONE_7",
      source: Refusal.entry("pos/GONE_7/0:1", "0:1:2:3")),
    Refusal(
      name: "positions",
      expected: "error[log-copy-damaged-entry]: the entry \"pos/CSAS_RATES_3\"",
      source: Refusal.entry("pos/CSAS_RATES_3", "0:0:1:2 0:1")),
    Refusal(
      name: "source", expected: "belongs to source NONE, which is not defined",
      source: Refusal.entry("err/NONE/0", "1-2")),
    Refusal(
      name: "ranges", expected: "the entry \"err/CLICKS/0\" of the metadata cannot be read",
      source: Refusal.entry("err/CLICKS/0", "1-x")),
    Refusal(
      name: "partition",
      expected: "error[log-copy-unknown-place]: the entry \"err/CLICKS/9\" names partition 9 of "
        + "topic clicks, which is not there",
      source: Refusal.entry("err/CLICKS/9", "1-2")),
    Refusal(
      name: "faults", expected: "belongs to query GONE",
      source: Refusal.entry("fault/GONE", "")),
    Refusal(
      name: "snapshot", expected: "the entry \"snap/_headrace-CTAS_BY_PAGE_0-stage-1-",
      source: { store in
        let topic = try store.topics().first {
          $0.name.contains("BY_PAGE") && $0.name.contains("log")
        }
        try Refusal.entry("snap/\(topic?.name ?? "")/0", "x")(store)
      }),
    Refusal(
      name: "source goes on", expected: "error[log-copy-other]",
      between: { from, _ in try Refusal.entry("submit/x", "")(from) }),
    Refusal(
      name: "statements meanwhile", expected: "the target already holds statements",
      between: { _, to in try Refusal.entry("stmt/0000000000", "sql=x")(to) }),
    Refusal(
      name: "mark of a partition", expected: "the entry \"copy/clicks/0\" of the metadata cannot",
      between: { _, to in try Refusal.entry("copy/clicks/0", "x")(to) }),
    Refusal(
      // Append sequences that go back are the first that shows in the embedded log.
      name: "records meanwhile", expected: "clicks",
      between: { _, to in try CopyWorkload.append(part: 7, to) }),
    Refusal(
      name: "statement", expected: "error[syntax",
      source: Refusal.entry("stmt/9999999999", "sql=CREATE;")),
  ]

  @Test(arguments: refusals.indices, LogKind.allCases)
  func refusesByName(_ number: Int, _ kind: LogKind) throws {
    let refusal = Self.refusals[number]
    let (source, target) = (LogPlace(.embedded), LogPlace(kind))
    try Self.withEngine(source) { engine in
      try CopyWorkload.define(engine)
      try CopyWorkload.append(part: 0, engine.log)
      try CopyWorkload.drive(engine)
    }
    // Others may have topics of a broker.
    if kind == .broker, refusal.name == "topic" { return }
    let found = try source.with { from in
      try target.with { to in
        try refusal.source(from)
        try refusal.target(to)
        if let between = refusal.between {
          let trouble = FaultyStore.Trouble(changesLeft: 20)
          let killed = Self.refusal {
            _ = try Self.copy(from, FaultyStore(to, trouble), commitBytes: 60)
          }
          #expect(killed.contains("a failure for trial"))
          try between(from, to)
        }
        return Self.refusal { _ = try Self.copy(from, to) }
      }
    }
    #expect(found.contains(refusal.expected), "\(refusal.name): \(found)")
  }
}

extension LogCopyTests {
  /// Somebody writes to the source while it is copied, which shows when all is compared.
  @Test(arguments: LogKind.allCases)
  func aSourceThatGoesOnIsTold(_ kind: LogKind) throws {
    for (expected, change) in [
      ("error[log-copy-changed]", Refusal.entry("submit/x", "")),
      ("error[log-copy-grown]", { try CopyWorkload.append(part: 7, $0) }),
    ] as [(String, @Sendable (any TopicStore) throws -> Void)] {
      let (source, target) = (LogPlace(.embedded), LogPlace(kind))
      try Self.withEngine(source) { engine in
        try CopyWorkload.define(engine)
        try CopyWorkload.append(part: 0, engine.log)
        try CopyWorkload.drive(engine)
      }
      let found = try source.with { from in
        try target.with { to in
          var steps = 0
          let copy = LogCopy(
            from: from, to: to, options: CopyWorkload.options(),
            isCancelled: {
              steps += 1
              // What goes wrong in it shows as an answer that was not expected.
              if steps == 3 { try? change(from) }
              return false
            })
          copy.commitBytes = 60
          return Self.refusal { _ = try copy.run() }
        }
      }
      #expect(found.contains(expected), "\(found)")
    }
  }

  /// What a repair has left out of a state would be forgotten in a copy.
  @Test func lostStateIsNotCopied() throws {
    let (source, target) = (LogPlace(.embedded), LogPlace(.embedded))
    try Self.withEngine(source) { engine in
      try CopyWorkload.define(engine)
      try CopyWorkload.append(part: 0, engine.log)
      try CopyWorkload.drive(engine)
    }
    let found = try source.with { from in
      try target.with { to in
        var trouble = FaultyStore.Trouble()
        trouble.lost = 0..<1_000_000
        return Self.refusal { _ = try Self.copy(FaultyStore(from, trouble), to) }
      }
    }
    #expect(found.contains("error[log-copy-lost-state]"), "\(found)")
  }
}

/// A record that a test changes.
struct FlippedRecord {
  var key: [UInt8]?
  var value: [UInt8]?
  var timestamp: Int64
  var headers: [RecordHeader]
  var isLeftOut = false
  var isTwice = false

  /// The second record of each read of `clicks`, changed.
  static func flip(
    _ topic: String, _ records: RawRecords, _ edit: (inout FlippedRecord) -> Void
  ) -> RawRecords {
    guard topic == "clicks" else { return records }
    var result = RawRecords.none
    for row in 0..<records.count {
      var record = FlippedRecord(
        key: records.key(row).map { Array($0) }, value: records.value(row).map { Array($0) },
        timestamp: records.timestamps[row],
        headers: records.headers.isEmpty ? [] : records.headers[row])
      if row == 1 { edit(&record) }
      if record.isLeftOut { continue }
      for _ in 0..<(record.isTwice ? 2 : 1) {
        result.append(
          key: record.key, value: record.value, timestamp: record.timestamp,
          headers: record.headers)
        result.offsets.append(records.offsets[row])
      }
    }
    return result
  }
}
