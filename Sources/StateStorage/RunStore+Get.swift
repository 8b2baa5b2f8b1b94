// Lookups of whole keys, many at a time. The memtables are asked by hash. The keys that are left
// are sorted, once, and the runs are asked from the newest to the oldest, each only for what is not
// found yet: its filter first, for all keys with their lines fetched ahead; then its index, from
// key to key; then the blocks, each read once, neighbours together.

internal import CHeadraceSupport
public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

extension RunStore {
  /// The records of these keys, in their order; where there is none, the length of the value is -1.
  public func get(_ keys: RawRecords, space: UInt8) throws(StorageError) -> RawRecords {
    let view = core.view(active)
    var lookup = PointLookup(keys, space, bound: view.bounds[Int(space)], core.options)
    defer {
      lookup.deallocate()
      reader.forget()
    }
    for memtable in view.memtables { try lookup.search(memtable) }
    lookup.sort()
    for entry in view.runs where !lookup.isDone { try lookup.search(entry, reader) }
    return lookup.result
  }
}

/// One call of `get`.
private struct PointLookup {
  /// A key that the filter of a run lets pass, and the block that would have it.
  private struct Candidate: BitwiseCopyable {
    var place: Int
    var block: Int
  }

  /// Neighbouring blocks are read together up to here.
  private static let spanBytes = 256 << 10
  /// Filter lines that are fetched ahead.
  private static let ahead = 12

  private(set) var result: RawRecords
  private let space: UInt8
  private let bound: Int64
  private let keys: StoredKeys
  private let hashes: UnsafeMutablePointer<UInt64>
  private let filterHashes: UnsafeMutablePointer<UInt64>
  private let hasParts: Bool
  /// Keys that are not found yet; in key order after `sort`.
  private var open: [PrefixEntry] = []
  private var candidates: [Candidate] = []
  private var passing: [Int] = []

