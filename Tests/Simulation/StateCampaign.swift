// Faults of every kind against the files of a state, one point each: the power goes in the midst of each call, each
// call fails, the disk is full, files are damaged. What is found afterwards must be exactly the content at the
// position that the store tells, and lead to the same end when the rest is played again; or the damage is told. All
// work is done on the calling thread, so that a point is the same each time.

import HeadraceFoundations
import HeadraceStateStorage
import HeadraceTopics
internal import Glibc

public enum StateCampaign: String, CaseIterable, Sendable {
  case power
  case call
  case full
  case damage

  private static let directory = "/data/state"
  private static let epochCount = 40

  /// - Parameter stride: every so many points; 1 is all of them.
  /// Returns how many points there were. Throws a `StateFinding` that says how to see it again.
  public func run(seed: UInt64, stride: Int = 1) throws -> Int {
    let script = StateScript(seed: seed, epochCount: Self.epochCount)
    do {
      switch self {
      case .power: return try power(script, stride)
      case .call: return try call(script, stride)
      case .full: return try full(script, stride)
      case .damage: return try damage(script, stride)
      }
    } catch {
      throw StateFinding("state-files \(rawValue) --seed \(seed): \(error)")
    }
  }

  // MARK: - Lives of a store

  /// What was kept, or an empty store.
  private func open(
    _ script: StateScript, _ system: SimulatedFileSystem
  ) throws(StorageError) -> RunStore {
    let merger = RunMerger(isInline: true)
    let kept = try RunStore.open(
      directory: Self.directory, identity: "state \(script.seed)", fileSystem: system,
      options: script.options, merger: merger)
    if let kept { return kept }
    return try RunStore(
      directory: Self.directory, identity: "state \(script.seed)", fileSystem: system,
      options: script.options, merger: merger)
  }

  /// Plays epochs until the power is gone. Errors that a disk gives leave the store as it is. Returns those played.
  private func play(
    _ script: StateScript, _ store: RunStore, from first: Int, _ system: SimulatedFileSystem
  ) throws -> (done: Int, failures: Int) {
    var failures = 0
    for number in first..<script.epochs.count {
      do throws(StorageError) {
        try script.play(number, store)
      } catch {
        failures += 1
        guard [.io, .full, .notFound].contains(error.kind) else {
          throw StateFinding("epoch \(number): \(error)")
        }
      }
      if system.isDown { return (number + 1, failures) }
    }
    return (script.epochs.count, failures)
  }

  /// Calls of a run that nothing disturbs, and the largest number of bytes.
  private func reference(_ script: StateScript) throws -> (calls: Int, bytes: Int) {
    let system = SimulatedFileSystem(seed: script.seed)
    let store = try open(script, system)
    var bytes = 0
    for number in script.epochs.indices {
      try script.play(number, store)
      bytes = max(bytes, system.byteCount)
    }
    try store.flush(clockMs: 0)
    try script.check(
      store, position: script.epochs.count, bound: script.bound(script.epochs.count))
    return (system.callCount, max(bytes, system.byteCount))
  }

  /// Opens what is left of a life of `done` epochs, checks it, plays the rest, and checks the end, twice.
  private func goOn(
    _ script: StateScript, _ system: SimulatedFileSystem, done: Int, savedMin: Int = 0
  ) throws {
    var store = try open(script, system)
    let saved = Int(store.savedPosition)
    guard saved <= done, saved >= savedMin else {
      throw StateFinding("position \(saved) after \(done) epochs, \(savedMin) saved")
    }
    store.dropBefore(script.bound(done), space: 1)
    try script.check(store, position: saved, bound: script.bound(done))
    let count = script.epochs.count
    for number in saved..<count { try script.play(number, store) }
    try script.check(store, position: count, bound: script.bound(count))
    try store.flush(clockMs: 1)
    store.close()
    store = try open(script, system)
    guard store.savedPosition == count else {
      throw StateFinding("position \(store.savedPosition) after a flush of \(count) epochs")
    }
    try script.check(store, position: count, bound: script.bound(count))
    try store.remove()
    guard system.allFiles().isEmpty else { throw StateFinding("files after the removal") }
  }

  // MARK: - Power

