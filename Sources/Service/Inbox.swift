// A directory into which `.sql` files are moved. Each is claimed by a rename (NAME.sql ->
// NAME.claimed), checked, executed, and answered beside it: NAME.status.json, and NAME.out with the
// rows of its queries. Then the file is called NAME.done. What was claimed and not answered is
// answered after a restart.

import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import HeadraceSyntax

/// Where the rows of a submitted file go.
public protocol SubmissionOutput: ResultHandler {
  /// Writes what is left. Returns what went wrong with the output, if anything.
  func finish() -> String?
}

public final class Inbox: @unchecked Sendable {
  // Unchecked: the thread owns everything but what is under the monitor.
  private struct State {
    var isStopping = false
    var hasEnded = false
    var running: Cancellation?
  }

  private static let pauseMilliseconds = 100
  private let engine: Engine
  private let folder: WatchedFolder
  private let roots: [String]
  private let makeOutput: @Sendable (_ descriptor: Int32) -> any SubmissionOutput
  private let state = Monitor(State())

  /// Begins to watch. `roots`: directories, beside the inbox itself, in which submitted files may
  /// read and write. Throws: the directory is not ours alone.
  public init(
    _ engine: Engine, directory: String, roots: [String],
    makeOutput: @escaping @Sendable (_ descriptor: Int32) -> any SubmissionOutput
  ) throws(ServiceError) {
    self.engine = engine
    self.roots = roots + [directory]
    self.makeOutput = makeOutput
    folder = try WatchedFolder(directory, noun: "inbox")
    startThread { [self] in watch() }
  }

  private func watch() {
    for name in folder.names(".claimed") ?? [] { process(name) }
    while state.wait(milliseconds: Self.pauseMilliseconds, until: { $0.isStopping ? true : nil })
      == nil
    {
      for name in folder.names(".sql") ?? [] {
        if state.withLock({ $0.isStopping }) { break }
        folder.remove(name + ".status.json")
        folder.remove(name + ".out")
        guard folder.rename(name + ".sql", to: name + ".claimed") else { continue }
        process(name)
      }
    }
    folder.close()
    state.change { $0.hasEnded = true }
  }

  /// Ends after the statement that is running, which is cancelled; its file stays claimed.
  public func stop() {
    state.change { state in
      state.isStopping = true
      state.running?.cancel()
    }
    _ = state.wait(milliseconds: 5000) { $0.hasEnded ? true : nil }
  }

  // MARK: - One file

  private func process(_ name: String) {
    var answer: Submission.Answer
    do throws(ServiceError) {
      let text = try folder.contents(name + ".claimed")
      let submission = Submission(
        engine, name: name, source: SourceText(name: name + ".sql", text: text), roots: roots)
      guard let found = try run(submission, name) else { return }
      answer = found
    } catch {
      answer = Submission.Answer(state: .refused, error: error)
    }
    if folder.write(name + ".status.json", status(name, answer)) {
      _ = folder.rename(name + ".claimed", to: name + ".done")
    }
  }

  /// nil: stopped before the end.
  private func run(
    _ submission: Submission, _ name: String
  ) throws(ServiceError) -> Submission.Answer? {
    let temporary = ".\(name).out"
    let descriptor = try folder.create(temporary)
    defer { close(descriptor) }
    let isStopping = state.withLock { state in
      state.running = submission.cancellation
      return state.isStopping
    }
    defer { state.withLock { $0.running = nil } }
    if isStopping { return nil }
    let output = makeOutput(descriptor)
    var answer: Submission.Answer
    do { answer = try submission.run(output) } catch { return nil }
    if let problem = output.finish(), answer.error == nil {
      answer.state = .failed
      answer.error = ServiceError(.io, problem)
    }
    fsync(descriptor)
    guard folder.rename(temporary, to: name + ".out") else {
      throw folder.failure("write", name + ".out")
    }
    return answer
  }

  // MARK: - The answer

  private func status(_ name: String, _ answer: Submission.Answer) -> String {
    var fields = [
      "\"name\": \(JSONString.quoted(name))",
      "\"state\": \(JSONString.quoted(answer.state.rawValue))",
      "\"statements\": \(answer.statements)", "\"done\": \(answer.done)",
      "\"queries\": [\(answer.queries.map { JSONString.quoted($0) }.joined(separator: ", "))]",
      "\"sha256\": \(JSONString.quoted(answer.hash))",
    ]
    if let error = answer.error {
      fields.append("\"error\": \(JSONString.quoted(error.text))")
    }
    return "{\n  " + fields.joined(separator: ",\n  ") + "\n}\n"
  }
}
