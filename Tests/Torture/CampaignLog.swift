// The append-only record of what was run. A line: campaign, workload, first seed, seed after the last, points,
// findings, seconds.

import Glibc

struct CampaignLog {
  private let path: String
  private var seeds: [String: UInt64] = [:]
  private var totals: [String: Int] = [:]

  init(_ path: String) throws {
    self.path = path
    guard let file = fopen(path, "r") else { return }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
      guard words.count == 7, let end = UInt64(words[3]), let points = Int(words[4]) else {
        continue
      }
      seeds["\(words[0]) \(words[1])"] = end
      totals[words[0], default: 0] += points
    }
  }

  func nextSeed(_ campaign: Campaign, _ workload: Workload) -> UInt64 {
    seeds["\(campaign.rawValue) \(workload.name)"] ?? 0
  }

  func points(_ campaign: Campaign) -> Int { totals[campaign.rawValue] ?? 0 }

  mutating func append(
    _ campaign: Campaign, _ workload: Workload, seeds range: Range<UInt64>, points: Int,
    findings: Int, seconds: Double
  ) throws {
    seeds["\(campaign.rawValue) \(workload.name)"] = range.upperBound
    totals[campaign.rawValue, default: 0] += points
    let line =
      "\(campaign.rawValue) \(workload.name) \(range.lowerBound) \(range.upperBound) \(points) "
      + "\(findings) \(Int(seconds.rounded()))\n"
    guard let file = fopen(path, "a") else { throw Finding("cannot write \(path)") }
    fputs(line, file)
    fclose(file)
    print(line, terminator: "")
  }
}
