// Commands of the shell itself; they begin with a point and need no semicolon. What people have in their fingers from other
// shells means the same: `quit`, `help`, `\\d`, `\\q`.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

enum DotCommand: Equatable {
  case help
  case tables
  /// A statement, written shorter.
  case statement(String)
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
      .quit               leave; so does Ctrl-D. Ctrl-C ends the running statement, twice within a second the shell
    help, quit, exit, \\d, \\d NAME, \\timing and \\q are understood too.
    Tab completes keywords, sources, columns and functions.
    """

  /// What a line is where a statement would begin; nil: it is none of these.
  static func first(_ line: String) -> Result<DotCommand, DotCommandError>? {
    var text = line.trimmingBlanks()
    if text.hasPrefix(".") || text.hasPrefix("\\") { return parse(text) }
    if text.hasSuffix(";") { text = String(text.dropLast()).trimmingBlanks() }
    switch text.lowercased() {
    case "help", "?": return .success(.help)
    case "quit", "exit": return .success(.quit)
    default: return nil
    }
  }

  /// What a line is inside of a statement, where a point may begin a number or a column; nil: a part of the statement.
  static func inside(_ line: String) -> Result<DotCommand, DotCommandError>? {
    let text = line.trimmingBlanks()
    if text.hasPrefix("\\") { return parse(text) }
    let word = text.prefix { !$0.isWhitespace }
    return names.contains(String(word)) || word == ".exit" ? parse(text) : nil
  }

  /// What to say when it is none.
  static func parse(_ line: String) -> Result<DotCommand, DotCommandError> {
    let words = line.split(separator: " ").map { String($0) }
    let argument = words.count > 1 ? words[1] : nil
    switch (words.first ?? "", argument) {
    case (".help", nil), ("\\?", _), ("\\h", _): return .success(.help)
    case (".tables", nil), ("\\d", nil): return .success(.tables)
    case ("\\d", let name?): return .success(.statement("DESCRIBE \(name);"))
    case (".quit", nil), (".exit", nil), ("\\q", nil): return .success(.quit)
    case (".timer", nil), ("\\timing", nil): return .success(.timer(nil))
    case (".timer", "on"), ("\\timing", "on"): return .success(.timer(true))
    case (".timer", "off"), ("\\timing", "off"): return .success(.timer(false))
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
            ? "\(name) does not take these arguments; see .help"
            : "unknown command \"\(name)\"\(hint ?? "; see .help")"))
    }
  }
}

struct DotCommandError: Error, Equatable {
  var text: String
}
