// A submitted file: checked and executed, statement after statement, by an engine on a simulated disk. It ends
// with an answer, whatever the text is; the engine then still commits.

import HeadraceSimulation
import HeadraceColumns
import Headrace
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax

private final class NoOutput: ResultHandler {
  func message(_ text: String) {}
  func begin(_ columns: [ResultColumn]) {}
  func rows(_ rows: [ResultRow]) -> Bool { true }
  func end(_ note: String?) {}
}

final class InboxTarget: FuzzTarget {
  static let name = "inbox"

  func run(_ input: UnsafeRawBufferPointer) {
    do {
      var options = EngineOptions(directory: "/data")
      options.fileSystem = SimulatedFileSystem(seed: 1)
      options.logOptions.syncThreads = 1
      options.logOptions.checkpointsInBackground = false
      options.workers = 1
      options.roots = ["/nowhere"]
      options.clock = { 0 }
      let engine = try Engine.open(options)
      let submission = Submission(
        engine, name: "file", source: SourceText(name: "file.sql", text: Array(input)),
        roots: ["/nowhere"])
      let answer = try submission.run(NoOutput())
      if answer.state != .accepted, answer.error == nil { broken("no reason for a refusal") }
      try engine.runUntilIdle()
      try engine.close()
    } catch {
      broken("the engine failed", "\(error)")
    }
  }
}
