// What a command line stands for. Its first word is a subcommand; without one, what is given with
// -c and as files is run, and where neither is given the shell begins.

import ArgumentParser
import Glibc
import HeadraceFoundations
import HeadraceSyntax

struct Invocation {
  var command: any ParsableCommand

  /// Throws: unknown-subcommand, or what the parser of the arguments complains about.
  init(_ arguments: [String]) throws {
    let main = MainCommand.configuration
    guard let first = arguments.first else {
      command = try MainCommand.parseAsRoot([])
      return
    }
    if let known = Self.subcommand(first, of: main) {
      try Self.checkNested(arguments, in: known)
      command = try Self.parsed(known, arguments)
      return
    }
    if first == "help" || Self.rootFlags.contains(where: { first.hasPrefix($0) }) {
      command = try MainCommand.parseAsRoot(arguments)
      return
    }
    if !first.hasPrefix("-"), !Self.isFile(first) {
      throw Self.unknown(first, of: "headrace", among: main.subcommands)
    }
    command = try Self.withoutSubcommand(arguments)
  }

  private static let rootFlags = ["-h", "--help", "--version", "--generate-", "--experimental-"]

  /// The subcommand alone is asked first: the whole tree takes three milliseconds. What it does not
  /// take, a request for help among it, is told by the tree, with the names of all commands above
  /// it. `arguments`: with the subcommand's name.
  private static func parsed(
    _ subcommand: any ParsableCommand.Type, _ arguments: [String]
  ) throws -> any ParsableCommand {
    guard subcommand.configuration.subcommands.isEmpty else {
      return try MainCommand.parseAsRoot(arguments)
    }
    do {
      return try subcommand.parseAsRoot(Array(arguments.dropFirst()))
    } catch {
      return try MainCommand.parseAsRoot(arguments)
    }
  }

  private static func withoutSubcommand(_ arguments: [String]) throws -> any ParsableCommand {
    let failure: any Error
    do {
      let parsed = try parsed(Run.self, [Run.name] + arguments)
      guard let run = parsed as? Run, run.command.isEmpty, run.files.isEmpty else {
        try checkFiles((parsed as? Run)?.files ?? [])
        return parsed
      }
      return try MainCommand.parseAsRoot(arguments)
    } catch let error as CommandFailure {
      throw error
    } catch {
      failure = error
    }
    if Run.isScript(arguments) { throw failure }
    return try MainCommand.parseAsRoot(arguments)
  }

  /// `headrace --data DIR serve`: the subcommand stands where a file is expected.
  private static func checkFiles(_ files: [String]) throws(CommandFailure) {
    for file in files where !exists(file) && subcommand(file, of: MainCommand.configuration) != nil
    {
      throw .usage("there is no file \"\(file)\"; the subcommand comes first: headrace \(file) ...")
    }
  }

  private static func checkNested(
    _ arguments: [String], in command: any ParsableCommand.Type
  ) throws(CommandFailure) {
    let nested = command.configuration.subcommands
    guard !nested.isEmpty, arguments.count > 1 else { return }
    let word = arguments[1]
    guard !word.hasPrefix("-"), word != "help",
      subcommand(word, of: command.configuration) == nil
    else { return }
    throw unknown(word, of: "headrace \(arguments[0])", among: nested, isFile: false)
  }

  private static func subcommand(
    _ word: String, of configuration: CommandConfiguration
  ) -> (any ParsableCommand.Type)? {
    configuration.subcommands.first { $0.configuration.commandName == word }
  }

  private static func unknown(
    _ word: String, of command: String, among subcommands: [any ParsableCommand.Type],
    isFile: Bool = true
  ) -> CommandFailure {
    let names = subcommands.compactMap { $0.configuration.commandName }
    let hint =
      closestMatch(to: word, among: names).map(didYouMean) ?? "see \(command) --help"
    return CommandFailure(
      .code(ExitStatus.usage),
      "error: there is no subcommand \(isFile ? "or file " : "")\"\(word)\"; \(hint)",
      id: "unknown-subcommand")
  }

  /// Whether a word names a file rather than a subcommand: it does when there is such a file, and
  /// when no subcommand could be called so.
  private static func isFile(_ word: String) -> Bool {
    word.contains(".") || word.contains("/") || exists(word)
  }

  private static func exists(_ path: String) -> Bool { path == "-" || access(path, F_OK) == 0 }
}
