// Commands of the shell itself; they begin with a point and need no semicolon. What people have in
// their fingers from other shells means the same: `quit`, `help`, `\\d`, `\\q`, `\\x`. One table
// says what there is: `.help` and Tab come from it.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

enum DotCommand: Equatable {
  /// What is on or off; nil switches.
  enum Toggle: String, CaseIterable {
    case operations, raw, timer

    var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
  }

  case help
  case tables
  /// A statement, written shorter.
  case statement(String)
  case quit
  case mode(OutputMode, target: String?)
  /// Vertical, and back.
  case vertical
  case toggle(Toggle, Bool?)
  case pager(Pager.Use)
  case edit
  case read(String)
  /// The statements that made the sources; of one, if there is a name.
  case schema(String?)
  case save(String)
  /// Into this file; nil: no longer.
  case record(String?)

  /// Whether it says or changes something that a recorded session shows.
  var isRecorded: Bool {
    switch self {
    case .help, .tables, .mode, .vertical, .toggle, .schema, .statement: true
    case .quit, .pager, .edit, .read, .save, .record: false
    }
  }

  /// What a command takes.
  enum Argument {
    case none
    case toggle
    case file
    case source
    case words([String])
    case mode
  }

  struct Entry {
    var name: String
    var argument: Argument
    var help: String
  }

  static let modes = OutputMode.allCases.map(\.rawValue)

  static let entries = [
    Entry(
      name: ".edit", argument: .none, help: "change the last or the open statement in $EDITOR"),
    Entry(name: ".help", argument: .none, help: "this text"),
    Entry(name: ".mode", argument: .mode, help: "how rows are shown; .output is the same"),
    Entry(
      name: ".operations", argument: .toggle, help: "begin each row with +I, +U or -D"),
    Entry(name: ".output", argument: .mode, help: ""),
    Entry(
      name: ".pager", argument: .words(Pager.Use.allCases.map(\.rawValue)),
      help: "long results in $PAGER: when longer than the screen (auto), all, or none"),
    Entry(name: ".quit", argument: .none, help: "leave; so does Ctrl-D"),
    Entry(name: ".raw", argument: .toggle, help: "times as they are stored"),
    Entry(name: ".read", argument: .file, help: "run a file, until its first error"),
    Entry(
      name: ".record", argument: .file,
      help: "write what is typed and answered, for headrace test --verify; off ends it"),
    Entry(
      name: ".save", argument: .file, help: "write the statements typed so far, without secrets"),
    Entry(name: ".schema", argument: .source, help: "the statements that made the sources"),
    Entry(name: ".tables", argument: .none, help: "streams and tables with their columns"),
    Entry(name: ".timer", argument: .toggle, help: "show how long statements take"),
  ]

  static let names = entries.map(\.name)

  static let helpText: String = {
    var lines = ["Statements end with a semicolon; SHOW and DESCRIBE look around."]
    for entry in entries where !entry.help.isEmpty {
      let usage =
        switch entry.argument {
        case .none: entry.name
        case .toggle: "\(entry.name) [on|off]"
        case .words(let words): "\(entry.name) \(words.joined(separator: "|"))"
        case .mode: "\(entry.name) MODE"
        case .file: "\(entry.name) FILE"
        case .source: "\(entry.name) [NAME]"
        }
      let blanks = String(repeating: " ", count: max(1, 22 - usage.count))
      lines.append("  \(usage)\(blanks)\(entry.help)")
    }
    lines += [
      "Modes: auto (a box, or vertical when that is too wide), "
        + modes.dropFirst().joined(separator: ", ") + ".",
      "insert takes the name of a source: .mode insert NAME.",
      "Ctrl-C ends the running statement, twice within a second the shell.",
      "\\d, \\d NAME, \\dt, \\ds, \\dq, \\df [NAME] and \\l look around, with + (\\d+ NAME) at more.",
      "help, quit, exit, \\x, \\e, \\i FILE, \\timing and \\q are understood too.",
      "Tab offers what may stand at the cursor; Enter runs what ends with a semicolon.",
    ]
    return lines.joined(separator: "\n")
  }()

  /// What Tab offers behind a command.
  static func candidates(behind name: String) -> [String] {
    guard let entry = entries.first(where: { $0.name == name }) else { return [] }
    switch entry.argument {
    case .none, .file, .source: return []
    case .toggle: return ["on", "off"]
    case .words(let words): return words
    case .mode: return modes
    }
  }

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

  /// What a line is inside of a statement, where a point may begin a number or a column; nil: a
  /// part of the statement.
  static func inside(_ line: String) -> Result<DotCommand, DotCommandError>? {
    let text = line.trimmingBlanks()
    if text.hasPrefix("\\") { return parse(text) }
    let word = text.prefix { !$0.isWhitespace }
    return names.contains(String(word)) || word == ".exit" ? parse(text) : nil
  }

