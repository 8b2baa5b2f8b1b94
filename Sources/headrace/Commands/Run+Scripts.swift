// The scripts of a run, in the order in which they are given.

import ArgumentParser
import Glibc
import Headrace
import HeadraceFoundations
import HeadraceSyntax

extension Run {
  /// Does the same with each statement, after the variables are defined; the failure that ended it,
  /// or without its text the first one that did not. `output`: ends it too, when it cannot be
  /// written.
  func each(
    of scripts: [SourceText], _ definitions: [VariableOptions.Definition],
    _ connection: any Connection, _ output: Output,
    _ body: (SourceText) throws(ServiceError) -> Void
  ) -> CommandFailure? {
    do throws(ServiceError) {
      for definition in definitions { try connection.define(definition.name, definition.value) }
    } catch {
      return CommandFailure(error)
    }
    var first: CommandFailure?
    for script in scripts {
      for range in Session.statements(script) {
        do throws(ServiceError) {
          try body(script.part(range))
        } catch {
          let failure = CommandFailure(error)
          guard keepGoing, failure.isStatement else { return failure }
          output.flush()
          ErrorReport.tell(error)
          first = first ?? CommandFailure(failure.status, isStatement: true)
        }
        if let failure = CommandFailure.ended(by: output) { return failure }
      }
    }
    return first
  }

  private enum Piece {
    case command(Int)
    case file(String)
  }

  func scripts() throws -> [SourceText] {
    if command.isEmpty, files.isEmpty, isatty(0) == 1 {
      throw CommandFailure.usage("give -c SQL or a script file")
    }
    return try pieces(Array(CommandLine.arguments.dropFirst())).map { piece in
      switch piece {
      case .command(let index):
        SourceText(name: command.count == 1 ? "-c" : "-c[\(index + 1)]", command[index])
      case .file(let path):
        SourceText(name: path == "-" ? "stdin" : path, text: try InputFile.read(path))
      }
    }
  }

  private func pieces(_ arguments: [String]) throws -> [Piece] {
    guard !command.isEmpty else { return (files.isEmpty ? ["-"] : files).map { .file($0) } }
    guard !files.isEmpty else { return command.indices.map { .command($0) } }
    // The parser keeps options and files apart. A mark before each -c is one more file, and no
    // file's name: their order is what was looked for.
    var marked = arguments
    for place in Self.commandPlaces(arguments).reversed() { marked.insert("\0", at: place) }
    if marked.first != Self.name { marked.insert(Self.name, at: 0) }
    guard let run = try MainCommand.parseAsRoot(marked) as? Run else { return [] }
    var count = 0
    return run.files.map { file in
      guard file == "\0" else { return .file(file) }
      count += 1
      return .command(count - 1)
    }
  }

  /// Whether arguments without a subcommand are those of a run.
  static func isScript(_ arguments: [String]) -> Bool { !commandPlaces(arguments).isEmpty }

  /// Where each -c stands; what follows it is its value, whatever it looks like.
  private static func commandPlaces(_ arguments: [String]) -> [Int] {
    var places: [Int] = []
    var index = 0
    while index < arguments.count, arguments[index] != "--" {
      switch arguments[index] {
      case "-c", "--command":
        places.append(index)
        index += 1
      case let joined where joined.hasPrefix("-c=") || joined.hasPrefix("--command="):
        places.append(index)
      default: break
      }
      index += 1
    }
    return places
  }
}
