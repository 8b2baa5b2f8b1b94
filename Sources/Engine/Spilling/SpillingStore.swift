// The store of one state in one partition: nothing at first, and sorted runs from the moment on in
// which the state is written into files.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceStateStorage
import HeadraceTopics

final class SpillingStore: StateStore {
  private let all: SpillingStores
  private let directory: String
  private let keys: RecordKeys
  private let isPassing: Bool
  private var identity = ""
  private var runs: RunStore? {
    didSet {
      if (oldValue == nil) != (runs == nil) { all.memory.noteFiles(runs != nil) }
    }
  }
  /// What it is becoming, while its changelog is read.
  private var filling: RunStore?
  /// Up to where the changelog has what was staged.
  var position: Int64 = 0

  init(
    _ all: SpillingStores, _ directory: String, _ keys: RecordKeys, isPassing: Bool
  ) {
    self.all = all
    self.directory = directory
    self.keys = keys
    self.isPassing = isPassing
  }

  deinit {
    runs?.close()
    if runs != nil { all.memory.noteFiles(false) }
    filling?.close()
    // What is left of it goes when the engine is opened again.
    if isPassing { try? runs?.remove() }
  }

  // MARK: - Files

  private var options: RunStoreOptions {
    var options = RunStoreOptions()
    options.shares = all.memory.shares
    if let trial = all.memory.trial {
      options.mergeFanIn = trial.mergeFanIn
      options.largeFanIn = trial.mergeFanIn
      options.runsMax = trial.mergeFanIn * 2
      options.blockBytes = 256
    }
    let keys = keys
    options.filterPrefix = { space, key in keys.lookupBytes(key, space: space) }
    return options
  }

  /// Begins without a record. `identity`: of the state; files of another one go.
  func begin(identity: String) throws(StorageError) {
    runs?.close()
    self.identity = identity
    runs = try emptyRuns()
  }

  private func emptyRuns() throws(StorageError) -> RunStore {
    try RunStore(
      directory: directory, identity: identity, fileSystem: all.files, options: options,
      merger: all.merger)
  }

  /// What the files are of, should they be made.
  func identify(as identity: String) { self.identity = identity }

  /// Opens what was kept. Returns the place in the changelog up to which that is; nil: nothing that
  /// counts.
  func open(
    identity: String, since earliest: Int64, end: Int64, ageMaxMs: Int64?
  ) throws(StorageError) -> Int64? {
    self.identity = identity
    guard try all.files.exists(directory) else { return nil }
    let kept = try RunStore.open(
      directory: directory, identity: identity, fileSystem: all.files, options: options,
      merger: all.merger)
    guard let kept else { return nil }
    let age = all.clock() - kept.savedMs
    // What was cut off at the front is not in the files, and what is behind the end is of another
    // log.
    guard kept.savedPosition >= earliest, kept.savedPosition <= end,
      ageMaxMs.map({ 0...$0 ~= age }) ?? true
    else {
      try kept.remove()
      return nil
    }
    runs = kept
    position = kept.savedPosition
    return kept.savedPosition
  }

  /// Everything that is committed goes into files: at a clean stop.
  func flush() throws(StorageError) {
    try runs?.flush(clockMs: all.clock())
  }

  /// Nothing writes to the files any more; they stay.
  func close() {
    runs?.close()
    runs = nil
    giveUpFilling()
  }

  /// The state is in the changelog alone.
  func forget() throws(StorageError) {
    let old = runs
    runs = nil
    giveUpFilling()
    if let old { try old.remove() } else { try all.files.removeTree(directory) }
  }

  /// Where a restart would read on from; nil: from the beginning.
  var savedPosition: Int64? { runs?.savedPosition }

  /// A slice of a query whose files are behind begins a little later: others have their turn
  /// meanwhile.
  func waitWhileBehind(for patience: Duration? = nil) {
    guard let runs = runs ?? filling, runs.isBehind else { return }
    let wait = patience.map { Int($0 / .milliseconds(1)) } ?? Self.waitMs
    // Large values take as long as writing them does.
    runs.waitWhileBehind(milliseconds: max(wait, runs.sealedBytes / Self.bytesWrittenInMs))
  }

  /// By a slow disk.
  private static let bytesWrittenInMs = 50_000

