// Lookups of all records whose keys begin with given bytes, many prefixes at a time. Each memtable
// and each run is asked for all prefixes in their order, so that a block which has several of them
// is read once; what they have is put together then, of equal keys the newest record. Deletions and
// records that are too old take part until the end, since they hide older records.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

extension RunStore {
  /// All records whose keys begin with one of these prefixes; `counts[i]` of them belong to prefix
  /// i. Order: by prefix as given, then by key. With `filterPrefix` each prefix must be exactly
  /// such a part of a key.
  public func find(
    _ prefixes: RawRecords, space: UInt8
  ) throws(StorageError) -> (records: RawRecords, counts: [Int32]) {
    let view = core.view(active)
    var lookup = PrefixLookup(prefixes, space, bound: view.bounds[Int(space)])
    defer {
      lookup.deallocate()
      reader.forget()
    }
    for memtable in view.memtables { try lookup.search(memtable) }
    for entry in view.runs {
      let filter = core.options.filterPrefix == nil ? nil : entry.filter
      try lookup.search(entry.run, filter, reader)
    }
    return lookup.finish()
  }
}

/// One call of `find`.
private struct PrefixLookup {
  private struct Hit: BitwiseCopyable {
    /// Which prefix.
    var slot: Int32
    /// Which memtable or run; the newest is the lowest.
    var source: Int32
    var keyStart: Int32
    var keyCount: Int32
    var valueStart: Int32
    var valueCount: Int32
    var timestamp: Int64
  }

  private let space: UInt8
  private let bound: Int64
  private let prefixes: StoredKeys
  /// In key order.
  private var order: [PrefixEntry] = []
  private let buffer = ByteBuffer(capacity: 1 << 12)
  private var hits: [Hit] = []
  private var source: Int32 = 0
  /// The block of the run that was looked at last.
  private var block: Block?
  private var blockNumber = -1

