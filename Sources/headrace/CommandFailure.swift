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
  /// One statement has failed, and others may be tried.
  var isStatement: Bool

  init(_ status: Status, _ text: String? = nil, isStatement: Bool = false) {
    self.status = status
    self.text = text
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
  }

  static func usage(_ text: String) -> CommandFailure {
    CommandFailure(.code(2), "error: \(text)")
  }

  static func inputOutput(_ text: String) -> CommandFailure {
    CommandFailure(.code(3), "error: \(text)")
  }

  /// What a failed output means; flushes it first. nil: all is written.
  static func ended(by output: Output) -> CommandFailure? {
    output.flush()
    guard let code = output.failure else { return nil }
    if code == EPIPE { return CommandFailure(.brokenPipe) }
    return inputOutput("cannot write the output: \(String(cString: strerror(code)))")
  }

  func exit() -> Never {
    if let text { complain(text) }
    switch status {
    case .code(let code): Glibc.exit(code)
    case .brokenPipe:
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      Glibc.exit(3)
    }
  }
}

/// A line on stderr; nothing can be done when that fails.
func complain(_ text: String) {
  let output = Output(2)
  output.write(text + "\n")
  output.flush()
}
