// headrace-torture state-files [CAMPAIGN...] [--seed N] [--seconds N]
//
// The campaigns over the files of a state, `StateCampaign`, which the tests run a sample of: every point of seeds 0,
// 1, ... for so long, all campaigns taking turns; or of one seed, to see a finding again.

import HeadraceSimulation
import Glibc

enum StateFiles {
  static let command = "state-files"

  /// True when nothing was found.
  static func run(_ words: [String]) throws -> Bool {
    var campaigns: [StateCampaign] = []
    var (only, seconds): (UInt64?, Int) = (nil, 60)
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--seed": only = rest.popFirst().flatMap { UInt64($0) }
      case "--seconds": seconds = rest.popFirst().flatMap { Int($0) } ?? seconds
      default:
        guard let campaign = StateCampaign(rawValue: word) else {
          throw Finding("\(word) is none of \(StateCampaign.allCases.map(\.rawValue))")
        }
        campaigns.append(campaign)
      }
    }
    if campaigns.isEmpty { campaigns = StateCampaign.allCases }
    var (points, findings) = (0, 0)
    let end = now() + seconds
    var seed = only ?? 0
    repeat {
      for campaign in campaigns {
        do {
          points += try campaign.run(seed: seed)
        } catch {
          findings += 1
          print("FOUND \(error)")
        }
      }
      seed += 1
    } while only == nil && now() < end
    print("state-files: \(points) points, seeds below \(seed), \(findings) findings")
    return findings == 0
  }

  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec
  }
}
