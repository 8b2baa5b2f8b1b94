// The scripts of a run, in the order in which they are given.

import ArgumentParser
import Glibc
import HeadraceFoundations
import HeadraceSyntax

extension Run {
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
    // The parser keeps options and files apart. A mark before each -c is one more file, and no file's name: their order
    // is what was looked for.
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
