// Runs a QTT case on a fresh engine: statements, inputs in their order, then every record of each output
// topic against what is expected.

import HeadraceColumns
import Headrace
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceLogStorage
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

enum Verdict: Equatable {
  case passed
  case failed(String)
  case unsupported(String)
}

struct CaseRunner {
  let functions: FunctionRegistry
  var sliceRows = 1024
  var checksMessages = true
  /// The engine is closed and opened after each statement and each epoch.
  var restarts = false
  var texts: SchemaTexts?

  func run(_ testCase: Case) -> Verdict {
    var options = EngineOptions()
    options.functions = functions
    options.workers = 1
    options.order = .arrival
    options.sliceRows = sliceRows
    options.clock = { 1_600_000_000_000 }
    options.properties = testCase.properties
    if !testCase.expectsError { options.properties["headrace.force.partitions"] = "1" }
    let host: EngineHost
    do { host = try EngineHost(options, restarts: restarts) } catch {
      return .failed("open: \(error)")
    }
    defer { host.end() }
    return testCase.expectsError
      ? runError(testCase, host.engine, host.session) : runPositive(testCase, host)
  }

  private func execute(_ text: String, _ session: Session) -> EngineError? {
    do throws(EngineError) {
      try session.execute(
        statement: SourceText(name: "case", text), CollectedResult())
      return nil
    } catch {
      return error
    }
  }

  private func summary(_ error: EngineError) -> (ids: [String], message: String) {
    if case .statement(let error) = error {
      let diagnostics = error.diagnostics.diagnostics
      return (
        diagnostics.map(\.id),
        diagnostics.flatMap { [$0.message, $0.detail, $0.hint].compactMap { $0 } }
          .joined(separator: "\n")
      )
    }
    return (["engine"], "\(error)")
  }

  private func register(_ statements: [String], _ session: Session) -> Verdict? {
    for statement in statements {
      if let error = execute(statement, session) {
        return .failed("registering: \(summary(error).message.prefix(300)) <- \(statement)")
      }
    }
    return nil
  }

  private func runPositive(_ testCase: Case, _ host: EngineHost) -> Verdict {
    let (registering, statements) = CaseSchemas.statements(testCase)
    if let failure = register(registering, host.session) { return failure }
    for statement in statements {
      let error = execute(statement, host.session)
      do { try host.restart() } catch { return .failed("restart: \(error)") }
      if let error {
        let (ids, message) = summary(error)
        let text =
          "\(ids.joined(separator: ",")): \(message.prefix(300)) <- \(statement.prefix(200))"
        return ids.contains("not-supported")
          ? .unsupported(text) : .failed(text)
      }
    }
    texts?.compare(testCase, host.engine)
    var given: Set<Place> = []
    if let problem = feed(testCase, host, &given) { return .failed(problem) }
    do { try host.runUntilIdle() } catch { return .failed("run: \(error)") }
    if let failure = host.engine.queryFailures.first {
      return .failed("query failed: \(failure)")
    }
    return compare(testCase, host.engine, without: given)
  }

  /// A record of a topic.
  struct Place: Hashable {
    var topic: TextKey
    var offset: Int64
  }

  /// Where a case writes into topics of its queries, each record is taken in before the next one, as the suite's own
  /// driver does. `given`: the records in such topics, which are no output.
  private func feed(_ testCase: Case, _ host: EngineHost, _ given: inout Set<Place>) -> String? {
    let sinks = Set(texts: host.engine.sources.filter { $0.queryID != nil }.map(\.topic))
    let inputs = testCase.inputs
    guard EngineHost.kafka != nil || inputs.contains(where: { sinks.contains($0.topic) }) else {
      return feed(inputs, host.engine)
    }
    for record in inputs {
      do {
        if sinks.contains(record.topic) {
          let end = try host.engine.log.committedEnd(record.topic, 0)
          given.insert(Place(topic: TextKey(record.topic), offset: end))
        }
        if let problem = feed([record], host.engine) { return problem }
        try host.runUntilIdle()
      } catch {
        return "run: \(error)"
      }
    }
    return nil
  }

  func feed(_ inputs: [Case.Record], _ engine: Engine) -> String? {
    let sources = engine.sources
    for record in inputs {
      guard let source = sources.first(where: { $0.topic == record.topic }) else { continue }
      let bytes = RecordBytes(source: source, schemas: try? CaseSchemas(engine))
      var records = RawRecords(buffer: ByteBuffer(capacity: 64))
      records.append(
        key: bytes.key(record), value: bytes.value(record), timestamp: record.timestamp ?? 0,
        headers: (record.headers ?? []).map { RecordHeader(key: $0.key, value: $0.value) })
      do {
        // The suite's topics are not compacted, so that they take records without keys.
        if engine.log.outline(record.topic)?.config.cleanupPolicy.compacts ?? false {
          try engine.log.alterTopic(record.topic) { $0.cleanupPolicy = .delete }
        }
        _ = try engine.log.append(record.topic, [(0, records)])
      } catch {
        return "append: \(error)"
      }
    }
    return nil
  }

