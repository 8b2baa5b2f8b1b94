// How a command ends when it does not end well: what is said on stderr, and the exit status.

import Headrace
import HeadraceFoundations
import Glibc

/// Docs/CommandLine.md says what each means.
enum ExitStatus {
  static let statement: Int32 = 1
  static let usage: Int32 = 2
  static let inputOutput: Int32 = 3
  static let damaged: Int32 = 4
  static let limit: Int32 = 5
  /// Records, lines or rows were left out.
  static let skipped: Int32 = 7
  /// A result has begun and is not whole.
  static let truncated: Int32 = 8
  /// Input was left unread.
  static let lag: Int32 = 9
  static let interrupted: Int32 = 130
}

struct CommandFailure: Error {
  enum Status {
    case code(Int32)
    /// The reader of our output has gone: we end as any filter does, without a word.
    case brokenPipe
  }

  var status: Status
  var text: String?
  /// What programs know it by.
  var id: String
  /// What the engine says, with its places; nil: it is not from there.
  var error: ServiceError?
  /// One statement has failed, and others may be tried.
  var isStatement: Bool

  init(_ status: Status, _ text: String? = nil, isStatement: Bool = false, id: String = "error") {
    self.status = status
    self.text = text
    self.id = id
    self.isStatement = isStatement
  }

  init(_ error: ServiceError) {
    let code: Int32 =
      switch error.kind {
      case .statement: ExitStatus.statement
      case .io, .file, .inUse: ExitStatus.inputOutput
      case .corruption: ExitStatus.damaged
      case .limit: ExitStatus.limit
      case .truncated: ExitStatus.truncated
      case .interrupted: ExitStatus.interrupted
      }
    let isStatement =
      switch error.kind {
      case .statement, .limit, .file, .truncated: true
      case .io, .inUse, .corruption, .interrupted: false
      }
    self.init(.code(code), error.text, isStatement: isStatement)
    self.error = error
  }

  static func usage(_ text: String) -> CommandFailure {
    CommandFailure(.code(ExitStatus.usage), "error: \(text)", id: "usage")
  }

  static func inputOutput(_ text: String) -> CommandFailure {
    CommandFailure(.code(ExitStatus.inputOutput), "error: \(text)", id: "io")
  }

  /// What a failed output means; flushes it first. nil: all is written.
  static func ended(by output: Output) -> CommandFailure? {
    output.flush()
    guard let code = output.failure else { return nil }
    if code == EPIPE { return CommandFailure(.brokenPipe) }
    return inputOutput("cannot write the output: \(String(cString: strerror(code)))")
  }

  func tell() {
    if let error {
      ErrorReport.tell(error)
    } else if let text {
      ErrorReport.tell(text, id: id)
    }
  }

  func exit() -> Never {
    tell()
    switch status {
    case .code(let code): Glibc.exit(code)
    case .brokenPipe:
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      Glibc.exit(ExitStatus.inputOutput)
    }
  }
}
