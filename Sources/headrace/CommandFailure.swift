// How a command ends when it does not end well: what is said on stderr, and the exit status.

import Headrace
import HeadraceFoundations
import Glibc

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
      case .statement: 1
      case .io, .file, .inUse: 3
      case .corruption: 4
      case .limit: 5
      case .interrupted: 130
      }
    let isStatement =
      switch error.kind {
      case .statement, .limit, .file: true
      case .io, .inUse, .corruption, .interrupted: false
      }
    self.init(.code(code), error.text, isStatement: isStatement)
    self.error = error
  }

  static func usage(_ text: String) -> CommandFailure {
    CommandFailure(.code(2), "error: \(text)", id: "usage")
  }

  static func inputOutput(_ text: String) -> CommandFailure {
    CommandFailure(.code(3), "error: \(text)", id: "io")
  }

  /// What a failed output means; flushes it first. nil: all is written.
  static func ended(by output: Output) -> CommandFailure? {
    output.flush()
    guard let code = output.failure else { return nil }
    if code == EPIPE { return CommandFailure(.brokenPipe) }
    return inputOutput("cannot write the output: \(String(cString: strerror(code)))")
  }

  func exit() -> Never {
    if let error {
      ErrorReport.tell(error)
    } else if let text {
      ErrorReport.tell(text, id: id)
    }
    switch status {
    case .code(let code): Glibc.exit(code)
    case .brokenPipe:
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      Glibc.exit(3)
    }
  }
}