  init(_ records: RawRecords, _ space: UInt8, bound: Int64, _ options: RunStoreOptions) {
    let count = records.count
    (self.space, self.bound) = (space, bound)
    keys = StoredKeys(count, space: space) {
      records.key($0) ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
    hashes = .allocate(capacity: max(1, count))
    hasParts = options.filterPrefix != nil
    filterHashes = hasParts ? .allocate(capacity: max(1, count)) : hashes
    result = RawRecords(buffer: ByteBuffer(capacity: count * 32))
    result.keyStart = [Int32](repeating: 0, count: count)
    result.keyLength = [Int32](repeating: 0, count: count)
    result.valueStart = [Int32](repeating: 0, count: count)
    result.valueLength = [Int32](repeating: -1, count: count)
    result.timestamps = [Int64](repeating: 0, count: count)
    open.reserveCapacity(count)
    for index in 0..<count {
      let key = keys.key(index)
      hashes[index] = hashKey(space, key)
      if let part = options.filterPrefix {
        let length = min(max(0, part(space, key)), key.count)
        filterHashes[index] = hashKey(
          space, UnsafeRawBufferPointer(start: key.baseAddress, count: length))
      }
      result.keyStart[index] = Int32(truncatingIfNeeded: result.buffer.count)
      result.keyLength[index] = Int32(truncatingIfNeeded: key.count)
      result.buffer.append(key)
      open.append(PrefixEntry(prefix: 0, item: Int32(truncatingIfNeeded: index)))
    }
  }

  func deallocate() {
    keys.deallocate()
    hashes.deallocate()
    if hasParts { filterHashes.deallocate() }
  }

  var isDone: Bool { open.isEmpty }

  // MARK: - Memtables

  mutating func search(_ memtable: Memtable) throws(StorageError) {
    guard memtable.count > 0 else { return }
    var left = 0
    for place in 0..<open.count {
      if place + 8 < open.count {
        let next = hashes[Int(open[place + 8].item)]
        memtable.prefetch(UInt32(truncatingIfNeeded: next))
      }
      let item = open[place].item
      let hash = UInt32(truncatingIfNeeded: hashes[Int(item)])
      if let found = memtable.find(keys.key(Int(item)), space, hash) {
        try take(memtable.record(found), Int(item))
      } else {
        open[left] = open[place]
        left += 1
      }
    }
    open.removeLast(open.count - left)
  }

  /// Throws: `tooLarge` when the values together are.
  @inline(__always)
  private mutating func take(_ record: RecordView, _ item: Int) throws(StorageError) {
    guard record.valueCount >= 0, record.timestamp >= bound else { return }
    let start = result.buffer.count
    guard start + record.valueCount <= Int(Int32.max) else {
      throw StorageError(.tooLarge, "values of a lookup")
    }
    result.buffer.append(UnsafeRawBufferPointer(start: record.value, count: record.valueCount))
    result.valueStart[item] = Int32(truncatingIfNeeded: start)
    result.valueLength[item] = Int32(truncatingIfNeeded: record.valueCount)
    result.timestamps[item] = record.timestamp
  }

  // MARK: - Runs

  mutating func sort() {
    for place in open.indices {
      let key = keys[Int(open[place].item)]
      if let base = key.baseAddress { open[place].prefix = keyPrefix(base, key.count) }
    }
    let keys = keys
    sortByKey(&open) { keys[Int($0)] }
  }

  mutating func search(_ entry: RunEntry, _ reader: SpanReader) throws(StorageError) {
    let run = entry.run
    let (first, last) = (keys[Int(open[0].item)], keys[Int(open[open.count - 1].item)])
    if run.isOutside(first, last) { return }
    filter(entry.filter)
    locate(run.index)
    guard !candidates.isEmpty else { return }
    if try readCandidates(run, reader) { open.removeAll { $0.item < 0 } }
  }

  /// Leaves those that the filter lets pass.
  private mutating func filter(_ filter: RunFilter?) {
    passing.removeAll(keepingCapacity: true)
    guard let filter else {
      passing.append(contentsOf: open.indices)
      return
    }
    for place in 0..<min(Self.ahead, open.count) {
      filter.prefetch(filterHashes[Int(open[place].item)])
    }
    for place in 0..<open.count {
      if place + Self.ahead < open.count {
        filter.prefetch(filterHashes[Int(open[place + Self.ahead].item)])
      }
      if filter.mayContain(filterHashes[Int(open[place].item)]) { passing.append(place) }
    }
  }

  private mutating func locate(_ index: BlockIndex) {
    candidates.removeAll(keepingCapacity: true)
    var block = 0
    for place in passing {
      let entry = open[place]
      block = index.block(of: keys[Int(entry.item)], entry.prefix, from: block)
      index.prefetch(block)
      candidates.append(Candidate(place: place, block: block))
    }
  }

  /// Marks those that are found. Whether there are any.
  private mutating func readCandidates(
    _ run: Run, _ reader: SpanReader
  ) throws(StorageError) -> Bool {
    var isAny = false
    var next = 0
    var block: Block?
    var number = -1
    while next < candidates.count {
      let candidate = candidates[next]
      if candidate.block != number {
        number = candidate.block
        if !reader.has(number, of: run) { try reader.load(run, number, spanEnd(next, run.index)) }
        block = try reader.block(number, of: run)
      }
      next += 1
      let entry = open[candidate.place]
      let key = keys[Int(entry.item)]
      guard let block, let place = block.lowerBound(key, entry.prefix) else {
        throw run.damaged(run.index.bytes(number, number).lowerBound)
      }
      guard place < block.count else { continue }
      guard let record = block.record(place), let base = key.baseAddress else {
        throw run.damaged(run.index.bytes(number, number).lowerBound)
      }
      guard record.keyCount == key.count, isSame(record.key, base, key.count) else { continue }
      try take(record, Int(entry.item))
      open[candidate.place].item = -1
      isAny = true
    }
    return isAny
  }

  /// The last block to be read together with that of a candidate: blocks between that are not
  /// wanted cost less than another call, as long as there are few.
  private func spanEnd(_ first: Int, _ index: BlockIndex) -> Int {
    let begin = candidates[first].block
    var end = begin
    for place in (first + 1)..<max(first + 1, candidates.count) {
      let block = candidates[place].block
      if block > end + 2 || index.bytes(begin, block).count > Self.spanBytes { break }
      end = block
    }
    return end
  }
}
