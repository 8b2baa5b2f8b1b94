// `headrace backup`, `restore` and `repair`: a second copy, and what is to be done without one.

import ArgumentParser
import Engine
import Glibc
import LogStorage

/// A path as another process sees it, too.
private func absolute(_ path: String) throws(CommandFailure) -> String {
  if path.hasPrefix("/") { return path }
  guard let directory = getcwd(nil, 0) else {
    throw .inputOutput("the working directory is gone")
  }
  defer { free(directory) }
  return String(cString: directory) + "/" + path
}

struct Backup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy a data directory while it is in use.",
    discussion: "The copy is checked as it is made, and is a data directory itself.")

  @OptionGroup var place: Topic.Place
  @Argument(help: "A directory that does not exist yet.") var target: String

  func run() throws {
    let path = try absolute(target)
    try place.with { connection, output in
      let answer = try connection.administer(["backup", path])
      guard answer.count == 4 else { throw CommandFailure.inputOutput("no answer to the backup") }
      output.write(
        "epoch \(answer[1]), commit \(answer[0]): \(answer[2]) segments, \(answer[3]) bytes\n")
    }
  }
}

struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a data directory of a backup, and check every byte of it.")

  @Option(help: "A data directory that does not exist yet.") var data: String
  @Argument(help: "A backup.") var backup: String

  func run() throws {
    do {
      let report = try LogStore.restore(
        backup: try absolute(backup), to: try absolute(data))
      Output(1).write(
        "epoch \(report.epoch), commit \(report.commit): \(report.segmentCount) segments, "
          + "\(report.byteCount) bytes\n")
    } catch let error as StorageError {
      throw ServiceError(error)
    }
  }
}

struct Repair: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell what a damaged data directory has lost.",
    discussion: """
      Names each damage and what would be lost if the file were cut off there. Changes nothing: to go on, \
      restore a backup. Exit status 4 when something is damaged.
      """)

  @Option(help: "The data directory; nobody may be using it.") var data: String
  @Flag(help: "Look only; there is no other way yet.") var dryRun = false

  func run() throws {
    let findings: [RepairFinding]
    do {
      findings = try RepairReport.make(directory: data)
    } catch {
      throw ServiceError(error)
    }
    let output = Output(1)
    guard !findings.isEmpty else { return output.write("no damage\n") }
    for finding in findings {
      let position = finding.position.map { " at byte \($0)" } ?? ""
      output.write("\(finding.path)\(position)\n  \(finding.reason)\n  lost: \(finding.loss)\n")
    }
    output.flush()
    throw CommandFailure(.code(4))
  }
}
