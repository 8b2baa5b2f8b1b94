// The parts of the store by themselves: the bytes of its files, the order of merges, filters.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSimulation
import HeadraceTopics
import Testing

@testable import HeadraceStateStorage

@Suite struct RunStorePartTests {
  /// The bytes of runs and manifests: when this fails, the format has changed, and its version must.
  @Test func theFormatIsFixed() throws {
    let system = SimulatedFileSystem(seed: 1)
    var options = RunStoreOptions()
    (options.blockBytes, options.filterBitsPerKey) = (256, 10)
    let store = try RunStore(
      directory: "/s", identity: "fixed", fileSystem: system, options: options,
      merger: RunMerger(isInline: true))
    for space in [0, 3] as [UInt8] {
      var records = RawRecords(buffer: ByteBuffer(capacity: 256))
      for number in 0..<100 {
        let value = [UInt8](repeating: UInt8(number), count: number * number % 300)
        // A deletion stays where a run is not the oldest one only.
        records.append(
          key: Array("key \(number * 37 % 100)".utf8), value: number % 11 == 5 ? nil : value,
          timestamp: Int64(number * 1000 - 5000))
      }
      store.stage(records, space: space)
    }
    store.dropBefore(-4000, space: 3)
    try store.commit(position: 12, clockMs: 34)
    try store.flush(clockMs: 56)
    let files = try system.list("/s")
    #expect(files == ["manifest", "run-1"])
    let sums = try files.map { name in
      let bytes = try system.contents("/s/" + name)
      return bytes.withUnsafeBytes { bytes in
        bytes.baseAddress.map { crc32c($0, bytes.count, seed: 0) } ?? 0
      }
    }
    #expect(sums == [1_214_729_159, 1_452_912_296])
    #expect(RunFooter.version == 1)
  }

  /// A block in the place of another one of its run, or of another run of the same records, is damage.
  @Test func aBlockBelongsToItsPlace() throws {
    let system = SimulatedFileSystem(seed: 1)
    var options = RunStoreOptions()
    options.blockBytes = 256
    let store = try RunStore(
      directory: "/s", identity: "places", fileSystem: system, options: options,
      merger: RunMerger(isInline: true))
    for round in 0..<2 as Range<Int64> {
      var records = RawRecords(buffer: ByteBuffer(capacity: 256))
      for number in 100..<200 {
        records.append(key: Array("\(number)".utf8), value: [1, 2, 3], timestamp: 0)
      }
      store.stage(records, space: 0)
      try store.commit(position: round + 1, clockMs: 0)
      try store.flush(clockMs: 0)
    }
    let runs = store.core.state.withLock { $0.runs.map(\.run) }
    let index = runs[0].index
    #expect(runs.count == 2 && index.count > 4)
    #expect(index.bytes(1, 1).count == index.bytes(2, 2).count)
    func bytes(_ run: Run, _ block: Int) throws -> [UInt8] {
      let buffer = ByteBuffer(capacity: 0)
      let range = run.index.bytes(block, block)
      _ = try buffer.fill(from: run.file, at: range.lowerBound, count: range.count)
      return buffer.array()
    }
    func isDamaged(_ block: [UInt8], at number: Int) throws -> Bool {
      let own = try bytes(runs[0], number)
      let position = index.bytes(number, number).lowerBound
      try block.withUnsafeBytes { try runs[0].file.write($0, at: position) }
      var failure: StorageError?
      do throws(StorageError) {
        _ = try store.scan(space: 0, prefix: [], after: nil, limit: 1000, bytes: 1 << 20)
      } catch {
        failure = error
      }
      try own.withUnsafeBytes { try runs[0].file.write($0, at: position) }
      guard let failure else { return false }
      return failure.kind == .corruption && failure.position == Int64(position)
        && failure.path == runs[0].path
    }
    #expect(try !isDamaged(bytes(runs[0], 2), at: 2))
    #expect(try isDamaged(bytes(runs[0], 1), at: 2))
    #expect(try isDamaged(bytes(runs[1], 2), at: 2))
  }

