// The hash table of states beside a dictionary: batches and single keys, removals, growth in pieces, and a new beginning.

import HeadraceColumns
import HeadraceTestSupport
import Testing

@testable import HeadraceExecutor

@Suite struct KeyIndexTests {
  @Test(arguments: 1...4) func sameAsADictionary(seed: UInt64) {
    var random = SplitMix(state: seed)
    let index = KeyIndex()
    var known: [Int64: Int] = [:]
    var slots: [Int32] = []
    for round in 0..<60 {
      // Enough keys for tables that are made in pieces.
      let keys = (0..<Int.random(in: 1...12_000, using: &random)).map { _ in
        Int64.random(in: 0..<300_000, using: &random)
      }
      let rows = RowCodec.encode([.bigint(Fixed(keys))], count: keys.count)
      var created: [Int] = []
      index.insert(rows, slots: &slots) { created.append($0) }
      for (row, key) in keys.enumerated() {
        if let slot = known[key] {
          #expect(slot == Int(slots[row]))
        } else {
          known[key] = Int(slots[row])
        }
      }
      #expect(Set(created).isSubset(of: Set(known.values)))
      for key in keys.prefix(round % 3 == 0 ? keys.count / 2 : 10) {
        if let slot = known.removeValue(forKey: key) { index.remove(slot: slot) }
      }
      #expect(index.count == known.count)
      if round == 40 {
        index.removeAll()
        known = [:]
        #expect(index.count == 0)
      }
    }
    let keys = known.keys.sorted()
    var found: [Int32] = []
    index.find(RowCodec.encode([.bigint(Fixed(keys))], count: keys.count), 0..<keys.count) {
      found.append($0)
    }
    #expect(found == keys.map { Int32(known[$0] ?? -1) })
    #expect(Set(found).count == keys.count)
  }
}
