// Files of state: what is written is read again, and what is anything else is refused, wherever it is damaged.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSimulation
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct StateCacheTests {
  private let place = StateCachePlace(topic: "changelog", partition: 3, owner: "service/1")

  private func records(_ numbers: Range<Int>) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    for number in numbers {
      records.append(
        key: Array("key \(number)".utf8),
        value: number % 5 == 0 ? nil : Array(repeating: UInt8(number & 255), count: number % 7),
        timestamp: Int64(number))
    }
    return records
  }

  private func lines(_ records: RawRecords) -> [String] {
    (0..<records.count).map { row in
      let key = records.key(row).map { Array($0) } ?? []
      return "\(key) \(records.value(row).map { Array($0) } as Any) \(records.timestamps[row])"
    }
  }

  private func save(_ cache: StateCache, _ pieces: [RawRecords]) throws {
    try cache.save(place, end: 42, clockMs: 1000) { write throws(StorageError) in
      for piece in pieces { try write(piece) }
    }
  }

  /// nil: nothing is kept.
  private func load(
    _ cache: StateCache, _ place: StateCachePlace, clockMs: Int64 = 2000
  ) throws -> [String]? {
    guard let (reader, end) = try cache.load(place, clockMs: clockMs) else { return nil }
    #expect(end == 42)
    var found: [String] = []
    while let records = try reader.next() { found += lines(records) }
    return found
  }

  @Test func isReadAsItWasWritten() throws {
    let cache = StateCache(SimulatedFileSystem(seed: 1), directory: "data/state")
    #expect(try load(cache, place) == nil)
    try save(cache, [records(0..<10), records(10..<11), records(11..<11)])
    #expect(try load(cache, place) == lines(records(0..<11)))
    try save(cache, [])
    #expect(try load(cache, place) == [])
    // Of another query, too old, or of a time that has not come.
    for (owner, clock) in [("service/2", 2000), ("service/1", 50_000_000), ("service/1", 10)] {
      try save(cache, [records(0..<10)])
      var other = place
      other.owner = owner
      #expect(try load(cache, other, clockMs: Int64(clock)) == nil)
      #expect(try load(cache, place) == nil, "it is gone")
    }
    try save(cache, [records(0..<10)])
    try cache.keepOnly { $0 == "changelog" }
    #expect(try load(cache, place) != nil)
    try cache.keepOnly { _ in false }
    #expect(try load(cache, place) == nil)
  }

  @Test func everyDamageIsFound() throws {
    let path = "state/\(place.fileName)"
    let whole = SimulatedFileSystem(seed: 1)
    try save(StateCache(whole, directory: "state"), [records(0..<4), records(4..<7)])
    let size = try whole.contents(path).count
    for position in 0..<size {
      for isCut in [false, true] {
        let disk = SimulatedFileSystem(seed: 1)
        let cache = StateCache(disk, directory: "state")
        try save(cache, [records(0..<4), records(4..<7)])
        if isCut {
          disk.shorten(path, to: position)
        } else {
          disk.flip(path, at: position, mask: 0x41)
        }
        do throws(StorageError) {
          let found = try cache.load(place, clockMs: 2000)
          while try found?.reader.next() != nil {}
          Issue.record("byte \(position), cut: \(isCut)")
        } catch {
          #expect(error.kind == .corruption)
        }
      }
    }
  }

  /// Whatever fails and whenever the power goes: what is read is what was written before or now, or nothing, or is refused.
  @Test func failuresLeaveTheOldOrTheNew() throws {
    let (old, new) = (records(0..<5), records(5..<9))
    var outcomes: Set<String> = []
    for call in 0..<40 {
      for loss in [nil] + PowerLoss.allCases.map({ Optional($0) }) {
        let disk = SimulatedFileSystem(seed: UInt64(call))
        let cache = StateCache(disk, directory: "state")
        try save(cache, [old])
        if loss == nil { disk.failCall(after: call) } else { disk.crashCall(after: call) }
        let isWritten = (try? save(cache, [new])) != nil
        if let loss { disk.restart(loss) }
        disk.clearFaults()
        do {
          let found = try load(cache, place)
          #expect(found == nil || found == lines(old) || found == lines(new))
          if loss == nil { #expect(found == lines(isWritten ? new : old)) }
          outcomes.insert(found == nil ? "none" : found == lines(old) ? "old" : "new")
        } catch let error as StorageError {
          #expect(loss != nil && error.kind == .corruption, "\(error)")
          outcomes.insert("refused")
        }
      }
    }
    #expect(outcomes.isSuperset(of: ["old", "new"]))
  }
}
