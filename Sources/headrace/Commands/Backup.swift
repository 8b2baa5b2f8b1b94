// `headrace backup`, `restore` and `repair`: a second copy, and what is to be done without one.

import ArgumentParser
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceLogStorage
import HeadraceTopics

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
    commandName: "backup",
    abstract: "Copy a data directory while it is in use.",
    discussion: "The copy is checked as it is made, and is a data directory itself.")

  @OptionGroup var place: Topic.Place
  @Argument(help: "A directory that does not exist yet.") var target: String

  func run() throws {
    let path = try absolute(target)
    try place.with { connection, output in
      let answer = try connection.administer(["backup", path])
      guard answer.count == 5 else { throw CommandFailure.inputOutput("no answer to the backup") }
      let isWithin = Int64(answer[4]) ?? 0 <= Int64(answer[1]) ?? 0
      output.write(
        "epoch \(answer[1]), commit \(answer[0]): \(answer[2]) segments, \(answer[3]) bytes; "
          + "can be restored \(isWithin ? "from epoch \(answer[4]) on" : "as a whole")\n")
    }
  }
}

struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make a data directory of a backup, and check every byte of it.",
    discussion: """
      As of the backup's last commit, or of the end of an earlier epoch: backup says from which one on, and \
      so does the error when there is no such epoch.
      """)

  @Option(help: "A data directory that does not exist yet.") var data: String
  @Option(help: "As of the end of this epoch (default: all that the backup holds).")
  var epoch: Int64?
  @Argument(help: "A backup, or a data directory that nobody is using.") var backup: String

  func run() throws {
    do {
      let report = try LogStore.restore(
        backup: try absolute(backup), to: try absolute(data), epoch: epoch)
      Output(1).write(
        "epoch \(report.epoch), commit \(report.commit): \(report.segmentCount) segments, "
          + "\(report.byteCount) bytes\n")
    } catch let error as StorageError {
      throw ServiceError(error)
    }
  }
}

struct RepairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract: "Make a damaged data directory one that opens, without what cannot be read.",
    discussion: """
      Names each damage, the records that would go, and the queries that this touches. With --yes it is \
      carried out; the damaged files are kept under damaged/ in the data directory. Damage that costs nothing \
      is mended without asking. Exit status 4 when something is damaged and was not mended.
      """)

  @Option(help: "The data directory; nobody may be using it.") var data: String
  @Flag(help: "Look only.") var dryRun = false
  @Flag(help: "Carry it out, whatever is lost.") var yes = false

  func validate() throws {
    if dryRun && yes { throw ValidationError("--dry-run and --yes exclude each other") }
  }

  func run() throws {
    let repair = Repair(directory: data)
    let output = Output(1)
    do {
      let plan = try repair.plan()
      defer { output.flush() }
      guard !plan.findings.isEmpty else { return output.write("no damage\n") }
      tell(plan, output)
      output.flush()
      guard plan.refusal == nil, !dryRun else { throw CommandFailure(.code(ExitStatus.damaged)) }
      guard yes || !plan.losesRecords else {
        throw CommandFailure(.code(ExitStatus.damaged), "nothing was changed; --yes carries it out")
      }
      if let aside = try repair.carryOut() {
        output.write("mended; the damaged files are kept in \(aside)\n")
      }
    } catch let error as StorageError {
      throw ServiceError(error)
    }
  }

  private func tell(_ plan: RepairPlan, _ output: Output) {
    for finding in plan.findings {
      let position = finding.position.map { " at byte \($0)" } ?? ""
      output.write("\(finding.path)\(position)\n  \(finding.reason)\n")
    }
    if let refusal = plan.refusal { return output.write("not to be mended: \(refusal)\n") }
    if let rollback = plan.rollback {
      output.write(
        "back to commit \(rollback.commit), epoch \(rollback.epoch): all commits after it are undone"
          + (rollback.laterGroups > 0 ? " (groups seen: \(rollback.laterGroups))" : "") + "\n")
    }
    let effects = RepairEffects(plan)
    for (loss, lines) in zip(plan.losses, effects.lines) {
      output.write(
        "\(loss.isRolledBack ? "undone" : "left out"): offsets "
          + "\(loss.offsets.lowerBound)..<\(loss.offsets.upperBound) of \(loss.topic), partition "
          + "\(loss.partition) (\(loss.offsets.count) records at most)\n")
      for line in lines { output.write("  \(line)\n") }
    }
    for line in effects.notes { output.write(line + "\n") }
  }
}
