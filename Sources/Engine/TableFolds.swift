// Tables as pull queries read them: each partition of a table's topic folded to the last record of
// its keys, kept between queries, and brought up to date by what has come since.
//
// Whoever reads several partitions holds the locks of all of them, in the order of their names,
// while it takes the topics' ends: so what it gets is as of one commit, and no epoch waits for it.
// Long work is done before, one partition at a time.
//
// Invariant: a fold shows no record beyond the committed end nor one that retention has dropped,
// and misses no deletion: compaction keeps one for the topic's time after it has first met it; a
// fold that was not looked after for so long is made anew.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

/// A table, or some keys of it, as a plan reads it.
struct TableRead: Hashable {
  let name: String
  let topic: String
  let partitions: Int
  /// Encoded; nil: all keys.
  let keys: [[UInt8]]?

  init(_ source: SourceDefinition, keys: [[UInt8]]?) {
    name = source.name
    topic = source.topic
    partitions = source.partitions
    self.keys = keys
  }
}

/// What a pull query sees: the tables' records, and where the other topics end, as of one commit.
struct PinnedTables {
  var ends: [TextKey: TopicEnds] = [:]
  /// A value for each partition.
  var records: [TableRead: [RawRecords]] = [:]
  var rowCount: Int { records.values.joined().reduce(0) { $0 + $1.count } }
}

final class TableFolds: @unchecked Sendable {
  // Unchecked: the table of folds is under `lock`, each fold under its own lock.

  private final class Kept {
    let lock = FairLock()
    let name: String
    let topic: String
    let partition: Int
    /// The topic as it was when the fold began.
    var id: Int64
    var replacements: Int
    /// Where the partition began when it was last read: what retention drops is in no view.
    var start: Int64 = 0
    /// When it was last brought up to the end.
    var seenMs = Int64.min
    var fold = TableFold()
    /// These two under the lock of the table of folds.
    var byteCount = 0
    var lastRead = ContinuousClock.now

    init(_ table: TableRead, _ partition: Int, _ ends: TopicEnds) {
      name = table.name
      topic = table.topic
      self.partition = partition
      (id, replacements) = (ends.id, ends.replacements)
    }
  }

  /// Folds that nobody has read for so long are dropped.
  private static let idleSeconds: Int64 = 600
  /// Records that a kept fold may be behind while nobody reads it.
  static let lagMax: Int64 = 4096

  private let log: any TopicStore
  private let clock: @Sendable () -> Int64
  /// Of folded tables that are kept beside those that were just read.
  private let bytesMax: Int
  private let lock = FairLock()
  private var folds: [TextKey: Kept] = [:]
  private var folded = 0

  init(_ log: any TopicStore, clock: @escaping @Sendable () -> Int64, bytesMax: Int) {
    self.log = log
    self.clock = clock
    self.bytesMax = bytesMax
  }

  /// Records that were folded in since the engine was opened.
  var foldedRecords: Int { lock.withLock { folded } }

  /// The tables as of one commit, at which the topics are pinned too. Not there: a topic that is
  /// missing.
  func pin(_ tables: Set<TableRead>, _ topics: Set<TextKey>) throws(QueryFailure) -> PinnedTables {
    let names = topics.union(Set(texts: tables.map(\.topic)))
    try awaitCommits(names)
    let earlyMs = clock()
    let early = log.committedEnds(of: names)
    var places: [TextKey: Kept] = [:]
    for table in tables {
      guard let ends = early[table.topic] else { continue }
      for partition in ends.ends.indices {
        let kept = fold(table, partition, ends)
        places["\(table.topic)/\(partition)"] = kept
        try kept.lock.withLock { () throws(QueryFailure) in try advance(kept, ends, earlyMs) }
      }
    }
    let held = places.sorted { $0.key < $1.key }.map(\.value)
    for kept in held { kept.lock.lock() }
    defer { for kept in held { kept.lock.unlock() } }
    while true {
      let nowMs = clock()
      var result = PinnedTables(ends: log.committedEnds(of: names))
      for kept in held {
        if let ends = result.ends[kept.topic] { try advance(kept, ends, nowMs) }
      }
      for table in tables {
        result.records[table] = (0..<table.partitions).map { partition in
          guard result.ends[table.topic] != nil, let kept = places["\(table.topic)/\(partition)"]
          else { return RawRecords(buffer: ByteBuffer(capacity: 0)) }
          return table.keys.map { kept.fold.records(of: $0) } ?? kept.fold.all()
        }
      }
      // Compaction beside this may have left out what the fold should have seen.
      let after = log.committedEnds(of: names)
      let isWhole = result.ends.allSatisfy { name, ends in
        after[name]?.id == ends.id && after[name]?.replacements == ends.replacements
      }
      if isWhole || after.count < result.ends.count {
        makeRoom(sparing: Set(places.keys))
        return result
      }
    }
  }

  private static let waitMs = 100
  private static let waitsMax = 300

