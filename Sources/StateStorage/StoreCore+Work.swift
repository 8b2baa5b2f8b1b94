// The work of the merger for one store: memtables become runs, runs become fewer. One thread at a
// time does it; a memtable may be written in the midst of a merge, of this store or of another one.
//
// A merge leaves out what is deleted or too old where the oldest run takes part, since nothing can
// be beneath it; elsewhere a record that is too old becomes a deletion, or an older record of its
// key would come to light.

import HeadraceFoundations
import HeadraceTopics

extension StoreCore {
  /// Writes the memtables that wait, then the manifest when it is wanted.
  func writeWaiting() {
    guard begin() else { return }
    defer { end() }
    do {
      while let step = nextStep() {
        switch step {
        case .memtable(let sealed): try write(sealed)
        case .manifest(let position):
          try makeDirectory()
          try install(nil, replacing: [], position: position)
        }
      }
    } catch {
      fail(error)
    }
  }

  private enum Step {
    case memtable(Sealed)
    case manifest(Int64)
  }

  /// A position is only written when no memtable waits: the runs hold the state up to it then.
  private func nextStep() -> Step? {
    state.change { state in
      if let sealed = state.sealed.first { return .memtable(sealed) }
      guard let wanted = state.wantedPosition else { return nil }
      let isSaved = state.hasManifest && state.savedBounds == state.bounds
      if !isSaved || wanted > state.savedPosition {
        return .manifest(max(wanted, state.savedPosition))
      }
      state.wantedPosition = nil
      return nil
    }
  }

  private func write(_ sealed: Sealed) throws(StorageError) {
    try makeDirectory()
    let order = sealed.memtable.sortedEntries(0..<sealed.memtable.count)
    let merged = MergedRecords([RecordCursor(sealed.memtable, order)])
    let isOldest = state.withLock { $0.runs.isEmpty }
    let entry = try makeRun(
      merged, filterPlan(keys: order.count, replacing: []), isOldest: isOldest, of: [], queue: nil)
    try install(entry, replacing: [], position: sealed.position, takesSealed: true)
  }

  private func fanIn(of runs: [RunEntry]) -> Int {
    let bytes = runs.reduce(0) { $0 + $1.run.fileBytes }
    let records = runs.reduce(0) { $0 + $1.run.footer.spaces.reduce(0) { $0 + $1.records } }
    return bytes / max(1, records) > Self.largeRecordBytes
      ? options.largeFanIn : options.mergeFanIn
  }

  private static let largeRecordBytes = 1 << 10

  /// Does one merge. False: none is due, or it failed.
  func mergeOnce(queue: MergeQueue) -> Bool {
    guard begin() else { return false }
    defer { end() }
    do {
      if try dropDead() { return true }
      let runs = state.withLock { state in
        state.isDue = false
        return state.runs
      }
      let damaged = state.withLock { $0.damaged }
      let candidates = runs.map {
        MergePolicy.Candidate(
          bytes: $0.run.fileBytes, isDamaged: damaged.contains($0.run.number))
      }
      guard
        let range = MergePolicy.pick(
          candidates, fanIn: fanIn(of: runs), runsMax: options.runsMax,
          unit: state.withLock(\.shares.memtableBytes))
      else { return false }
      try merge(runs[range].map(\.run), isOldest: range.upperBound == runs.count, queue)
      return true
    } catch {
      // A store that is closed, or a merger that stops, gives its merge up.
      if error.kind != .closed { fail(error) }
      return false
    }
  }

  private func merge(
    _ runs: [Run], isOldest: Bool, _ queue: MergeQueue
  ) throws(StorageError) {
    let entry: RunEntry?
    do {
      var cursors: [RecordCursor] = []
      for run in runs { cursors.append(try RecordCursor(run, wholeBytes: options.wholeBytes)) }
      let keys = runs.reduce(0) { $0 + $1.footer.filterKeys }
      entry = try makeRun(
        MergedRecords(cursors), filterPlan(keys: keys, replacing: runs), isOldest: isOldest,
        of: runs, queue: queue)
    } catch {
      if error.kind == .corruption {
        let found = runs.filter { $0.path == error.path }
        state.withLock { $0.damaged += (found.isEmpty ? runs : found).map(\.number) }
      }
      throw error
    }
    try install(entry, replacing: runs, position: nil)
  }

  /// The oldest runs go without being read when all that they have is too old: nothing is beneath
  /// them.
  private func dropDead() throws(StorageError) -> Bool {
    let (runs, bounds) = state.withLock { ($0.runs, $0.bounds) }
    let living = runs.lastIndex { !$0.run.isDead(bounds) }.map { $0 + 1 } ?? 0
    let dead = runs[living...].map(\.run)
    guard !dead.isEmpty else { return false }
    try install(nil, replacing: dead, position: nil)
    return true
  }

