// `headrace tutorial`: a guided tour in a shell over an engine of its own. Where nobody types, it
// runs through.

import ArgumentParser
import Glibc
import Headrace
import HeadraceFoundations

struct TutorialCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tutorial",
    abstract: "Learn it in ten minutes: a guided tour over data of its own.")

  func run() throws {
    let isTyped = isatty(0) == 1
    let connection =
      isTyped
      ? try LocalConnection.interactive(EngineOptions()) { complain(ServiceError($0).text) }
      : try LocalConnection.batch(EngineOptions())
    let output = Output(1)
    let printer = ResultPrinter(output, mode: isTyped ? .preferred : .box, messages: Output(2))
    let loop = try ShellLoop(connection, printer, isTemporary: true)
    loop.tutorial = Tutorial()
    let failure = isTyped ? loop.run() : loop.runThrough()
    do throws(ServiceError) {
      try connection.close()
    } catch {
      throw failure ?? CommandFailure(error)
    }
    if let failure = failure ?? .ended(by: output) { throw failure }
  }
}