  /// What was written before the question is part of the answer, so transactions under way are
  /// waited for.
  private func awaitCommits(_ names: Set<TextKey>) throws(QueryFailure) {
    if log.capabilities.contains(.reservedOffsets) { return }
    for (name, ends) in log.committedEnds(of: names) {
      for partition in ends.ends.indices {
        guard let written = try? log.writtenEnd(name.text, partition) else { continue }
        var waits = 0
        while let end = try? log.committedEnd(name.text, partition), end < written {
          guard waits < Self.waitsMax else {
            throw QueryFailure(
              "a transaction that has not ended holds partition \(partition) of topic \(name)")
          }
          waits += 1
          log.wait(after: log.moment, milliseconds: Self.waitMs)
        }
      }
    }
  }

  private func fold(_ table: TableRead, _ partition: Int, _ ends: TopicEnds) -> Kept {
    lock.withLock {
      let place = "\(table.topic)/\(partition)"
      let kept = folds[place] ?? Kept(table, partition, ends)
      kept.lastRead = .now
      folds[place] = kept
      return kept
    }
  }

  /// Under the fold's lock; the ends are those of `nowMs` or later.
  private func advance(
    _ kept: Kept, _ ends: TopicEnds, _ nowMs: Int64
  ) throws(QueryFailure) {
    guard kept.partition < ends.ends.count else { return }
    let start = (try? log.earliestOffset(kept.topic, kept.partition)) ?? kept.start
    if kept.id != ends.id || start > kept.start && kept.fold.nextOffset > 0
      || kept.replacements < ends.replacements && mayMiss(kept, nowMs)
    {
      kept.fold = TableFold()
    }
    (kept.id, kept.replacements, kept.start) = (ends.id, ends.replacements, start)
    let end = ends.ends[kept.partition]
    guard kept.fold.nextOffset < end else {
      kept.seenMs = nowMs
      return
    }
    let before = kept.fold.recordCount
    do {
      var scan = try PartitionScan(
        log, kept.topic, kept.partition, from: kept.fold.nextOffset, to: end)
      try kept.fold.advance(&scan)
    } catch {
      throw QueryFailure("cannot read table \(kept.name): \(error)")
    }
    kept.seenMs = nowMs
    let (count, bytes) = (kept.fold.recordCount - before, kept.fold.byteCount)
    lock.withLock {
      folded += count
      kept.byteCount = bytes
    }
  }

  private func mayMiss(_ kept: Kept, _ nowMs: Int64) -> Bool {
    guard kept.fold.nextOffset > 0, let topic = log.outline(kept.topic) else { return false }
    return nowMs.subtractingReportingOverflow(kept.seenMs).partialValue
      >= topic.config.deleteRetentionMs
  }

  /// Folds in what has come to the tables that somebody reads now and then, so that no query has to
  /// do all of it. Drops what nobody has read for long.
  func keepUp() {
    let now = ContinuousClock.now
    let present = lock.withLock {
      folds = folds.filter { now - $0.value.lastRead < .seconds(Self.idleSeconds) }
      return folds.sorted { $0.key < $1.key }.map(\.value)
    }
    guard !present.isEmpty else { return }
    let nowMs = clock()
    let ends = log.committedEnds(of: Set(texts: present.map(\.topic)))
    for kept in present {
      guard let ends = ends[kept.topic], kept.partition < ends.ends.count else { continue }
      kept.lock.withLock {
        guard ends.ends[kept.partition] - kept.fold.nextOffset > Self.lagMax else { return }
        // Who reads it next is told.
        do throws(QueryFailure) { try advance(kept, ends, nowMs) } catch { kept.fold = TableFold() }
      }
    }
  }

  /// Who was read longest ago goes first; what was just read stays.
  private func makeRoom(sparing: Set<TextKey>) {
    lock.withLock {
      var total = folds.values.reduce(0) { $0 + $1.byteCount }
      guard total > bytesMax else { return }
      let others = folds.filter { !sparing.contains($0.key) }
      for (place, kept) in others.sorted(by: { $0.value.lastRead < $1.value.lastRead }) {
        total -= kept.byteCount
        folds[place] = nil
        if total <= bytesMax { return }
      }
    }
  }

  /// Bytes of all that is kept.
  var byteCount: Int { lock.withLock { folds.values.reduce(0) { $0 + $1.byteCount } } }

  /// Who reads a table next folds it anew.
  func forgetAll() { lock.withLock { folds = [:] } }

  func forget(_ topic: String) {
    lock.withLock { folds = folds.filter { $0.value.topic != topic } }
  }
}

extension LogicalPlan {
  /// The tables that a snapshot of the plan's sources has to hold; not those that are read as of a
  /// past moment.
  var tableReads: Set<TableRead> {
    func read(_ scan: Scan, _ keys: [[UInt8]]?) -> Set<TableRead> {
      guard scan.source.kind == .table, scan.source.hasTopic, scan.end == nil else { return [] }
      return [TableRead(scan.source, keys: keys)]
    }
    if case .scan(let scan) = self { return read(scan, nil) }
    if case .filter(let node) = self, case .scan(let scan) = node.input {
      return read(scan, lookupKeys[scan.alias])
    }
    return inputs.reduce(into: []) { $0.formUnion($1.tableReads) }
  }
}