  @Test func mergesTakeNeighboursOfOneSize() {
    func pick(_ sizes: [Int], damaged: Set<Int> = [], runsMax: Int = 40) -> Range<Int>? {
      MergePolicy.pick(
        sizes.indices.map { .init(bytes: sizes[$0], isDamaged: damaged.contains($0)) },
        fanIn: 4, runsMax: runsMax, unit: 10)
    }
    #expect(pick([]) == nil)
    #expect(pick([10, 10, 10]) == nil)
    #expect(pick([10, 10, 10, 10]) == 0..<4)
    #expect(pick([10, 10, 10, 10, 60, 60]) == 0..<4)
    #expect(pick([10, 60, 60, 3, 60, 500]) == 1..<5)
    // Above the oldest one there is three times as much.
    #expect(pick([10, 60, 60, 20]) == 0..<4)
    #expect(pick([10, 60, 60, 20], damaged: [3]) == nil)
    #expect(pick([10, 10, 10, 10, 10], damaged: [2]) == nil)
    #expect(pick([10, 10, 10, 10, 10], damaged: [0]) == 1..<5)
    #expect(pick([1, 90, 100, 900, 9000], runsMax: 4) == 0..<4)
    #expect(pick([100_000], runsMax: 0) == nil)
  }

  @Test func filtersLetAllOfTheirKeysPass() throws {
    func hash(_ number: Int) -> UInt64 {
      withUnsafeBytes(of: number) { hashKey(7, $0) }
    }
    for (keys, bits) in [(1, 10), (1000, 10), (5000, 3), (20_000, 10)] {
      var filter = RunFilter(keys: keys, bitsPerKey: bits)
      for number in 0..<keys { filter.add(hash(number)) }
      for rate in [0.03, 0.2, 1] {
        for number in 0..<keys where !filter.mayContain(hash(number)) {
          Issue.record("\(number) of \(keys)")
        }
        let passing = (keys..<keys + 10_000).count { filter.mayContain(hash($0)) }
        if bits == 10 && keys > 1 { #expect(Double(passing) < rate * 10_000) }
        guard let half = filter.folded() else { break }
        filter = half
      }
    }
  }

  /// Filters give way as runs grow: those of small runs stay, that of the largest becomes coarser and goes in the end.
  @Test func filtersKeepToTheirMemory() throws {
    let system = SimulatedFileSystem(seed: 1)
    var options = RunStoreOptions()
    options.shares.memtableBytes = 8 << 10
    options.shares.filterBytes = 2 << 10
    let store = try RunStore(
      directory: "/s", identity: "filters", fileSystem: system, options: options,
      merger: RunMerger(isInline: true))
    for number in 0..<300 as Range<Int64> {
      var records = RawRecords(buffer: ByteBuffer(capacity: 256))
      for key in 0..<20 {
        records.append(key: Array("\(number) \(key)".utf8), value: [1], timestamp: 0)
      }
      store.stage(records, space: 0)
      try store.commit(position: number, clockMs: 0)
      let runs = store.core.state.withLock { $0.runs }
      #expect(runs.reduce(0) { $0 + ($1.filter?.byteCount ?? 0) } <= 2 << 10)
      if let newest = runs.first, runs.count > 1 { #expect(newest.filter != nil) }
    }
    #expect(store.recordCount == 6000)
  }

  /// Keys that have no beginning in common, one that is longer than a few words, and keys that end within it.
  @Test func sortingByKeyIsSorting() {
    for (count, common) in [(0, 0), (1, 9), (63, 30), (64, 0), (1000, 7), (1000, 8), (3000, 40)] {
      var state = UInt64(count) + 1
      let keys = (0..<count).map { number in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let tail = withUnsafeBytes(of: state >> 33 & 0xFF00FF) { Array($0.prefix(number % 9)) }
        return [1] + [UInt8](repeating: 0, count: common - (number % 50 == 7 ? common / 2 : 0))
          + tail
      }
      let stored = StoredKeys(count, space: 3) { number in
        keys[number].withUnsafeBytes { UnsafeRawBufferPointer($0) }
      }
      defer { stored.deallocate() }
      var entries = keys.indices.map { number in
        PrefixEntry(
          prefix: stored[number].baseAddress.map { keyPrefix($0, stored[number].count) } ?? 0,
          item: Int32(number))
      }
      let prefixes = entries.map(\.prefix)
      sortByKey(&entries) { stored[Int($0)] }
      let wanted = keys.indices.sorted { a, b in
        keys[a] != keys[b] ? keys[a].lexicographicallyPrecedes(keys[b]) : a < b
      }
      #expect(entries.map { Int($0.item) } == wanted)
      #expect(entries.map(\.prefix) == wanted.map { prefixes[$0] })
    }
  }
}
