// Records of a memtable or of a run in key order, one after the other. Of a run some blocks are
// read at a time, more of them the longer it goes on; a block that is larger than that is read
// alone.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class RecordCursor {
  private static let firstBytes = 16 << 10
  private static let bytesMax = 128 << 10
  /// Records of a memtable that are fetched ahead.
  private static let ahead = 8

  private(set) var current: RecordView
  /// The first bytes of the current key.
  private(set) var prefix: UInt64 = 0
  private(set) var isDone = false
  /// The current record's value, which is not in memory; nil: it is.
  private(set) var large: LargeValue?

  // One of the two is there.
  private let memtable: Memtable?
  private let entries: [PrefixEntry]
  private let run: Run?

  private let reader = SpanReader()
  private var block: Block?
  private var blockNumber = 0
  /// In the block, or in `entries`.
  private var place = 0
  private var readBytes: Int
  /// Blocks of more bytes are not read as a whole.
  private let wholeBytes: Int
  private let largeKey = ByteBuffer(capacity: 0)

  /// From the first record that is not below this stored key; nil: from the first one.
  /// - Parameter entries: without superseded ones.
  init(_ memtable: Memtable, _ entries: [PrefixEntry], from key: UnsafeRawBufferPointer? = nil) {
    (self.memtable, self.entries, run, readBytes) = (memtable, entries, nil, 0)
    wholeBytes = .max
    current = reader.noRecord
    if let key { place = memtable.lowerBound(entries, key) }
    takeEntry(memtable)
  }

  /// `wholeBytes`: records of larger values come without them (`large`).
  init(
    _ run: Run, from key: UnsafeRawBufferPointer? = nil, wholeBytes: Int = .max
  ) throws(StorageError) {
    (memtable, entries, self.run) = (nil, [], run)
    self.wholeBytes = wholeBytes
    readBytes = key == nil ? Self.bytesMax : Self.firstBytes
    current = reader.noRecord
    guard let key, let base = key.baseAddress else {
      try enter(0, run)
      return
    }
    let prefix = keyPrefix(base, key.count)
    let number = run.index.block(of: key, prefix, from: 0)
    try enter(number, run)
    guard let found = block?.lowerBound(key, prefix) else { throw damaged(run) }
    place = found
    try takeRecord(run)
  }

  func advance() throws(StorageError) {
    place += 1
    if let run { try takeRecord(run) } else if let memtable { takeEntry(memtable) }
  }

  private func takeEntry(_ memtable: Memtable) {
    guard place < entries.count else {
      isDone = true
      prefix = .max
      return
    }
    // Entries and keys lie in the order of their staging: each is a miss of the cache if it is not
    // fetched before.
    let far = min(place + 2 * Self.ahead, entries.count - 1)
    memtable.prefetch(entry: Int(entries[far].item))
    let near = min(place + Self.ahead, entries.count - 1)
    memtable.prefetch(recordOf: Int(entries[near].item))
    prefix = entries[place].prefix
    current = memtable.record(Int(entries[place].item))
  }

  @inline(__always)
  private func takeRecord(_ run: Run) throws(StorageError) {
    guard let block, place < block.count else { return try enter(blockNumber + 1, run) }
    guard let record = block.record(place) else { throw damaged(run) }
    current = record
    prefix = keyPrefix(record.key, record.keyCount)
  }

  private func damaged(_ run: Run) -> StorageError {
    run.damaged(run.index.bytes(blockNumber, blockNumber).lowerBound)
  }

  /// Goes to the first record of a block.
  private func enter(_ number: Int, _ run: Run) throws(StorageError) {
    guard number < run.index.count else {
      isDone = true
      prefix = .max
      return
    }
    large = nil
    if run.index.bytes(number, number).count > wholeBytes {
      reader.forget()
      if let found = try LargeValue.read(run, block: number, key: largeKey) {
        large = found.value
        block = nil
        blockNumber = number
        current = found.record
        prefix = keyPrefix(current.key, current.keyCount)
        return
      }
    }
    if !reader.has(number, of: run) {
      var last = number
      while last + 1 < run.index.count, run.index.bytes(number, last + 1).count <= readBytes {
        last += 1
      }
      readBytes = min(readBytes * 2, Self.bytesMax)
      try reader.load(run, number, last)
    }
    blockNumber = number
    place = 0
    let next = try reader.block(number, of: run)
    block = next
    guard let record = next.record(0) else { throw damaged(run) }
    current = record
    prefix = keyPrefix(record.key, record.keyCount)
  }
}
