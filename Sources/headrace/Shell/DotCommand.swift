// Commands of the shell itself; they begin with a point and need no semicolon.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

enum DotCommand: Equatable {
  case help
  case tables
  case quit
  case output(OutputMode)
  case timer(Bool?)

  static let names = [".help", ".output", ".quit", ".tables", ".timer"]

  static let helpText = """
    Statements end with a semicolon; SHOW and DESCRIBE look around.
      .help               this text
      .tables             streams and tables with their columns
      .output MODE        how rows are shown: \(OutputMode.allCases.map(\.rawValue).joined(separator: ", "))
      .timer [on|off]     show how long statements take
      .quit               leave; so does Ctrl-D. Ctrl-C ends the running statement
    Tab completes keywords, sources, columns and functions.
    """

  /// nil and what to say when it is none.
  static func parse(_ line: String) -> Result<DotCommand, DotCommandError> {
    let words = line.split(separator: " ").map { String($0) }
    let argument = words.count > 1 ? words[1] : nil
    switch (words.first ?? "", argument) {
    case (".help", nil): return .success(.help)
    case (".tables", nil): return .success(.tables)
    case (".quit", nil), (".exit", nil): return .success(.quit)
    case (".timer", nil): return .success(.timer(nil))
    case (".timer", "on"): return .success(.timer(true))
    case (".timer", "off"): return .success(.timer(false))
    case (".output", let mode?):
      if let mode = OutputMode(rawValue: mode) { return .success(.output(mode)) }
      return .failure(
        DotCommandError(text: "unknown output mode \"\(mode)\"; see .help"))
    case (let name, _):
      let hint = closestMatch(to: name, among: names).map { "; did you mean \"\($0)\"?" }
      let known = names.contains(name)
      return .failure(
        DotCommandError(
          text: known
            ? "wrong arguments of \(name); see .help"
            : "unknown command \"\(name)\"\(hint ?? "; see .help")"))
    }
  }
}

struct DotCommandError: Error, Equatable {
  var text: String
}