  /// What to say when it is none.
  static func parse(_ line: String) -> Result<DotCommand, DotCommandError> {
    let words = line.split(whereSeparator: \.isWhitespace).map { String($0) }
    guard let name = words.first else {
      return .failure(DotCommandError(text: "there is no command; see .help"))
    }
    let argument = words.count > 1 ? words[1] : nil
    switch (name, argument) {
    case (".help", nil), ("\\?", _), ("\\h", _): return .success(.help)
    case (".tables", nil), ("\\d", nil): return .success(.tables)
    default: break
    }
    // A name may have blanks in its quotes.
    let rest = behindCommand(line)
    if name == ".schema" { return .success(.schema(rest.isEmpty ? nil : rest)) }
    if let text = listing(name, rest.isEmpty ? nil : rest) {
      return .success(.statement(text + ";"))
    }
    return parseRest(line, words)
  }

  /// The statement that a command for looking around stands for; with + it says more.
  private static func listing(_ command: String, _ name: String?) -> String? {
    let isExtended = command.hasSuffix("+")
    let more = isExtended ? " EXTENDED" : ""
    let plain = isExtended ? String(command.dropLast()) : command
    switch (plain, name) {
    case ("\\d", let name?): return "DESCRIBE \(name)\(more)"
    case ("\\dt", nil): return "SHOW TABLES\(more)"
    case ("\\ds", nil): return "SHOW STREAMS\(more)"
    case ("\\dq", nil): return "SHOW QUERIES\(more)"
    case ("\\l", nil): return "SHOW TOPICS\(more)"
    case ("\\df", nil) where !isExtended: return "SHOW FUNCTIONS"
    case ("\\df", let name?) where !isExtended: return "DESCRIBE FUNCTION \(name)"
    default: return nil
    }
  }

  private static func parseRest(
    _ line: String, _ words: [String]
  ) -> Result<DotCommand, DotCommandError> {
    let name = words[0]
    let argument = words.count > 1 ? words[1] : nil
    switch (name, argument) {
    case (".quit", nil), (".exit", nil), ("\\q", nil): return .success(.quit)
    case ("\\x", nil): return .success(.vertical)
    case (".edit", nil), ("\\e", nil): return .success(.edit)
    case (".read", _?), ("\\i", _?): return .success(.read(path(in: line)))
    case (".save", _?), ("\\w", _?): return .success(.save(path(in: line)))
    case (".record", "off"?): return .success(.record(nil))
    case (".record", _?): return .success(.record(path(in: line)))
    case (".mode", let mode?), (".output", let mode?): return parseMode(mode, words.dropFirst(2))
    case (".pager", let use?):
      if let use = Pager.Use(rawValue: use) { return .success(.pager(use)) }
    default:
      if let found = parseToggle(name == "\\timing" ? ".timer" : name, argument) { return found }
    }
    let hint = closestMatch(to: name, among: names).map { "; did you mean \"\($0)\"?" }
    let known = names.contains(name)
    return .failure(
      DotCommandError(
        text: known
          ? "\(name) does not take these arguments; see .help"
          : "unknown command \"\(name)\"\(hint ?? "; see .help")"))
  }

  private static func behindCommand(_ line: String) -> String {
    String(line.trimmingBlanks().drop { !$0.isWhitespace }).trimmingBlanks()
  }

  /// All behind the command, which may be in quotes.
  private static func path(in line: String) -> String {
    let path = behindCommand(line)
    for quote in ["'", "\""] where path.hasPrefix(quote) && path.hasSuffix(quote) && path.count > 2
    {
      return String(path.dropFirst().dropLast())
    }
    return path
  }

  private static func parseToggle(
    _ name: String, _ argument: String?
  ) -> Result<DotCommand, DotCommandError>? {
    guard let toggle = Toggle(rawValue: String(name.dropFirst())), name.hasPrefix(".") else {
      return nil
    }
    switch argument {
    case nil: return .success(.toggle(toggle, nil))
    case "on": return .success(.toggle(toggle, true))
    case "off": return .success(.toggle(toggle, false))
    default: return nil
    }
  }

  private static func parseMode(
    _ name: String, _ rest: ArraySlice<String>
  ) -> Result<DotCommand, DotCommandError> {
    guard let mode = OutputMode(rawValue: name) else {
      let hint = closestMatch(to: name, among: modes).map { "did you mean \"\($0)\"?" }
      return .failure(
        DotCommandError(text: "unknown output mode \"\(name)\"; \(hint ?? "see .help")"))
    }
    guard rest.isEmpty || mode == .insert && rest.count == 1 else {
      return .failure(DotCommandError(text: "mode \"\(name)\" does not take these arguments"))
    }
    return .success(.mode(mode, target: rest.first))
  }
}

struct DotCommandError: Error, Equatable {
  var text: String
}
