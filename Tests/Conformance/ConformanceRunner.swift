// Runs the conformance suite and prints a scoreboard: by group, then in all.
// usage: headrace-conformance DIR [--filter TEXT] [--failures FILE] [--slice N] [--oracle] [--restart]
//        [--kafka HOST:PORT] [--part N] [--seed TEXT]
// --kafka: over the topics of a cluster, each record taken to its commit before the next one; --part: so many of a thousand
// cases, chosen by the seed; --slice: rows that an epoch takes from a partition; --restart: the engine is opened anew after each
// statement and each epoch.

import Headrace
import HeadraceFoundations
import HeadraceFunctions
import Glibc

@main
struct ConformanceRunner {
  static func main() {
    var directory = "../shared/conformance"
    var filter = ""
    var failuresPath = ""
    var slice = 1024
    var onlyOracle = false
    var restarts = false
    var part: UInt64 = 1000
    var seed = ""
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--filter": filter = arguments.popFirst() ?? ""
      case "--failures": failuresPath = arguments.popFirst() ?? ""
      case "--slice": slice = arguments.popFirst().flatMap { Int($0) } ?? slice
      case "--oracle": onlyOracle = true
      case "--restart": restarts = true
      case "--kafka": EngineHost.kafka = arguments.popFirst()
      case "--part": part = arguments.popFirst().flatMap { UInt64($0) } ?? part
      case "--seed": seed = arguments.popFirst() ?? seed
      default: directory = argument
      }
    }
    let cases = load(directory).filter {
      $0.isEnabled && (filter.isEmpty || $0.name.contains(filter))
        && stableHash(of: seed + $0.name) % 1000 < part
    }
    guard !cases.isEmpty else {
      print("no conformance cases in \(directory)")
      print("0 passed, 0 failed, 1 skipped")
      return
    }
    var board = Scoreboard()
    var cluster = (passed: 0, of: 0)
    for testCase in cases {
      // Some of the suite's functions count their calls: each case has its own.
      let functions = suiteFunctions()
      board.note(oracle: testCase, SchemaOracle(functions: functions).check(testCase))
      if onlyOracle { continue }
      var runner = CaseRunner(functions: functions)
      runner.sliceRows = slice
      runner.restarts = restarts
      runner.texts = board.texts
      let verdict = runner.run(testCase)
      board.note(testCase, verdict)
      if let address = EngineHost.kafka {
        // What fails embedded as well is no matter of the cluster.
        EngineHost.kafka = nil
        let passesEmbedded = verdict == .passed || runner.run(testCase) == .passed
        EngineHost.kafka = address
        if passesEmbedded { cluster.of += 1 }
        if verdict == .passed { cluster.passed += 1 }
      }
    }
    // The others ask a server, and what is asked of the embedded log is asked there.
    if !onlyOracle, EngineHost.kafka == nil {
      runOthers(directory, filter, suiteFunctions(), slice, &board)
    }
    board.show()
    board.showSuperseded()
    if !failuresPath.isEmpty { board.write(failuresPath) }
    print("\(board.passed) passed, \(board.failed) failed, \(board.skipped) skipped")
    guard EngineHost.kafka != nil else { return }
    print("over the cluster: \(cluster.passed) of \(cluster.of) that pass embedded")
    if cluster.passed * 100 < cluster.of * 95 { exit(1) }
  }

  /// RQTT and SQL tests.
  private static func runOthers(
    _ directory: String, _ filter: String, _ functions: FunctionRegistry, _ slice: Int,
    _ board: inout Scoreboard
  ) {
    var runner = ServerCaseRunner(functions: functions)
    runner.sliceRows = slice
    for testCase in load(directory, "rqtt/*.jsonl") + load(directory, "sqltests.jsonl")
    where testCase.isEnabled && (filter.isEmpty || testCase.name.contains(filter)) {
      if testCase.suite == "rqtt" {
        board.noteServer("RQTT", testCase, runner.run(testCase))
      } else {
        board.noteServer("SQL tests", testCase, runner.runScript(testCase))
      }
    }
  }

  private static func load(_ directory: String, _ pattern: String = "qtt/*.jsonl") -> [Case] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob("\(directory)/\(pattern)", 0, nil, &found) == 0 else { return [] }
    var result: [Case] = []
    for index in 0..<Int(found.gl_pathc) {
      guard let path = found.gl_pathv[index].map({ String(cString: $0) }),
        let bytes = try? readWhole(path, limit: 64 << 20)
      else { continue }
      for line in bytes.split(separator: 0x0A) {
        if let json = JSONText.parse(Array(line)) { result.append(Case(json: json)) }
      }
    }
    return result
  }

  /// The built-in functions and those that only the suite uses.
  private static func suiteFunctions() -> FunctionRegistry {
    var functions = FunctionRegistry.builtin
    addSuiteFunctions(&functions)
    return functions
  }
}

