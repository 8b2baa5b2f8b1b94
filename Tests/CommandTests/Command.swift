// Runs the built binary as a user would: arguments, standard input, files; and takes what it says.

import Foundation
import Testing

/// A directory of its own for a test, removed at its end.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "headrace-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      Issue.record("cannot remove \(path): \(error)")
    }
  }

  func file(_ name: String, _ text: String) throws -> String {
    let path = self.path + "/" + name
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    return path
  }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }
}

struct Outcome {
  var status: Int32
  var out: String
  var err: String
}

/// A started headrace.
final class Command {
  /// Beside the test bundle.
  static let binary: String = {
    let bundle =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let beside = (bundle as NSString).deletingLastPathComponent + "/headrace"
    if FileManager.default.isExecutableFile(atPath: beside) { return beside }
    let given = (CommandLine.arguments[0] as NSString).deletingLastPathComponent
    return given + "/headrace"
  }()

  private let process = Process()
  private let scratch: Scratch

  /// `output`: a path to write to instead of a file of the test's.
  init(
    _ arguments: [String], input: String = "", output: String? = nil,
    environment: [String: String] = [:]
  ) throws {
    scratch = try Scratch()
    process.executableURL = URL(fileURLWithPath: Self.binary)
    process.arguments = arguments
    let usual = ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "TMPDIR": scratch.path]
    process.environment = usual.merging(environment) { $1 }
    process.standardInput = FileHandle(forReadingAtPath: try scratch.file("in", input))
    _ = try scratch.file("out", "")
    _ = try scratch.file("err", "")
    process.standardOutput = FileHandle(forWritingAtPath: output ?? scratch.path + "/out")
    process.standardError = FileHandle(forWritingAtPath: scratch.path + "/err")
    try process.run()
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }
  var isRunning: Bool { process.isRunning }
  var out: String { (try? scratch.text("out")) ?? "" }
  var err: String { (try? scratch.text("err")) ?? "" }

  /// Waits for the end; a command that hangs is ended and fails the test.
  func finish(seconds: Double = 30) throws -> Outcome {
    let deadline = Date().addingTimeInterval(seconds)
    while process.isRunning, Date() < deadline { usleep(2000) }
    if process.isRunning {
      Issue.record("still running after \(seconds) s: \(process.arguments ?? [])")
      signal(SIGKILL)
    }
    process.waitUntilExit()
    return Outcome(
      status: process.terminationReason == .uncaughtSignal
        ? 128 + process.terminationStatus : process.terminationStatus,
      out: try scratch.text("out"), err: try scratch.text("err"))
  }
}

func headrace(
  _ arguments: String..., input: String = "", output: String? = nil
) throws -> Outcome {
  try Command(arguments, input: input, output: output).finish()
}

/// Waits until something holds.
func eventually(_ seconds: Double = 15, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = Date().addingTimeInterval(seconds)
  while Date() < deadline {
    if try condition() { return true }
    usleep(5000)
  }
  return try condition()
}

/// A serve on its own directory, ended with the test.
final class RunningServer {
  let data: String
  private let command: Command

  init(_ data: String, _ arguments: [String] = []) throws {
    self.data = data
    let command = try Command(["serve", "--data", data, "--create"] + arguments)
    self.command = command
    #expect(eventually { command.err.contains("headrace serves") || !command.isRunning })
  }

  func stop() throws -> Outcome {
    command.signal(SIGTERM)
    return try command.finish()
  }

  func kill() throws {
    command.signal(SIGKILL)
    _ = try command.finish()
  }

  deinit { if command.isRunning { command.signal(SIGKILL) } }
}

let createS =
  "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