  /// Writes a run and opens it. nil: nothing was left to be written.
  private func makeRun(
    _ merged: MergedRecords, _ plan: FilterPlan, isOldest: Bool, of runs: [Run],
    queue: MergeQueue?
  ) throws(StorageError) -> RunEntry? {
    let number = takeNumber()
    let path = path(number)
    // There are two filters and indexes for a while, the new one and those of the runs that it will
    // replace, and the new index is in memory once more when it is read.
    let indexes = runs.reduce(0) { $0 + $1.index.byteCount }
    state.withLock { $0.buildingBytes = plan.byteCount + indexes * 2 }
    defer { state.withLock { $0.buildingBytes = 0 } }
    do {
      guard try writeRun(path, number, merged, plan, isOldest: isOldest, queue: queue) else {
        discard([path])
        return nil
      }
      return try Run.open(
        path, number: number, identity: identityHash, fileSystem: fileSystem,
        filtersParts: options.filterPrefix != nil)
    } catch {
      discard([path])
      throw error
    }
  }

  /// False: nothing was left to be written.
  private func writeRun(
    _ path: String, _ number: UInt64, _ merged: MergedRecords, _ plan: FilterPlan,
    isOldest: Bool, queue: MergeQueue?
  ) throws(StorageError) -> Bool {
    let file = try fileSystem.open(path, create: true)
    let writer = try RunWriter(
      file, number: number, identity: identityHash, blockBytes: options.blockBytes, filter: plan)
    var records = merged
    try copy(&records, to: writer, isOldest: isOldest, queue)
    return try writer.finish()
  }

  private func copy(
    _ records: inout MergedRecords, to writer: RunWriter, isOldest: Bool, _ queue: MergeQueue?
  ) throws(StorageError) {
    let bounds = state.withLock { $0.bounds }
    var copied = 0
    while var record = try records.next() {
      copied += record.keyCount + max(0, record.valueCount) + 16
      if copied >= options.patienceBytes, let queue {
        copied = 0
        let isClosed = state.withLock { $0.isClosed }
        guard queue.writeWaiting(), !isClosed else { throw StorageError(.closed, "merging runs") }
      }
      if record.valueCount >= 0,
        record.timestamp < bounds[Int(record.key.load(as: UInt8.self))]
      {
        record.valueCount = -1
      }
      if record.valueCount < 0, isOldest { continue }
      let isElsewhere = record.valueCount > 0 && records.large != nil
      try writer.add(record, from: isElsewhere ? records.large : nil)
    }
  }

  /// Makes a new list of runs durable, and then the one that is read.
  /// - Parameters:
  ///   - position: up to which they hold the state; nil: as before.
  ///   - takesSealed: the oldest sealed memtable is in them.
  private func install(
    _ entry: RunEntry?, replacing: [Run], position: Int64?, takesSealed: Bool = false
  ) throws(StorageError) {
    let old = state.withLock { $0 }
    let runs = balanced(Self.replaced(old.runs, replacing, entry))
    let manifest = Manifest(
      identity: identity, position: position ?? old.savedPosition, savedMs: old.clockMs,
      nextRun: old.nextRun,
      runs: runs.map { entry in
        Manifest.NamedRun(
          number: entry.run.number, fileBytes: entry.run.fileBytes, checksum: entry.run.checksum)
      }, bounds: old.bounds)
    var mayStand = false
    do {
      try manifest.write(directory, fileSystem, mayStand: &mayStand)
    } catch {
      if let path = entry?.run.path {
        if mayStand { state.withLock { $0.limbo.append(path) } } else { discard([path]) }
      }
      throw error
    }
    let limbo = state.change { state in
      state.runs = runs
      state.savedPosition = manifest.position
      state.savedMs = manifest.savedMs
      state.savedBounds = manifest.bounds
      state.hasManifest = true
      (state.failures, state.retryIn) = (0, 0)
      if takesSealed { state.sealed.removeFirst() }
      defer { state.limbo = [] }
      return state.limbo
    }
    discard(replacing.map(\.path) + limbo)
  }

  private static func replaced(
    _ runs: [RunEntry], _ replacing: [Run], _ entry: RunEntry?
  ) -> [RunEntry] {
    guard let first = replacing.first, let place = runs.firstIndex(where: { $0.run === first })
    else { return (entry.map { [$0] } ?? []) + runs }
    var result = runs
    result.replaceSubrange(place..<place + replacing.count, with: entry.map { [$0] } ?? [])
    return result
  }
}
