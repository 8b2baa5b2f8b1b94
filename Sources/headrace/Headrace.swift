// The executable: scripts in batch, and the tools of the log.

import ArgumentParser

@main
struct Headrace: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "headrace",
    abstract: "Streaming SQL over an embedded log, in one binary.",
    version: "0.1.0",
    subcommands: [RunCommand.self, TopicCommand.self])
}