  init(_ records: RawRecords, _ space: UInt8, bound: Int64) {
    (self.space, self.bound) = (space, bound)
    let prefixes = StoredKeys(records.count, space: space) {
      records.key($0) ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
    for index in 0..<records.count {
      let key = prefixes[index]
      guard let base = key.baseAddress else { continue }
      order.append(
        PrefixEntry(
          prefix: keyPrefix(base, key.count), item: Int32(truncatingIfNeeded: index)))
    }
    sortByKey(&order) { prefixes[Int($0)] }
    self.prefixes = prefixes
  }

  func deallocate() { prefixes.deallocate() }

  @inline(__always)
  private static func begins(_ record: RecordView, _ prefix: UnsafeRawBufferPointer) -> Bool {
    guard record.keyCount >= prefix.count, let base = prefix.baseAddress else { return false }
    return isSame(record.key, base, prefix.count)
  }

  /// Throws: `tooLarge` when all together is.
  private mutating func take(_ record: RecordView, _ slot: Int32) throws(StorageError) {
    let value = max(0, record.valueCount)
    let start = buffer.count
    guard start + record.keyCount + value <= Int(Int32.max) else {
      throw StorageError(.tooLarge, "records of a lookup")
    }
    buffer.append(UnsafeRawBufferPointer(start: record.key + 1, count: record.keyCount - 1))
    let hit = Hit(
      slot: slot, source: source, keyStart: Int32(truncatingIfNeeded: start),
      keyCount: Int32(truncatingIfNeeded: record.keyCount - 1),
      valueStart: Int32(truncatingIfNeeded: buffer.count),
      valueCount: record.timestamp < bound ? -1 : Int32(truncatingIfNeeded: record.valueCount),
      timestamp: record.timestamp)
    if hit.valueCount > 0 {
      buffer.append(UnsafeRawBufferPointer(start: record.value, count: value))
    }
    hits.append(hit)
  }

  mutating func search(_ memtable: Memtable) throws(StorageError) {
    defer { source += 1 }
    guard memtable.count > 0 else { return }
    for chunk in memtable.chunks() {
      for entry in order {
        let prefix = prefixes[Int(entry.item)]
        var place = memtable.lowerBound(chunk, prefix)
        while place < chunk.count {
          let item = Int(chunk[place].item)
          let record = memtable.record(item)
          guard Self.begins(record, prefix) else { break }
          if !memtable.entries[item].isSuperseded { try take(record, entry.item) }
          place += 1
        }
      }
      // Another chunk is another source of order, though of no other age: their keys differ.
      source += 1
    }
  }

  mutating func search(
    _ run: Run, _ filter: RunFilter?, _ reader: SpanReader
  ) throws(StorageError) {
    defer { source += 1 }
    var from = 0
    blockNumber = -1
    for (place, entry) in order.enumerated() {
      if let filter {
        if place + 8 < order.count { filter.prefetch(hash(order[place + 8])) }
        if !filter.mayContain(hash(entry)) { continue }
      }
      let prefix = prefixes[Int(entry.item)]
      from = run.index.block(of: prefix, entry.prefix, from: from)
      try search(run, prefix, entry, from, reader)
    }
  }

  @inline(__always)
  private func hash(_ entry: PrefixEntry) -> UInt64 {
    hashKey(space, prefixes.key(Int(entry.item)))
  }

  private mutating func search(
    _ run: Run, _ prefix: UnsafeRawBufferPointer, _ entry: PrefixEntry, _ first: Int,
    _ reader: SpanReader
  ) throws(StorageError) {
    var number = first
    while true {
      if number != blockNumber {
        try reader.load(run, number, number)
        block = try reader.block(number, of: run)
        blockNumber = number
      }
      let position = run.index.bytes(number, number).lowerBound
      guard let block, var place = block.lowerBound(prefix, entry.prefix) else {
        throw run.damaged(position)
      }
      while place < block.count {
        guard let record = block.record(place) else { throw run.damaged(position) }
        guard Self.begins(record, prefix) else { return }
        try take(record, entry.item)
        place += 1
      }
      number += 1
      guard run.index.mayContinue(number, prefix) else { return }
    }
  }

  // MARK: - The result

  func finish() -> (records: RawRecords, counts: [Int32]) {
    var counts = [Int32](repeating: 0, count: prefixes.count)
    var result = RawRecords(buffer: buffer)
    var last: Hit?
    for hit in inOrder() {
      defer { last = hit }
      if let last, last.slot == hit.slot, compare(last, hit) == 0 { continue }
      guard hit.valueCount >= 0 else { continue }
      counts[Int(hit.slot)] += 1
      result.keyStart.append(hit.keyStart)
      result.keyLength.append(hit.keyCount)
      result.valueStart.append(hit.valueStart)
      result.valueLength.append(hit.valueCount)
      result.timestamps.append(hit.timestamp)
    }
    return (result, counts)
  }

  /// By prefix as given, then by key, then the newest first.
  private func inOrder() -> [Hit] {
    var ends = [Int](repeating: 0, count: prefixes.count + 1)
    for hit in hits { ends[Int(hit.slot) + 1] += 1 }
    for slot in 0..<prefixes.count { ends[slot + 1] += ends[slot] }
    var places = ends
    var sorted = hits
    for hit in hits {
      sorted[places[Int(hit.slot)]] = hit
      places[Int(hit.slot)] += 1
    }
    for slot in 0..<prefixes.count {
      let range = ends[slot]..<ends[slot + 1]
      // What one source has is in order already.
      guard let first = sorted[range].first,
        sorted[range].contains(where: { $0.source != first.source })
      else { continue }
      sorted[range].sort { a, b in
        let order = compare(a, b)
        return order != 0 ? order < 0 : a.source < b.source
      }
    }
    return sorted
  }

  private func compare(_ a: Hit, _ b: Hit) -> Int {
    compareBytes(
      UnsafeRawPointer(buffer.base + Int(a.keyStart)), Int(a.keyCount),
      UnsafeRawPointer(buffer.base + Int(b.keyStart)), Int(b.keyCount))
  }
}
