// The executable: shell, run, serve and the log's tools. How it ends: `ExitStatus`; 141 (by signal)
// when the reader of the output has gone.

import ArgumentParser
import CHeadraceSupport
import Headrace
import HeadraceFoundations
import Glibc

// Each command has its name written out: to derive it from the type takes half a millisecond a
// command, at each start.
struct MainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "headrace",
    abstract: "Streaming SQL over an embedded, partitioned log.",
    discussion: """
      Exit status: 0 done, 1 a statement failed, 2 wrong usage, 3 input or output failed, 4 damaged data, \
      5 a limit was exceeded, 7 records or rows were left out, 8 a result is not whole, 9 input is left unread, \
      130 interrupted.

      Without a subcommand, -c SQL and script files are run ("headrace FILE.sql", "headrace -c SQL"), \
      and the shell begins where there are none.
      """,
    version: "headrace 0.1.0",
    subcommands: [
      Shell.self, Run.self, Test.self, Serve.self, Topic.self, Produce.self, Consume.self,
      Backup.self, Restore.self, RepairCommand.self, CopyLog.self, TutorialCommand.self,
    ],
    defaultSubcommand: Shell.self)
}

@main
enum Main {
  static func main() {
    headrace_tune_allocator()
    Signals.begin()
    do {
      var command = try Invocation(Array(CommandLine.arguments.dropFirst())).command
      try command.run()
    } catch let failure as CommandFailure {
      failure.exit()
    } catch let failure as ServiceError {
      CommandFailure(failure).exit()
    } catch {
      let text = MainCommand.fullMessage(for: error)
      if MainCommand.exitCode(for: error) == .success {
        let output = Output(1)
        output.write(text + "\n")
        CommandFailure.ended(by: output)?.exit()
        exit(0)
      }
      ErrorReport.tell(text, id: "usage", message: MainCommand.message(for: error))
      exit(ExitStatus.usage)
    }
  }
}
