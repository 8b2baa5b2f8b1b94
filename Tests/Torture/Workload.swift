// What a campaign disturbs: a fixed list of steps on a store or an engine. A run that nothing disturbs gives
// the content after each step; whatever a fault does, the content found afterwards must be that of the last
// acknowledged step or, when one was under way, of the next, and the rest of the steps must lead to the same
// end.

import HeadraceSimulation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

/// Something opened on a simulated disk.
protocol Subject: AnyObject {
  /// Throws: the step was not acknowledged. May be called again then.
  func apply(_ step: Int) throws
  /// All that a reader can see, in a fixed order.
  func dump() throws -> [String]
  /// The records alone: what can be read when nothing can be written.
  func dumpLog() throws -> [String]
  /// Why part of it no longer works, though the rest does.
  func failures() -> [String]
  func verify() throws -> [Damage]
  func close() throws
}

struct Workload: Sendable {
  var name: String
  var stepCount: Int
  var open: @Sendable (_ system: SimulatedFileSystem, _ seed: UInt64) throws -> any Subject

  static let all: [Workload] = [
    .log("log", inPlace: 4 << 20), .log("in-place", inPlace: 0), .log("mixed", inPlace: 300),
    .engine("grouping", EngineScripts.grouping), .engine("join", EngineScripts.join),
    .upkeep("upkeep"), .upkeep("compressed", compresses: true),
    .engine("compacted", EngineScripts.join, compacts: true),
    .engine("conflated", EngineScripts.conflated, compacts: true, comparesLog: false),
    .engine("spilled-grouping", EngineScripts.grouping, spills: true),
    .engine("spilled-join", EngineScripts.join, spills: true),
    .engine(
      "spilled-conflated", EngineScripts.conflated, compacts: true, comparesLog: false,
      spills: true),
  ]
}

/// The undisturbed run.
struct Reference {
  /// After no step, after one, ...
  var contents: [[String]]
  /// File calls of the run.
  var calls: Int
  /// Largest number of bytes on the disk.
  var bytes: Int

  init(_ workload: Workload, seed: UInt64) throws {
    let system = SimulatedFileSystem(seed: seed)
    // Looking costs calls too, so they are counted on a run of its own.
    let counted = SimulatedFileSystem(seed: seed)
    let subject = try workload.open(system, seed)
    let other = try workload.open(counted, seed)
    contents = [try subject.dump()]
    bytes = 0
    for step in 0..<workload.stepCount {
      try subject.apply(step)
      contents.append(try subject.dump())
      try other.apply(step)
      bytes = max(bytes, counted.byteCount)
    }
    try subject.close()
    try other.close()
    calls = counted.callCount
  }
}

typealias Dice = SplitMix

extension SplitMix {
  /// Of several numbers.
  init(_ parts: UInt64...) {
    self.init(state: 0)
    for part in parts {
      state ^= part
      state = next()
    }
  }
}

/// What a check found wrong.
struct Finding: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
