// `headrace test`: scripts that say what their statements should give. Each test runs on an engine
// of its own, a statement's rows go through all queries before the next statement. `--@test: NAME`
// begins a test; `--@expected.error` and `--@expected.message: TEXT` say that its last statement
// fails.

import ArgumentParser
import Headrace
import HeadraceFoundations
import HeadraceSyntax

struct Test: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Run scripts with assertions and say which hold.",
    discussion: """
      A script holds tests, each begun by a line "--@test: NAME"; without one it is a test as a \
      whole. ASSERT VALUES, ASSERT NULL VALUES and ASSERT STREAM or TABLE check what the \
      statements before them gave. "--@expected.error" and "--@expected.message: TEXT" say that \
      the test ends with an error. With --kafka each test is a service of its own, whose topics \
      are deleted again; --service begins their names. Exit status 1: a test failed.
      """)

  @Argument(help: "Script files; \"-\" is standard input.")
  var files: [String]

  @Option(help: "Run only tests whose name contains this.")
  var filter: String?

  @Flag(help: "The files are sessions that .record has written: run again, they answer the same.")
  var verify = false

  @OptionGroup var cluster: ClusterOptions

  @OptionGroup var schemas: SchemaOptions

  func run() throws {
    let kafka = try cluster.options()
    var options = EngineOptions()
    options.workers = 1
    try schemas.apply(to: &options)
    let services = cluster.service ?? "test-" + String(UInt32.random(in: 0...UInt32.max), radix: 36)
    let scripts = try files.map { file in
      SourceText(name: file == "-" ? "stdin" : file, text: try InputFile.read(file))
    }
    let output = Output(1)
    var passed = 0
    var failed = 0
    if verify {
      for script in scripts {
        options.kafka = kafka?.trial("\(services)-\(passed + failed + 1)")
        if let problem = try RecordedSession.verify(script, options) {
          failed += 1
          output.write("FAILED \(script.name)\n\(problem.indented)\n")
        } else {
          passed += 1
          output.write("ok     \(script.name)\n")
        }
      }
    }
    for script in verify ? [] : scripts {
      for test in ScriptTest.tests(of: script)
      where filter.map({ test.name.contains($0) }) ?? true {
        options.kafka = kafka?.trial("\(services)-\(passed + failed + 1)")
        if let problem = test.run(options) {
          failed += 1
          output.write("FAILED \(test.name)\n\(problem.indented)\n")
        } else {
          passed += 1
          output.write("ok     \(test.name)\n")
        }
      }
    }
    output.write("\(passed) passed, \(failed) failed\n")
    if let failure = CommandFailure.ended(by: output) { throw failure }
    if failed > 0 { throw CommandFailure(.code(ExitStatus.statement)) }
    guard passed > 0 else { throw CommandFailure.usage("there are no tests in these scripts") }
  }
}

/// One test of a script.
struct ScriptTest {
  var name: String
  var text: SourceText
  var expectsError = false
  /// What the error must contain.
  var message: String?

  /// The tests of a script in their order. What stands before the first one belongs to none.
  static func tests(of script: SourceText) -> [ScriptTest] {
    var result: [ScriptTest] = []
    var starts: [Int] = []
    var offset = 0
    for line in script.text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let text = String(decoding: line, as: UTF8.self)
      if let name = directive("test", text) {
        starts.append(offset)
        result.append(ScriptTest(name: name, text: script))
      } else if !result.isEmpty {
        let last = result.count - 1
        if directive("expected.error", text) != nil { result[last].expectsError = true }
        if let message = directive("expected.message", text) {
          result[last].expectsError = true
          result[last].message = message
        }
      }
      offset += line.count + 1
    }
    guard !result.isEmpty else { return [ScriptTest(name: script.name, text: script)] }
    for index in result.indices {
      let end = index + 1 < starts.count ? starts[index + 1] : script.text.count
      result[index].text = script.part(starts[index]..<end)
    }
    return result
  }

  /// What follows `--@NAME:`; nil: another line.
  private static func directive(_ name: String, _ line: String) -> String? {
    let prefix = "--@\(name)"
    guard line.hasPrefix(prefix) else { return nil }
    let rest = line.dropFirst(prefix.count)
    guard rest.isEmpty || rest.hasPrefix(":") || rest.hasPrefix(" ") else { return nil }
    let text = rest.drop { $0 == ":" || $0.isWhitespace }
    return String(text.reversed().drop { $0.isWhitespace }.reversed())
  }

  /// nil: everything holds. A service of a cluster goes with it.
  func run(_ options: EngineOptions) -> String? {
    do throws(EngineError) {
      let engine = try Engine.open(options)
      let session = Session(engine: engine)
      session.endsAtIdle = true
      let problem = run(session)
      if options.kafka != nil { try engine.removeTopics() }
      try engine.close()
      return problem
    } catch {
      return Self.text(error)
    }
  }

  private func run(_ session: Session) -> String? {
    for range in Session.statements(text) {
      do throws(EngineError) {
        try session.execute(statement: text.part(range), CollectedResult())
        try session.engine.runUntilIdle()
      } catch {
        return expectsError ? difference(Self.text(error)) : Self.text(error)
      }
      if let failure = session.engine.queryFailures.first {
        return expectsError ? difference(failure) : "query \(failure)"
      }
    }
    guard expectsError else { return nil }
    return "every statement ran; expected an error"
      + (message.map { " with the words \"\($0)\"" } ?? "")
  }

  private func difference(_ error: String) -> String? {
    guard let message, !error.contains(message) else { return nil }
    return "expected an error with the words \"\(message)\", got:\n\(error)"
  }

  private static func text(_ error: EngineError) -> String {
    if case .statement(let error) = error { return error.rendered }
    return "\(error)"
  }
}

extension String {
  fileprivate var indented: String {
    split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "  \($0)" }
      .joined(separator: "\n")
  }
}