  /// `without`: records that are no output.
  func compare(
    _ testCase: Case, _ engine: Engine, without given: Set<Place> = []
  ) -> Verdict {
    let exact = testCase.properties["use.exact.numeric.comparison"] != "false"
    let sources = engine.sources
    var topics: [String] = []
    for record in testCase.outputs where !topics.contains(record.topic) {
      topics.append(record.topic)
    }
    for topic in topics {
      let expected = testCase.outputs.filter { $0.topic == topic }
      guard let source = sources.last(where: { $0.topic == topic }) else {
        return .failed("no source writes topic \(topic)")
      }
      let actual: [Actual]
      do { actual = try read(topic, engine, without: given) } catch {
        return .failed("read: \(error)")
      }
      let bytes = RecordBytes(source: source, schemas: try? CaseSchemas(engine))
      for (index, want) in expected.enumerated() {
        guard index < actual.count else {
          return .failed(
            "\(topic): \(actual.count) records, wanted \(expected.count); got \(shown(actual, bytes))"
          )
        }
        if let problem = difference(actual[index], want, bytes, exact, testCase) {
          return .failed("\(topic) record \(index): \(problem)")
        }
      }
      if actual.count != expected.count {
        return .failed(
          "\(topic): \(actual.count) records, wanted \(expected.count); got \(shown(actual, bytes))"
        )
      }
    }
    return .passed
  }

  private struct Actual {
    var key: [UInt8]?
    var value: [UInt8]?
    var timestamp: Int64
    var headers: [RecordHeader]
  }

  private func shown(_ records: [Actual], _ bytes: RecordBytes) -> String {
    records.prefix(12).map { record in
      let key = record.key.map { bytes.splitKey($0) }
      let keyText = key.map { String(decoding: $0.key, as: UTF8.self) } ?? "null"
      let window = key?.window.map { "[\($0.start),\($0.end)]" } ?? ""
      return
        "\(keyText)\(window)=\(record.value.map { String(decoding: $0, as: UTF8.self) } ?? "null")@\(record.timestamp)"
    }.joined(separator: " ")
  }

  private func read(
    _ topic: String, _ engine: Engine, without given: Set<Place>
  ) throws -> [Actual] {
    var result: [Actual] = []
    let partitions = engine.log.outline(topic)?.partitionCount ?? 0
    for partition in 0..<partitions {
      var scan = try PartitionScan(engine.log, topic, partition)
      while let records = try scan.next() {
        for row in 0..<records.count
        where !given.contains(Place(topic: TextKey(topic), offset: records.offsets[row])) {
          result.append(
            Actual(
              key: records.key(row).map { Array($0) },
              value: records.value(row).map { Array($0) },
              timestamp: records.timestamps[row],
              headers: records.headers.isEmpty ? [] : records.headers[row]))
        }
      }
    }
    return result
  }

  private func difference(
    _ actual: Actual, _ expected: Case.Record, _ bytes: RecordBytes, _ exact: Bool,
    _ testCase: Case
  ) -> String? {
    let (key, window) =
      actual.key.map { bytes.splitKey($0) }.map { ($0.key as [UInt8]?, $0.window) }
      ?? (nil, nil)
    if let found = bytes.differenceOfKey(key, expected.key, exact: exact) {
      return "key: wanted \(expected.key.text), got \(found)"
    }
    if let found = bytes.differenceOfValue(actual.value, expected.value, exact: exact) {
      return "value: wanted \(expected.value.text), got \(found)"
    }
    // librdkafka cannot write a time of 0: it is 1 there.
    let isShifted = EngineHost.kafka != nil && actual.timestamp == 1
    if let wanted = expected.timestamp, wanted != actual.timestamp, !(isShifted && wanted == 0),
      !(testCase.inputs.isEmpty && wanted == 0)
    {
      return "timestamp: wanted \(wanted), got \(actual.timestamp)"
    }
    switch (expected.window, window) {
    case (nil, nil): break
    case (let wanted?, let found?):
      let isSession = bytes.source.window?.kind == .session
      // A session that begins at 0 begins at 1 there.
      let shift: Int64 = EngineHost.kafka != nil && isSession && wanted.start == 0 ? 1 : 0
      let end = wanted.end == 0 ? shift : wanted.end
      if wanted.start + shift != found.start || end != found.end
        || (wanted.type == "session") != isSession
      {
        return "window: wanted [\(wanted.start), \(wanted.end)], got [\(found.start), \(found.end)]"
      }
    default: return "window: wanted \(expected.window.map { "\($0)" } ?? "none")"
    }
    if !testCase.inputs.isEmpty || expected.headers != nil {
      let wanted = (expected.headers ?? []).map { RecordHeader(key: $0.key, value: $0.value) }
      if wanted != actual.headers { return "headers differ: got \(actual.headers)" }
    }
    return nil
  }

  private func runError(_ testCase: Case, _ engine: Engine, _ session: Session) -> Verdict {
    let (registering, statements) = CaseSchemas.statements(testCase)
    if let failure = register(registering, session) { return failure }
    for (index, statement) in statements.enumerated() {
      guard let error = execute(statement, session) else { continue }
      let (ids, message) = summary(error)
      guard index == statements.count - 1 || statement == testCase.statements.last else {
        return .failed("statement \(index) failed too early: \(message.prefix(200))")
      }
      if ids.contains("not-supported") {
        return .unsupported(message)
      }
      return judge(testCase.expectedMessage, message)
    }
    if let problem = feed(testCase.inputs, engine) { return .failed(problem) }
    do { try engine.runUntilIdle() } catch { return judge(testCase.expectedMessage, "\(error)") }
    if let failure = engine.queryFailures.first { return judge(testCase.expectedMessage, failure) }
    return .failed("accepted; wanted: \(testCase.expectedMessage.prefix(200))")
  }

  private func judge(_ expected: String, _ actual: String) -> Verdict {
    if !checksMessages || expected.isEmpty || actual.contains(expected) { return .passed }
    return .failed("other words: wanted \(expected.prefix(250)); got \(actual.prefix(250))")
  }
}
