// The engine that a case runs on, which may be closed and opened again between its steps.

import Headrace
import Foundation
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceTopics

final class EngineHost {
  /// The cluster that all cases run on; nil: the embedded log.
  nonisolated(unsafe) static var kafka: String?
  private let options: EngineOptions
  private let restarts: Bool
  private(set) var engine: Engine
  private(set) var session: Session

  init(_ options: EngineOptions, restarts: Bool) throws {
    var options = options
    if restarts {
      options.directory = NSTemporaryDirectory() + "headrace-case-\(UUID().uuidString)"
      options.durability = .os
    }
    if let address = Self.kafka {
      let name = "c\(UInt32.random(in: 0...UInt32.max))"
      var kafka = KafkaOptions(address: address)
      kafka.service = name
      kafka.share = "0/1"
      kafka.commitIntervalMs = 0
      kafka.properties = (text: "headrace.topic.prefix=\(name)-\n", file: "case")
      options.kafka = kafka
    }
    self.options = options
    self.restarts = restarts
    engine = try Engine.open(options)
    session = Session(engine: engine)
    session.endsAtIdle = true
  }

  /// Closes the engine and opens what it has committed; properties of the session go on.
  func restart() throws {
    guard restarts else { return }
    let properties = session.properties
    try engine.close()
    engine = try Engine.open(options)
    session = Session(engine: engine)
    session.endsAtIdle = true
    for (name, value) in properties { session.set(property: name.text, to: value) }
  }

  /// Epoch by epoch, with a restart between two.
  func runUntilIdle() throws {
    while try engine.step() { try restart() }
  }

  func end() {
    do {
      if options.kafka != nil {
        var commit = EpochCommit(epoch: 0)
        commit.topicsDeleted = try engine.log.outlines().map(\.name).filter {
          !$0.hasPrefix("_") || $0.hasPrefix("_headrace-")
            || $0.hasPrefix("_headrace_\(options.kafka?.service ?? "")_")
        }
        try engine.log.commit(commit)
      }
      try engine.close()
      if let directory = options.directory {
        try FileManager.default.removeItem(atPath: directory)
      }
    } catch {
      print("cannot clean up: \(error)")
    }
  }
}
