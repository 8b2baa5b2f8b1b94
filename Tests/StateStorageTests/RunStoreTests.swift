// The store of runs against a dictionary, on a simulated disk and on a real one, and under faults. `HEADRACE_SEEDS` says
// how many seeds a nightly run takes instead of a few.

import Foundation
import HeadraceColumns
import HeadraceSimulation
import HeadraceTopics
import Testing

@testable import HeadraceStateStorage

@Suite struct RunStoreTests {
  @Test(arguments: StateCampaign.allCases) func faultsNeverGiveWrongAnswers(
    campaign: StateCampaign
  ) throws {
    let stride = [StateCampaign.power: 37, .call: 13, .full: 4, .damage: 6][campaign] ?? 1
    var points = 0
    for seed in 0..<4 as Range<UInt64> { points += try campaign.run(seed: seed, stride: stride) }
    #expect(points > 50)
  }
}