  var isBehind: Bool { (runs ?? filling)?.isBehind ?? false }

  private static let waitMs = 50

  // MARK: - While its changelog is read

  func beginFilling(identity: String) throws(StorageError) {
    giveUpFilling()
    self.identity = identity
    filling = try emptyRuns()
  }

  /// Records of the changelog up to `position`, and those that find them.
  func fillOn(
    _ records: RawRecords, index: RawRecords?, position: Int64
  ) throws(StorageError) {
    guard let filling else { return }
    filling.stage(records, space: StateSpace.records)
    if let index { filling.stage(index, space: StateSpace.index) }
    filling.take(all.memory.shares)
    try filling.commit(position: position, clockMs: all.clock())
  }

  /// It has all of the state from now on.
  func endFilling(position: Int64) {
    runs = filling
    filling = nil
    self.position = position
  }

  /// What is written so far is what a restart would begin with.
  func giveUpFilling() {
    filling?.close()
    filling = nil
  }

  // MARK: - As the state's store

  var isWhole: Bool { runs != nil }
  var choosesItself: Bool { all.memory.trial?.share != nil }
  var count: Int { runs?.recordCount ?? 0 }
  var byteCount: Int { runs?.byteCount ?? filling?.byteCount ?? 0 }

  /// So many slices after files could not be written it is tried again.
  private static let slicesUntilRetry = 64
  private var retryIn = 0
  /// Its state is of few records, so that its changelog may be many times as large.
  var fillsAtOnce = false

  func wantsAll(_ bytes: Int) -> Bool {
    retryIn = max(0, retryIn - 1)
    return runs == nil && retryIn == 0
      && (isPassing || fillsAtOnce || !all.memory.fillsGradually)
      && all.memory.wantsFiles(bytes)
  }

  func fill(_ content: (@escaping StateFilling) throws(StorageError) -> Void) {
    do throws(StorageError) { runs = try filled(content) } catch {
      // The state stays where it is.
      retryIn = Self.slicesUntilRetry
      all.note(error)
    }
  }

  private func filled(
    _ content: (@escaping StateFilling) throws(StorageError) -> Void
  ) throws(StorageError) -> RunStore {
    let runs = try emptyRuns()
    do throws(StorageError) {
      try content { (records, space) throws(StorageError) in
        runs.stage(records, space: space)
        // Until all is there the files count for nothing.
        try runs.commit(position: -1, clockMs: self.all.clock())
        runs.waitWhileBehind(milliseconds: 1000)
      }
    } catch {
      runs.close()
      throw error
    }
    return runs
  }

  func roomWanted(_ bytes: Int) -> Int {
    waitWhileBehind()
    return all.memory.roomWanted(bytes)
  }

  func leaving(_ slots: [Int32]) -> [Int32] {
    let share = all.memory.trial?.share ?? 0
    turn += 1
    return slots.filter { Double((Int($0) &* 7 + turn * 3) % 10) < share * 10 }
  }

  private var turn = 0

  func get(_ keys: RawRecords, space: UInt8) throws(StorageError) -> RawRecords {
    try runs?.get(keys, space: space) ?? .none
  }

  func find(
    _ prefixes: RawRecords, space: UInt8
  ) throws(StorageError) -> (records: RawRecords, counts: [Int32]) {
    try runs?.find(prefixes, space: space)
      ?? (.none, Array(repeating: 0, count: prefixes.count))
  }

  func scan(
    space: UInt8, after key: [UInt8]?, limit: Int
  ) throws(StorageError) -> RawRecords {
    try runs?.scan(space: space, prefix: [], after: key, limit: limit, bytes: Self.scanBytes)
      ?? .none
  }

  private static let scanBytes = 1 << 20

  func stage(_ records: RawRecords, space: UInt8) { runs?.stage(records, space: space) }

  func dropBefore(_ timestamp: Int64) { runs?.dropBefore(timestamp, space: StateSpace.records) }

  func commit() throws(StorageError) {
    do throws(StorageError) {
      runs?.take(all.memory.shares)
      try runs?.commit(position: position, clockMs: all.clock())
    } catch {
      guard error.kind != .corruption else { throw error }
      // What cannot be written stays in memory, and is tried again at a later commit.
      all.note(error)
    }
  }

  func undo() { runs?.undo() }
}
