// A directory into which `.sql` files are moved. Each is claimed by a rename (NAME.sql -> NAME.claimed),
// checked, executed, and answered beside it: NAME.status.json, and NAME.out with the rows of its queries. Then
// the file is called NAME.done. What was claimed and not answered is answered after a restart.

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

  static let fileBytesMax = 1 << 20
  private static let pauseMilliseconds = 100
  private let engine: Engine
  private let directory: String
  private let place: Int32
  private let roots: [String]
  private let makeOutput: @Sendable (_ descriptor: Int32) -> any SubmissionOutput
  private let state = Monitor(State())

  /// Begins to watch. `roots`: directories, beside the inbox itself, in which submitted files may read and
  /// write. Throws: the directory is not ours alone.
  public init(
    _ engine: Engine, directory: String, roots: [String],
    makeOutput: @escaping @Sendable (_ descriptor: Int32) -> any SubmissionOutput
  ) throws(ServiceError) {
    self.engine = engine
    self.directory = directory
    self.roots = roots + [directory]
    self.makeOutput = makeOutput
    place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard place >= 0 else {
      throw ServiceError(
        .io, "error: cannot open the inbox \"\(directory)\": \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(place, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o022 == 0
    else {
      close(place)
      throw ServiceError(
        .io, "error: others may write to the inbox \"\(directory)\"; chmod go-w is needed")
    }
    startThread { [self] in watch() }
  }

  private func watch() {
    for name in names(".claimed") { process(name) }
    while state.wait(milliseconds: Self.pauseMilliseconds, until: { $0.isStopping ? true : nil })
      == nil
    {
      for name in names(".sql") {
        if state.withLock({ $0.isStopping }) { break }
        unlinkat(place, name + ".status.json", 0)
        unlinkat(place, name + ".out", 0)
        guard renameat(place, name + ".sql", place, name + ".claimed") == 0 else { continue }
        process(name)
      }
    }
    close(place)
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

  /// Names without the suffix, sorted.
  private func names(_ suffix: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasSuffix(suffix), !name.hasPrefix("."), name.utf8.count > suffix.utf8.count,
        name.utf8.count < 200
      else { continue }
      names.append(String(name.dropLast(suffix.count)))
    }
    return names.sorted()
  }

  // MARK: - One file

  private func process(_ name: String) {
    var answer: Submission.Answer
    do throws(ServiceError) {
      let text = try contents(name + ".claimed")
      let submission = Submission(
        engine, name: name, source: SourceText(name: name + ".sql", text: text), roots: roots)
      guard let found = try run(submission, name) else { return }
      answer = found
    } catch {
      answer = Submission.Answer(state: .refused, error: error)
    }
    if write(name + ".status.json", status(name, answer)) {
      renameat(place, name + ".claimed", place, name + ".done")
    }
  }

  /// nil: stopped before the end.
  private func run(
    _ submission: Submission, _ name: String
  ) throws(ServiceError) -> Submission.Answer? {
    let temporary = ".\(name).out"
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    let descriptor = openat(place, temporary, flags, 0o600)
    guard descriptor >= 0 else { throw failure("write", name + ".out") }
    defer { close(descriptor) }
    fchmod(descriptor, 0o600)
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
    guard renameat(place, temporary, place, name + ".out") == 0 else {
      throw failure("write", name + ".out")
    }
    return answer
  }

  /// Throws: not a regular file of ours, or too long.
  private func contents(_ name: String) throws(ServiceError) -> [UInt8] {
    // Not waiting for the other end of a pipe, not following a link.
    let descriptor = openat(place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ELOOP { throw refusal("a symbolic link is not accepted") }
      throw failure("read", name)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("read", name) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw refusal("it is not a regular file") }
    guard status.st_uid == geteuid() else { throw refusal("it belongs to another user") }
    guard status.st_nlink == 1 else { throw refusal("it has other names as well") }
    var bytes = [UInt8](repeating: 0, count: Self.fileBytesMax + 1)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress! + done, $0.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", name) }
      if count == 0 { break }
      done += count
    }
    guard done <= Self.fileBytesMax else {
      throw ServiceError(.limit, "error: a submitted file may have 1 MiB")
    }
    return Array(bytes[..<done])
  }

  private func refusal(_ why: String) -> ServiceError {
    ServiceError(.statement, "error: the file was refused: \(why)")
  }

  private func failure(_ what: String, _ name: String) -> ServiceError {
    ServiceError(.io, "error: cannot \(what) \"\(name)\": \(String(cString: strerror(errno)))")
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

  /// Appears whole or not at all.
  private func write(_ name: String, _ text: String) -> Bool {
    let temporary = "." + name
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    let descriptor = openat(place, temporary, flags, 0o600)
    guard descriptor >= 0 else { return false }
    fchmod(descriptor, 0o600)
    var isWritten = true
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count, isWritten {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { isWritten = false } else { done += count }
    }
    isWritten = isWritten && fsync(descriptor) == 0
    close(descriptor)
    guard isWritten, renameat(place, temporary, place, name) == 0 else { return false }
    return fsync(place) == 0
  }
}