  private func power(_ script: StateScript, _ stride: Int) throws -> Int {
    let calls = try reference(script).calls
    var points = 0
    for call in Swift.stride(from: Int(script.seed) % stride, to: calls, by: stride) {
      for (kind, loss) in PowerLoss.allCases.enumerated() {
        points += 1
        var dice = SimulatedRandom(seed: script.seed &* 1_000_003 &+ UInt64(call * 8 + kind))
        let system = SimulatedFileSystem(seed: script.seed &+ UInt64(call))
        do {
          try outages(script, system, call, loss, &dice)
        } catch {
          throw StateFinding("call \(call), \(loss): \(error)")
        }
      }
    }
    return points
  }

  /// A power cut at a call, and up to three more while the store is opened again or some epochs later.
  private func outages(
    _ script: StateScript, _ system: SimulatedFileSystem, _ call: Int, _ loss: PowerLoss,
    _ dice: inout SimulatedRandom
  ) throws {
    var done = 0
    var (call, loss) = (call, loss)
    repeat {
      // Sometimes a call fails shortly before, which may leave files of unknown fate.
      if call > 9, dice.below(3) == 0 { system.failCall(after: call - 1 - dice.below(8)) }
      system.crashCall(after: call)
      do throws(StorageError) {
        let store = try open(script, system)
        let saved = Int(store.savedPosition)
        let life = try lived(script, store, from: saved, system)
        done = max(done, life)
      } catch {
        guard system.isDown || [.io, .notFound].contains(error.kind) else {
          throw StateFinding("\(error)")
        }
      }
      system.clearFaults()
      if !system.isDown { system.crashCall(after: 0) }
      system.restart(loss)
      call = dice.below(60)
      loss = PowerLoss.allCases[dice.below(PowerLoss.allCases.count)]
    } while dice.below(2) == 0
    system.clearFaults()
    try goOn(script, system, done: done)
  }

  private func lived(
    _ script: StateScript, _ store: RunStore, from saved: Int, _ system: SimulatedFileSystem
  ) throws(StorageError) -> Int {
    do {
      return try play(script, store, from: saved, system).done
    } catch {
      throw StorageError(.corruption, "\(error)")
    }
  }

  // MARK: - Failing calls

  private func call(_ script: StateScript, _ stride: Int) throws -> Int {
    let calls = try reference(script).calls
    var points = 0
    for call in Swift.stride(from: Int(script.seed) % stride, to: calls, by: stride) {
      for number in [EIO, ENOSPC] {
        points += 1
        let system = SimulatedFileSystem(seed: script.seed)
        system.failCall(after: call, errno: number)
        do {
          try survive(script, system, restarts: call % 2 == 0)
        } catch {
          throw StateFinding("call \(call), errno \(number): \(error)")
        }
      }
    }
    return points
  }

  private func survive(
    _ script: StateScript, _ system: SimulatedFileSystem, restarts: Bool
  ) throws {
    let store: RunStore
    do {
      store = try open(script, system)
    } catch {
      // It was there once.
      return try goOn(script, system, done: 0)
    }
    let count = script.epochs.count
    _ = try play(script, store, from: 0, system)
    func check() throws { try script.check(store, position: count, bound: script.bound(count)) }
    try twice(check)
    try twice { try store.flush(clockMs: 1) }
    try twice(check)
    if restarts { system.restart(.dropAll) } else { system.killProcess() }
    system.clearFaults()
    try goOn(script, system, done: count, savedMin: count)
  }

  /// The fault is there once.
  private func twice(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch is StorageError {
      try body()
    }
  }

  // MARK: - Full disks

  private func full(_ script: StateScript, _ stride: Int) throws -> Int {
    let bytes = try reference(script).bytes
    var points = 0
    let step = max(1, bytes / 60)
    for budget in Swift.stride(from: Int(script.seed * 131) % step, to: bytes, by: step * stride) {
      points += 1
      let system = SimulatedFileSystem(seed: script.seed)
      do {
        let store = try open(script, system)
        system.limitBytes(budget)
        let (done, failures) = try play(script, store, from: 0, system)
        try script.check(store, position: done, bound: script.bound(done))
        // A budget that is too small is told of, again and again.
        guard failures > 0 || system.byteCount <= budget else { throw StateFinding("no error") }
        system.clearFaults()
        try twice { try store.flush(clockMs: 1) }
        try script.check(store, position: done, bound: script.bound(done))
        system.restart(.dropAll)
        try goOn(script, system, done: done, savedMin: done)
      } catch {
        throw StateFinding("budget \(budget): \(error)")
      }
    }
    return points
  }

