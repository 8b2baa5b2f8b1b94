// A small part of each campaign, so that the harness cannot rot: see Scripts/torture for the rest.

import Testing

@testable import headrace_torture

@Suite struct TortureTests {
  @Test(arguments: Campaign.allCases.map(\.rawValue)) func findsNothing(name: String) throws {
    let campaign = try #require(Campaign(rawValue: name))
    for workload in Workload.all {
      let isEngine =
        ["grouping", "join", "compacted", "conflated"].contains(workload.name)
        || workload.name.hasPrefix("spilled")
      let stride = isEngine ? 211 : 29
      for seed in 0..<1 as Range<UInt64> {
        #expect(try campaign.run(workload, seed: seed, stride: stride) > 0)
      }
    }
  }
}
