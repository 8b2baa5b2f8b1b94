// What goes to stderr, for people or for programs: with --errors json each error, warning and
// message is one JSON object on a line of its own. See Docs/CommandLine.md, which lists the
// members.

import ArgumentParser
import Headrace
import HeadraceFoundations
import Glibc

enum ErrorFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json
}

struct ErrorOptions: ParsableArguments {
  @Option(help: "How errors are written to stderr: as text, or each as a JSON object on a line.")
  var errors: ErrorFormat = .text
}

enum ErrorReport {
  enum Severity: String {
    case error, warning, note
  }

  /// Read from the arguments themselves: what is wrong with the other ones is told in this format
  /// too.
  static let format: ErrorFormat = {
    let arguments = CommandLine.arguments.prefix { $0 != "--" }
    for (index, argument) in arguments.enumerated().dropFirst() {
      if argument == "--errors", index + 1 < arguments.count, arguments[index + 1] == "json" {
        return .json
      }
      if argument == "--errors=json" { return .json }
    }
    return .text
  }()

  static func tell(_ error: ServiceError) {
    guard format == .json, !error.diagnostics.isEmpty else {
      return tell(error.text, id: error.kind.id)
    }
    let lines = error.diagnostics.map { diagnostic in
      var line = JSONLine()
      line.add("severity", diagnostic.severity)
      line.add("id", diagnostic.id)
      line.add("message", diagnostic.message)
      line.add("file", diagnostic.file)
      line.add("line", diagnostic.line)
      line.add("column", diagnostic.column)
      line.add("end", line: diagnostic.endLine, column: diagnostic.endColumn)
      line.add("hint", diagnostic.hint)
      line.add("text", diagnostic.text)
      return line.text
    }
    write(lines.joined(separator: "\n"))
    // No diagnostic has this.
    if error.kind == .truncated {
      tell(String(error.text.split(separator: "\n").last ?? ""), id: error.kind.id)
    }
  }

  /// What no place in a script is to blame for.
  static func tell(
    _ text: String, id: String, _ severity: Severity = .error, message: String? = nil
  ) {
    guard format == .json else { return write(text) }
    var line = JSONLine()
    line.add("severity", severity.rawValue)
    line.add("id", id)
    line.add("message", message ?? withoutPrefix(text))
    for name in ["file", "line", "column", "end", "hint"] { line.add(name, nil as String?) }
    line.add("text", text)
    write(line.text)
  }

  private static func withoutPrefix(_ text: String) -> String {
    for prefix in ["error: ", "Error: ", "warning: "] where text.hasPrefix(prefix) {
      return String(text.dropFirst(prefix.utf8.count))
    }
    return text
  }

  private static func write(_ text: String) {
    let output = Output(2)
    output.write(text + "\n")
    output.flush()
  }
}

/// A line on stderr; nothing can be done when that fails.
func complain(_ text: String) { ErrorReport.tell(text, id: "message", .note) }

private struct JSONLine {
  private var bytes: [UInt8] = []

  var text: String { "{" + String(decoding: bytes, as: UTF8.self) + "}" }

  private mutating func name(_ name: String) {
    bytes.append(contentsOf: (bytes.isEmpty ? "\"" : ",\"").utf8)
    bytes.append(contentsOf: "\(name)\":".utf8)
  }

  mutating func add(_ name: String, _ value: String?) {
    self.name(name)
    if let value {
      JSONString.append(value, into: &bytes)
    } else {
      bytes.append(contentsOf: "null".utf8)
    }
  }

  mutating func add(_ name: String, _ value: Int) {
    self.name(name)
    bytes.append(contentsOf: "\(value)".utf8)
  }

  mutating func add(_ name: String, line: Int, column: Int) {
    self.name(name)
    bytes.append(contentsOf: "{\"line\":\(line),\"column\":\(column)}".utf8)
  }
}

extension ServiceError.Kind {
  /// Of an error that is no diagnostic.
  fileprivate var id: String {
    switch self {
    case .statement: "refused"
    case .io: "io"
    case .corruption: "corruption"
    case .limit: "limit"
    case .inUse: "in-use"
    case .file: "file"
    case .truncated: "truncated"
    case .interrupted: "interrupted"
    }
  }
}
