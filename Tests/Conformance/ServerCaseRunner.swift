// Runs RQTT cases (push and pull queries with their answers) and SQL tests (scripts with assertions).

import HeadraceColumns
import Headrace
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceLogStorage
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

struct ServerCaseRunner {
  let functions: FunctionRegistry
  var sliceRows = 1024

  private func open(_ testCase: Case) throws -> (Engine, Session) {
    var options = EngineOptions()
    options.functions = functions
    options.workers = 1
    options.order = .arrival
    options.sliceRows = sliceRows
    options.clock = { 0 }
    options.properties = testCase.properties
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return (engine, session)
  }

  private func execute(
    _ text: String, _ session: Session
  ) -> (result: CollectedResult, error: EngineError?) {
    let result = CollectedResult()
    do throws(EngineError) {
      try session.execute(statement: SourceText(name: "case", text), result)
      return (result, nil)
    } catch {
      return (result, error)
    }
  }

  private func verdict(of error: EngineError, expected: String?) -> Verdict {
    let text = "\(error)"
    if text.contains("error[not-supported]") {
      return .unsupported(text)
    }
    guard let expected, !expected.isEmpty else { return .passed }
    var flat = text
    if case .statement(let statement) = error {
      flat = statement.diagnostics.diagnostics
        .flatMap { [$0.message, $0.detail, $0.hint].compactMap { $0 } }.joined(separator: "\n")
    }
    return flat.contains(expected)
      ? .passed : .failed("other words: wanted \(expected.prefix(200)); got \(flat.prefix(200))")
  }

  // MARK: - SQL tests

  func runScript(_ testCase: Case) -> Verdict {
    let engine: Engine
    let session: Session
    do { (engine, session) = try open(testCase) } catch { return .failed("open: \(error)") }
    defer { try? engine.close() }
    let expected = testCase.json["expectedMessage"]?.string
    let wantsError = testCase.json["expectedError"] != nil
    // A statement's rows go through all queries before the next statement; a query sees only what comes
    // after it was made.
    session.set(property: "auto.offset.reset", to: "latest")
    for (index, statement) in testCase.statements.enumerated() {
      let (_, error) = execute(statement, session)
      guard let error else {
        do { try engine.runUntilIdle() } catch { return .failed("run: \(error)") }
        continue
      }
      if wantsError { return verdict(of: error, expected: expected) }
      if case .unsupported(let reason) = verdict(of: error, expected: nil) {
        return .unsupported(reason)
      }
      return .failed("statement \(index): \(error)")
    }
    return wantsError ? .failed("accepted; wanted \(expected ?? "an error")") : .passed
  }

  // MARK: - RQTT

  func run(_ testCase: Case) -> Verdict {
    let engine: Engine
    let session: Session
    do { (engine, session) = try open(testCase) } catch { return .failed("open: \(error)") }
    defer { try? engine.close() }
    let wantsError = testCase.json["expectedError"] != nil
    let firstSelect =
      testCase.statements.firstIndex { $0.uppercased().hasPrefix("SELECT") }
      ?? testCase.statements.count
    let responses = testCase.json["responses"]?.array ?? []
    for statement in CaseSchemas.registering(testCase) {
      if let error = execute(statement, session).error { return .failed("registering: \(error)") }
    }
    for (index, statement) in testCase.statements.enumerated() {
      if index == firstSelect, let problem = feed(testCase, engine) { return .failed(problem) }
      let (result, error) = execute(statement, session)
      if let error {
        if wantsError {
          return verdict(
            of: error, expected: testCase.json["expectedError"]?["message"]?.string)
        }
        if case .unsupported(let reason) = verdict(of: error, expected: nil) {
          return .unsupported(reason)
        }
        return .failed("statement \(index): \(error)")
      }
      if index < responses.count, case .array(let wanted)? = responses[index]["query"],
        let problem = difference(result, wanted, testCase, statement)
      {
        return .failed("statement \(index): \(problem)")
      }
    }
    if firstSelect == testCase.statements.count, let problem = feed(testCase, engine) {
      return .failed(problem)
    }
    if wantsError {
      return .failed("accepted; wanted \(testCase.json["expectedError"]?.text ?? "")")
    }
    do { try engine.runUntilIdle() } catch { return .failed("run: \(error)") }
    return CaseRunner(functions: functions).compare(testCase, engine)
  }

  private func feed(_ testCase: Case, _ engine: Engine) -> String? {
    CaseRunner(functions: functions).feed(testCase.inputs, engine)
  }

  private func difference(
    _ result: CollectedResult, _ wanted: [JSONText], _ testCase: Case, _ statement: String
  ) -> String? {
    if let schema = wanted.lazy.compactMap({ $0["header"]?["schema"]?.string }).first {
      let isPush = statement.uppercased().contains("EMIT ")
      let actual = result.columns.map {
        "\(quotedIdentifier($0.name)) \($0.type)\($0.isKey && !isPush ? " KEY" : "")"
      }.joined(separator: ", ")
      if actual != schema { return "header: wanted \(schema), got \(actual)" }
    }
    let expected = wanted.compactMap { $0["row"] }
    let rows = result.rows.map { row in
      JSONText.array(zip(row.values, result.columns).map { json($0, $1.type) })
    }
    guard expected.count == rows.count else {
      return
        "wanted \(expected.count) rows, got \(rows.count): \(rows.map(\.text).joined(separator: " ").prefix(400))"
    }
    var left = rows
    let inOrder = testCase.json["outputConditions"]?["verifyOrder"] == .boolean(true)
    for want in expected {
      let columns = want["columns"] ?? .array([])
      guard let place = left.firstIndex(where: { matches($0, columns, exact: true) }),
        !inOrder || place == 0
      else {
        return
          "row \(columns.text) is missing; left: \(left.map(\.text).joined(separator: " ").prefix(300))"
      }
      left.remove(at: place)
    }
    if let message = wanted.lazy.compactMap({ $0["finalMessage"]?.string }).first,
      message != result.note
    {
      return "final message: wanted \(message), got \(result.note ?? "none")"
    }
    return nil
  }

  /// A value as a REST answer shows it.
  private func json(_ value: Value, _ type: DataType) -> JSONText {
    switch (value, type) {
    case (.null, _): return .null
    case (.boolean(let flag), _): return .boolean(flag)
    case (.int, _), (.bigint, _), (.double, _), (.decimal, _):
      return .number(HeadraceFunctions.text(of: value, type))
    case (.array(let values), .array(let element)):
      return .array(values.map { json($0, element) })
    case (.map(let entries), .map(let key, let inner)):
      return .object(
        entries.map {
          JSONText.Field(key: HeadraceFunctions.text(of: $0.key, key), value: json($0.value, inner))
        })
    case (.structure(let values), .structure(let fields)):
      return .object(
        zip(fields, values).map { JSONText.Field(key: $0.name, value: json($1, $0.type)) })
    default: return .string(HeadraceFunctions.text(of: value, type))
    }
  }
}
