// `headrace shell`: statements as they are typed. Ctrl-C ends the statement and not the shell;
// persistent queries go on while the user types.

import ArgumentParser
import Headrace
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import HeadraceSyntax

struct Shell: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shell",
    abstract: "Type statements and see their results (the default).",
    discussion: "Piped input is a script, in which the shell's own commands may stand.")

  @OptionGroup var dataOptions: DataOptions

  @Option(help: "How rows are shown.")
  var output: OutputMode?

  @Flag(help: "Begin each row with what it says: +I (insert), +U (update) or -D (delete).")
  var operations = false

  @OptionGroup var variables: VariableOptions

  @OptionGroup var errorOptions: ErrorOptions

  func run() throws {
    let definitions = try variables.definitions()
    let door = try dataOptions.door()
    // Piped input is a script: nobody is there to end a push query.
    let connection =
      isatty(0) == 1
      ? try door.interactiveConnection() : try door.batchConnection()
    for definition in definitions { try connection.define(definition.name, definition.value) }
    let output = Output(1)
    let printer = ResultPrinter(output, mode: self.output ?? .preferred, messages: Output(2))
    printer.showsOperations = operations
    if isatty(0) == 1 { printer.paging = .auto }
    let loop = try ShellLoop(connection, printer, isTemporary: dataOptions.data == nil)
    let failure = loop.run()
    do throws(ServiceError) {
      try connection.close()
    } catch {
      throw failure ?? CommandFailure(error)
    }
    if let failure = failure ?? .ended(by: output) { throw failure }
  }
}
