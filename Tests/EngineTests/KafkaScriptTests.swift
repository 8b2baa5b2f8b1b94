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
    KafkaOptions(address: address).trial("t\(UInt32.random(in: 0...UInt32.max))")
  }

  /// What a run has left on the cluster.
  static func removeTopics(_ engine: Engine) { try? engine.removeTopics() }

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
