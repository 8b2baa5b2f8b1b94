// headrace-torture [CAMPAIGN...] [--workload NAME] [--seed N] [--seconds N | --long] [--log FILE]
//
// Runs the campaigns over the simulated disk. Each finished part appends a line to the log: campaign, workload,
// range of seeds, points, findings. A run begins after the last seeds that the log has, so a long campaign may
// be run in parts; --seed runs one seed by itself, to see a finding again. --long goes on until the log
// holds the totals that are asked for before a release, and something of each workload. The files of states have a
// command of their own: see StateFiles.

import Glibc

struct Arguments {
  var campaigns: [Campaign] = []
  var workloads = Workload.all
  var seed: UInt64?
  var seconds = 60
  var isLong = false
  var log = ".build/torture.log"

  init(_ words: [String]) throws {
    var rest = words[...]
    func value() throws -> String {
      guard let word = rest.popFirst() else { throw Finding("an option lacks its value") }
      return word
    }
    while let word = rest.popFirst() {
      switch word {
      case "--seed": seed = UInt64(try value())
      case "--seconds": seconds = Int(try value()) ?? 60
      case "--long": isLong = true
      case "--log": log = try value()
      case "--workload":
        let name = try value()
        workloads = Workload.all.filter { $0.name == name }
      default:
        guard let campaign = Campaign(rawValue: word) else {
          throw Finding("\(word) is none of \(Campaign.allCases.map(\.rawValue))")
        }
        campaigns.append(campaign)
      }
    }
    if campaigns.isEmpty { campaigns = Campaign.allCases }
  }
}

/// Points that a release wants of each campaign.
private func wanted(_ campaign: Campaign) -> Int {
  switch campaign {
  case .power: 200_000
  case .call: 10_000
  case .full: 1_000
  case .damage: 50_000
  }
}

@main
enum TortureMain {
  static func main() {
    do {
      let words = Array(CommandLine.arguments.dropFirst())
      if words.first == StateFiles.command {
        exit(try StateFiles.run(Array(words.dropFirst())) ? 0 : 1)
      }
      let arguments = try Arguments(words)
      if let seed = arguments.seed {
        for campaign in arguments.campaigns {
          for workload in arguments.workloads {
            let points = try campaign.run(workload, seed: seed)
            print("\(campaign) \(workload.name) seed \(seed): \(points) points, nothing found")
          }
        }
        return
      }
      exit(try run(arguments) ? 0 : 1)
    } catch {
      print("\(error)")
      exit(2)
    }
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// True when nothing was found.
  private static func run(_ arguments: Arguments) throws -> Bool {
    var journal = try CampaignLog(arguments.log)
    let parts = arguments.campaigns.flatMap { campaign in
      arguments.workloads.map { (campaign, $0) }
    }
    let deadline = arguments.isLong ? Double.infinity : now() + Double(arguments.seconds)
    var isClean = true
    var isDone = false
    while !isDone {
      isDone = true
      for (index, (campaign, workload)) in parts.enumerated() {
        // The total of a campaign is of no worth while a workload has had no part in it.
        let isWanted =
          journal.points(campaign) < wanted(campaign) || journal.nextSeed(campaign, workload) == 0
        guard now() < deadline, isWanted || !arguments.isLong else { continue }
        isDone = false
        let share = arguments.isLong ? 20 : max(1, (deadline - now()) / Double(parts.count - index))
        if !(try part(campaign, workload, seconds: share, &journal)) { isClean = false }
      }
      if !arguments.isLong { break }
    }
    for campaign in arguments.campaigns {
      print("\(campaign): \(journal.points(campaign)) points in all")
    }
    return isClean
  }

  /// Seeds after those that are done, for so long.
  private static func part(
    _ campaign: Campaign, _ workload: Workload, seconds: Double, _ journal: inout CampaignLog
  ) throws -> Bool {
    let begun = now()
    let first = journal.nextSeed(campaign, workload)
    var (seed, points, findings) = (first, 0, 0)
    repeat {
      do {
        points += try campaign.run(workload, seed: seed)
      } catch {
        findings += 1
        print("FOUND \(error)")
      }
      seed += 1
    } while now() - begun < seconds
    try journal.append(
      campaign, workload, seeds: first..<seed, points: points, findings: findings,
      seconds: now() - begun)
    return findings == 0
  }
}
