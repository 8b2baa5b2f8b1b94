// Scripts over a simulated broker: one engine, one with an awkward broker, and two whose partitions move.
//
// With one engine the records of each partition are those that a script expects. With two, which of them writes what
// depends on chance: then the records of each key are compared in the end.

import Foundation
import HeadraceFoundations
import HeadraceSimulation
import Testing

@Suite struct SimulatedTopicsTests {
  private static func configuration(
    _ name: String, engines: Int, seed: UInt64, _ faults: BrokerFaults
  ) -> ScriptConfiguration {
    var configuration = ScriptConfiguration(name: name)
    configuration.broker = .init(engines: engines, seed: seed, faults: faults)
    return configuration
  }

  private static func run(_ path: String, _ configuration: ScriptConfiguration) throws {
    let file = try ScriptFile(path: path)
    ScriptTests.report(
      try ScriptRunner(file, configuration).run().differences, file, path, configuration)
  }

  @Test(arguments: ScriptTests.paths)
  func oneEngine(_ path: String) throws {
    try Self.run(path, Self.configuration("simulated", engines: 1, seed: 1, .none))
  }

  @Test(arguments: ScriptTests.paths)
  func awkwardBroker(_ path: String) throws {
    var faults = BrokerFaults.awkward
    faults.rebalances = 0
    // Offsets that are shown are those of a log without gaps.
    if try ScriptFile(path: path).showsOffsets { faults.gaps = 0 }
    try Self.run(path, Self.configuration("simulated-awkward", engines: 1, seed: 7, faults))
  }

  @Test(arguments: ScriptTests.paths)
  func twoEngines(_ path: String) throws {
    var faults = BrokerFaults.none
    faults.rebalances = 100
    try Self.run(path, Self.configuration("simulated-several", engines: 2, seed: 3, faults))
  }

  /// From block to block the log is another one, by turns embedded and a broker's with gaps in its offsets.
  @Test(arguments: ScriptTests.paths)
  func movedAtEachBlock(_ path: String) throws {
    let file = try ScriptFile(path: path)
    if file.isSkipped("restart-each-step") { return }
    var faults = BrokerFaults.none
    if !file.showsOffsets { faults.gaps = 100 }
    var configuration = Self.configuration("simulated-moved", engines: 1, seed: 5, faults)
    configuration.moves = true
    try Self.run(path, configuration)
  }

  /// Scripts of every kind of operator, for the campaign.
  private static let chosen = [
    "aggregates.slt", "aggregates/distinct.slt", "aggregates/sums.slt", "aggregates/tables.slt",
    "bad_records.slt", "equality_of_numbers.slt", "equality_of_texts.slt", "faults.slt",
    "filter.slt", "inline.slt", "inserts.slt", "keyless.slt", "partitions.slt", "statements.slt",
  ]

  private static var campaign: [String] {
    let folders = ["joins/", "windows/", "upgrades/", "push/"]
    return ScriptTests.paths.filter { path in
      let name = String(path[path.range(of: "Tests/SQL/")!.upperBound...])
      return chosen.contains(name) || folders.contains { name.hasPrefix($0) }
    }
  }

  /// Every fault there is, one to three engines. HEADRACE_SEEDS: how many seeds; HEADRACE_SEED: the first one.
  @Test func seeds() throws {
    let environment = ProcessInfo.processInfo.environment
    let first = environment["HEADRACE_SEED"].flatMap { UInt64($0) } ?? 0
    let count = environment["HEADRACE_SEEDS"].flatMap { UInt64($0) } ?? 1000
    let files = try Self.campaign.map { ($0, try ScriptFile(path: $0)) }
      .filter { !$0.1.isSkipped("simulated") && !$0.1.isSkipped("simulated-awkward") }
    guard Self.campaign.count > 10 else { return }
    #expect(files.count >= 30)
    var seen: [TextKey: Int] = [:]
    for seed in first..<first + count {
      let (path, file) = files[Int(seed) % files.count]
      let engines = 1 + Int(seed / UInt64(files.count)) % 3
      var faults = BrokerFaults.awkward
      if file.showsOffsets { faults.gaps = 0 }
      var configuration = Self.configuration(
        engines == 1 ? "simulated-awkward-\(seed)" : "simulated-several-\(seed)",
        engines: engines, seed: seed, faults)
      if file.isSkipped(configuration.name) { continue }
      configuration.workers = 1
      let runner = ScriptRunner(file, configuration)
      do {
        ScriptTests.report(try runner.run().differences, file, path, configuration)
      } catch {
        Issue.record("seed \(seed), \(file.name): \(error)")
      }
      seen.merge(runner.faultsSeen) { $0 + $1 }
    }
    // A campaign in which something never happens has not tested it.
    for fault in [
      "nothing yet", "gap", "abort", "hang", "lost response", "rebalance", "kill", "interlude",
      "cached state",
    ] {
      #expect(seen[TextKey(fault), default: 0] > 0, "\(fault) never happened")
    }
  }

  /// Not more than a tenth of the scripts needs what a broker lacks.
  @Test func mostScriptsRun() throws {
    let skipped = try ScriptTests.paths.filter { try ScriptFile(path: $0).isSkipped("simulated") }
    #expect(skipped.count * 10 <= ScriptTests.paths.count)
  }
}
