// Scripts over a Kafka cluster, whose address is KAFKA. KAFKA_PART: so many of a thousand files are run,
// chosen by HEADRACE_SEED.

import Foundation
import HeadraceFoundations
import HeadraceTopics
import Testing

@testable import Headrace

enum KafkaScripts {
  static var address: String? { ProcessInfo.processInfo.environment["KAFKA"] }

  /// A service and topics of its own.
  static func options(_ address: String) -> KafkaOptions {
    let name = "t\(UInt32.random(in: 0...UInt32.max))"
    var options = KafkaOptions(address: address)
    options.service = name
    options.share = "0/1"
    options.commitIntervalMs = 0
    options.properties = (text: "headrace.topic.prefix=\(name)-\n", file: "test")
    return options
  }

  /// What a run has left on the cluster.
  static func removeTopics(_ engine: Engine) {
    var commit = EpochCommit(epoch: 0)
    let service = engine.options.kafka?.service ?? ""
    commit.topicsDeleted = engine.log.topics().map(\.name).filter {
      !$0.hasPrefix("_") || $0.hasPrefix("_headrace-") || $0.hasPrefix("_headrace_\(service)_")
    }
    _ = try? engine.log.commit(commit)
  }

  /// The files of this run.
  static var paths: [String] {
    guard address != nil else { return [] }
    let environment = ProcessInfo.processInfo.environment
    let part = environment["KAFKA_PART"].flatMap { Int($0) } ?? 1000
    let seed = environment["HEADRACE_SEED"] ?? "0"
    return ScriptTests.paths.filter { path in
      Int(stableHash(of: seed + path) % 1000) < part
    }
  }
}

@Suite(.serialized) struct KafkaScriptTests {
  @Test(.enabled(if: KafkaScripts.address != nil), arguments: KafkaScripts.paths)
  func script(_ path: String) throws {
    guard let address = KafkaScripts.address else { return }
    var configuration = ScriptConfiguration(name: "simulated-kafka")
    configuration.kafka = KafkaScripts.options(address)
    let file = try ScriptFile(path: path)
    ScriptTests.report(
      try ScriptRunner(file, configuration).run().differences, file, path, configuration)
  }
}
