// The harnesses over their corpora and seeded changes of them, without libFuzzer: so that they keep building, and
// what they check keeps holding. Scripts/fuzz runs them for as long as one likes.

import Foundation
import HeadraceTestSupport
import Testing

@Suite struct CorpusTests {
  private static func changed(_ input: [UInt8], _ numbers: inout SplitMix) -> [UInt8] {
    var bytes = input
    for _ in 0..<numbers.below(4) + 1 {
      let place = numbers.below(bytes.count + 1)
      switch numbers.below(4) {
      case 0: bytes.insert(UInt8(numbers.below(256)), at: place)
      case 1 where place < bytes.count: bytes.remove(at: place)
      case 2 where place < bytes.count: bytes[place] ^= 1 << UInt8(numbers.below(8))
      default: bytes.removeLast(numbers.below(bytes.count / 2 + 1))
      }
    }
    return bytes
  }

  @Test(arguments: fuzzTargets().map { $0.name }) func corpusHolds(name: String) throws {
    let type = try #require(fuzzTargets().first { $0.name == name })
    let target = type.init()
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Corpus/\(name)")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    try #require(!files.isEmpty)
    var numbers = SplitMix(state: 1)
    // These start an engine or write files for each input.
    let changes = ["inbox", "segment"].contains(name) ? 2 : 200
    for file in files {
      let bytes = Array(try Data(contentsOf: folder.appendingPathComponent(file)))
      bytes.withUnsafeBytes { target.run($0) }
      for _ in 0..<changes {
        Self.changed(bytes, &numbers).withUnsafeBytes { target.run($0) }
      }
    }
  }
}