  // MARK: - Damage

  private func damage(_ script: StateScript, _ stride: Int) throws -> Int {
    let system = SimulatedFileSystem(seed: script.seed)
    let store = try open(script, system)
    _ = try play(script, store, from: 0, system)
    try store.flush(clockMs: 1)
    store.close()
    let files = system.allFiles().filter { $0.byteCount > 0 }
    guard !files.isEmpty else { return 0 }
    var points = 0
    for number in 0..<max(1, 600 / stride) {
      points += 1
      var dice = SimulatedRandom(seed: script.seed &* 7919 &+ UInt64(number))
      let copy = system.clone(seed: script.seed)
      let (path, size) = files[dice.below(files.count)]
      let what = try hurt(copy, path, size, files, &dice)
      do throws(StorageError) {
        try checkHurt(script, copy, what)
      } catch {
        guard error.kind == .corruption || error.kind == .unsupportedVersion, !error.path.isEmpty
        else { throw StateFinding("\(what) of \(path): \(error)") }
      }
    }
    return points
  }

  /// No wrong answer is given.
  private func checkHurt(
    _ script: StateScript, _ system: SimulatedFileSystem, _ what: String
  ) throws(StorageError) {
    let store = try open(script, system)
    let count = script.epochs.count
    // Without its manifest there is no store.
    let position = Int(store.savedPosition)
    do {
      try script.check(store, position: position, bound: script.bound(position == 0 ? 0 : count))
      guard position == count || position == 0 && what.hasPrefix("removing") else {
        throw StateFinding("position \(position)")
      }
      // A merge that meets it says so, and does not try for ever.
      for number in 0..<4 {
        StateScript.stage(script.epochs[number].changes, store)
        try store.commit(position: Int64(count + number), clockMs: 0)
        try store.flush(clockMs: 0)
      }
    } catch let error as StorageError {
      throw error
    } catch {
      throw StorageError(.invalidArgument, "\(error)")
    }
  }

  private func hurt(
    _ system: SimulatedFileSystem, _ path: String, _ size: Int,
    _ files: [(path: String, byteCount: Int)], _ dice: inout SimulatedRandom
  ) throws -> String {
    let file = try system.open(path, create: false)
    let unit = [64, 200, 512][dice.below(3)]
    let blocks = (size + unit - 1) / unit
    switch dice.below(9) {
    case 0:
      let left = dice.below(size)
      system.shorten(path, to: left)
      return "cutting to \(left)"
    case 1 where blocks > 1:
      let (a, b) = (dice.below(blocks), dice.below(blocks))
      let (first, second) = (try read(file, a * unit, unit), try read(file, b * unit, unit))
      try write(first, file, b * unit)
      try write(second, file, a * unit)
      return "swapping blocks \(a) and \(b) of \(unit) bytes"
    case 2:
      let place = dice.below(blocks) * unit
      try write([UInt8](repeating: 0, count: try read(file, place, unit).count), file, place)
      return "zeroing at \(place)"
    case 3:
      // The place of another file, or a part of it.
      let (other, count) = files[dice.below(files.count)]
      let source = try system.open(other, create: false)
      if dice.below(2) == 0 {
        try file.truncate(to: 0)
        try write(try read(source, 0, count), file, 0)
        return "replacing by \(other)"
      }
      let place = dice.below(blocks) * unit
      try write(try read(source, place, unit), file, place)
      return "copying from \(other) at \(place)"
    case 4 where dice.below(4) == 0:
      try system.unlink(path)
      return "removing"
    default:
      let place = dice.below(size)
      system.flip(path, at: place, mask: 1 << UInt8(dice.below(8)))
      return "flipping a bit at \(place)"
    }
  }

  private func read(_ file: any File, _ position: Int, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: position) }
    return Array(bytes.prefix(got))
  }

  private func write(_ bytes: [UInt8], _ file: any File, _ position: Int) throws {
    try bytes.withUnsafeBytes { try file.write($0, at: position) }
  }
}