struct Scoreboard {
  var passed = 0
  var failed = 0
  var skipped = 0
  private var groups: [String: (passed: Int, all: Int)] = [:]
  private var positive = (passed: 0, all: 0)
  private var negative = (passed: 0, words: 0, all: 0)
  private var oracle = (passed: 0, all: 0)
  private var suites: [String: (passed: Int, exact: Int, all: Int)] = [:]
  private var failures: [String] = []
  private var superseded: [String: Int] = [:]
  let texts = SchemaTexts()

  /// Whether a case is refused by ksqlDB and runs here, or has another answer here, on purpose; counts it.
  private mutating func isSuperseded(_ testCase: Case, _ verdict: Verdict) -> Bool {
    guard case .failed(let reason) = verdict,
      let rule = reason.hasPrefix("accepted")
        ? Superseded.match(reason) : Superseded.match(answerOf: testCase.name, reason)
    else { return false }
    superseded["\(rule.reason) (Tests/SQL/\(rule.proof))", default: 0] += 1
    return true
  }

  mutating func note(_ testCase: Case, _ verdict: Verdict) {
    if isSuperseded(testCase, verdict) { return }
    var entry = groups[testCase.group] ?? (0, 0)
    entry.all += 1
    var isPass = verdict == .passed
    if testCase.expectsError {
      negative.all += 1
      if isPass { negative.words += 1 }
      if case .failed(let reason) = verdict, reason.hasPrefix("other words") { isPass = true }
      if isPass { negative.passed += 1 }
    } else {
      positive.all += 1
      if isPass { positive.passed += 1 }
    }
    if isPass { entry.passed += 1 }
    groups[testCase.group] = entry
    if isPass { passed += 1 } else { failed += 1 }
    switch verdict {
    case .passed: break
    case .failed(let reason): failures.append("FAIL \(testCase.name)\n     \(reason)")
    case .unsupported(let reason): failures.append("UNSUPPORTED \(testCase.name)\n     \(reason)")
    }
  }

  /// A case of another suite; an error with other words is a pass of its own count.
  mutating func noteServer(_ suite: String, _ testCase: Case, _ verdict: Verdict) {
    if isSuperseded(testCase, verdict) { return }
    var entry = suites[suite] ?? (0, 0, 0)
    entry.all += 1
    var isPass = verdict == .passed
    if isPass { entry.exact += 1 }
    switch verdict {
    case .passed: break
    case .failed(let reason):
      isPass = reason.hasPrefix("other words")
      failures.append("FAIL \(testCase.name)\n     \(reason)")
    case .unsupported(let reason): failures.append("UNSUPPORTED \(testCase.name)\n     \(reason)")
    }
    if isPass { entry.passed += 1 }
    suites[suite] = entry
    if isPass { passed += 1 } else { failed += 1 }
  }

  mutating func note(oracle testCase: Case, _ problem: String?) {
    guard !testCase.expectsError, !testCase.goldenSources.isEmpty else { return }
    oracle.all += 1
    if let problem {
      failures.append("ORACLE \(testCase.name)\n     \(problem)")
    } else {
      oracle.passed += 1
    }
  }

  func show() {
    for (group, score) in groups.sorted(by: { $0.key < $1.key }) {
      print("\(score.passed)/\(score.all)  \(group)")
    }
    print("positive: \(positive.passed) of \(positive.all)")
    print(
      "errors: \(negative.passed) of \(negative.all) rejected, \(negative.words) with the expected words"
    )
    print("schema oracle: \(oracle.passed) of \(oracle.all)")
    print("schemas of columns: \(texts.same) of \(texts.all) as ksqlDB registers them")
    for (suite, score) in suites.sorted(by: { $0.key < $1.key }) {
      print("\(suite): \(score.passed) of \(score.all), \(score.exact) with the expected words")
    }
  }

  func showSuperseded() {
    for (rule, count) in superseded.sorted(by: { $0.key < $1.key }) {
      print("superseded: \(count) because \(rule)")
    }
  }

  func write(_ path: String) {
    guard let file = fopen(path, "w") else { return }
    defer { fclose(file) }
    for failure in failures + texts.differences { fputs(failure + "\n", file) }
  }
}
