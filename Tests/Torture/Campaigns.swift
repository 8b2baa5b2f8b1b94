// The campaigns. Each takes one seed of one workload through every point of one kind of fault and returns how
// many points there were; the first that shows something wrong is thrown as a finding that says how to
// see it again.

import HeadraceSimulation
import HeadraceColumns
import Headrace
import Glibc
import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

enum Campaign: String, CaseIterable {
  case power
  case call
  case full
  case damage

  /// - Parameter stride: every so many points; 1 is all of them.
  func run(_ workload: Workload, seed: UInt64, stride: Int = 1) throws -> Int {
    let reference = try Reference(workload, seed: seed)
    do {
      switch self {
      case .power: return try power(workload, seed, reference, stride)
      case .call: return try call(workload, seed, reference, stride)
      case .full: return try full(workload, seed, reference, stride)
      case .damage: return try damage(workload, seed, reference, stride)
      }
    } catch {
      throw Finding("\(rawValue) \(workload.name) --seed \(seed): \(error)")
    }
  }

  // MARK: - Power

  /// The power goes in the midst of each call, in each way; sometimes again while recovering.
  private func power(
    _ workload: Workload, _ seed: UInt64, _ reference: Reference, _ stride: Int
  ) throws -> Int {
    var points = 0
    for call in Swift.stride(from: Int(seed) % stride, to: reference.calls, by: stride) {
      for (kind, loss) in PowerLoss.allCases.enumerated() {
        points += 1
        var dice = Dice(seed, UInt64(call), UInt64(kind))
        let system = SimulatedFileSystem(seed: dice.next())
        system.crashCall(after: call)
        var done = acknowledged(workload, system, seed)
        if !system.isDown { system.crashCall(after: 0) }
        system.restart(loss)
        do {
          done = try furtherLives(workload, system, seed, reference, done, &dice)
        } catch {
          throw Finding("call \(call), \(loss): \(error)")
        }
        system.clearFaults()
        try goOn(
          workload, system, seed, reference, done, "call \(call), \(loss)")
      }
    }
    return points
  }

  /// Up to three more power cuts, while recovering or some steps later: what one recovery leaves behind, the
  /// next must cope with. Returns the steps that are known to be acknowledged.
  private func furtherLives(
    _ workload: Workload, _ system: SimulatedFileSystem, _ seed: UInt64, _ reference: Reference,
    _ first: Int, _ dice: inout Dice
  ) throws -> Int {
    var done = first
    while dice.below(2) == 0 {
      system.crashCall(after: dice.below(120))
      do {
        let subject = try workload.open(system, seed)
        let found = try subject.dump()
        let candidates = [done, done + 1].filter { $0 < reference.contents.count }
        guard let reached = candidates.first(where: { reference.contents[$0] == found }) else {
          throw Finding("in a further life: " + found.joined(separator: "\n"))
        }
        done = reached
        while done < workload.stepCount {
          try subject.apply(done)
          done += 1
        }
        try subject.close()
      } catch let finding as Finding {
        throw finding
      } catch {
        guard system.isDown else { throw Finding("in a further life: \(error)") }
      }
      system.restart(PowerLoss.allCases[dice.below(PowerLoss.allCases.count)])
    }
    return done
  }

  /// How many steps were acknowledged before something failed.
  private func acknowledged(
    _ workload: Workload, _ system: SimulatedFileSystem, _ seed: UInt64
  ) -> Int {
    var done = 0
    do {
      let subject = try workload.open(system, seed)
      while done < workload.stepCount {
        try subject.apply(done)
        done += 1
      }
      try subject.close()
    } catch {
      // What was promised so far is checked by the caller.
      return done
    }
    return done
  }

  /// Opens what is left, compares, and goes on to the end.
  private func goOn(
    _ workload: Workload, _ system: SimulatedFileSystem, _ seed: UInt64, _ reference: Reference,
    _ done: Int, _ place: String
  ) throws {
    do {
      let subject = try workload.open(system, seed)
      let found = try subject.dump()
      let candidates = [done, done + 1].filter { $0 < reference.contents.count }
      guard let reached = candidates.first(where: { reference.contents[$0] == found }) else {
        throw Finding(
          "\(done) steps were acknowledged, found is\n" + found.joined(separator: "\n")
            + "\nand not\n" + reference.contents[done].joined(separator: "\n"))
      }
      for step in reached..<workload.stepCount { try subject.apply(step) }
      guard try subject.dump() == reference.contents[workload.stepCount] else {
        throw Finding(
          "the end differs: " + (try subject.dump()).joined(separator: "\n") + "\nand not\n"
            + reference.contents[workload.stepCount].joined(separator: "\n"))
      }
      let damages = try subject.verify()
      guard damages.isEmpty else { throw Finding("\(damages)") }
      try subject.close()
    } catch {
      throw Finding("\(place): \(error)")
    }
  }

  // MARK: - Failing calls

  /// Each call fails once, as broken and as full. A store that goes on must lose nothing and take the same
  /// step again; one that stops must be right when it is opened again.
  private func call(
    _ workload: Workload, _ seed: UInt64, _ reference: Reference, _ stride: Int
  ) throws -> Int {
    var points = 0
    for call in Swift.stride(from: Int(seed) % stride, to: reference.calls, by: stride) {
      for number in [EIO, ENOSPC] {
        points += 1
        let system = SimulatedFileSystem(seed: seed)
        system.failCall(after: call, errno: number)
        var done = 0
        var failures: [String] = []
        do {
          let subject = try workload.open(system, seed)
          done = try applyAll(workload, subject, from: 0, reference, &failures)
          try subject.close()
        } catch let error as Stopped {
          done = error.done
        } catch let error as Finding {
          throw Finding("call \(call), errno \(number): \(error)")
        } catch {
          // Opening or closing failed; nothing more was promised.
          done = max(done, 0)
        }
        if call % 2 == 0 { system.killProcess() } else { system.restart(.dropAll) }
        system.clearFaults()
        // A query whose input could not be read has stopped and says so: no answer instead of a wrong one.
        if failures.isEmpty {
          try goOn(workload, system, seed, reference, done, "call \(call), errno \(number)")
        } else if failures.contains(where: { !$0.contains("error") && !$0.contains("space") }) {
          throw Finding("call \(call), errno \(number): a query failed with \(failures)")
        }
      }
    }
    return points
  }

  /// The log stopped; so many steps had been acknowledged.
  private struct Stopped: Error {
    var done: Int
  }

  private func applyAll(
    _ workload: Workload, _ subject: any Subject, from first: Int, _ reference: Reference,
    _ failures: inout [String]
  ) throws -> Int {
    // What has failed may be dropped by a later step.
    func note(_ found: [String]) { failures += found.filter { !failures.contains($0) } }
    note(subject.failures())
    for step in first..<workload.stepCount {
      do {
        try subject.apply(step)
      } catch {
        if isPoisoned(error) { throw Stopped(done: step) }
        guard isStorageFault(error) else { throw Finding("step \(step): \(error)") }
        // The fault was there once: now the same step must go through.
        do {
          try subject.apply(step)
        } catch {
          if isPoisoned(error) { throw Stopped(done: step) }
          throw Finding("step \(step) again: \(error)")
        }
      }
      note(subject.failures())
    }
    return workload.stepCount
  }

  // MARK: - Full disks

  /// The disk holds so many bytes and no more; then there is space again and the same store goes on.
  private func full(
    _ workload: Workload, _ seed: UInt64, _ reference: Reference, _ stride: Int
  ) throws -> Int {
    var points = 0
    let step = max(1, reference.bytes / 40)
    for budget in Swift.stride(
      from: Int(seed * 131) % step, to: reference.bytes + step, by: step * stride)
    {
      points += 1
      let system = SimulatedFileSystem(seed: seed)
      system.limitBytes(budget)
      do {
        try fill(workload, system, seed, reference)
      } catch {
        throw Finding("budget \(budget): \(error)")
      }
      system.clearFaults()
      system.restart(.dropAll)
      try goOn(
        workload, system, seed, reference, workload.stepCount, "budget \(budget), afterwards")
    }
    return points
  }

  private func fill(
    _ workload: Workload, _ system: SimulatedFileSystem, _ seed: UInt64, _ reference: Reference
  ) throws {
    var subject: any Subject
    do {
      subject = try workload.open(system, seed)
    } catch {
      guard isFull(error) else { throw Finding("opening: \(error)") }
      system.clearFaults()
      system.killProcess()
      subject = try workload.open(system, seed)
    }
    for step in 0..<workload.stepCount {
      do {
        try subject.apply(step)
      } catch {
        guard isFull(error) else { throw Finding("step \(step): \(error)") }
        // Reading goes on while nothing can be written.
        let found = try subject.dumpLog()
        guard isKnown(found, step, reference) else {
          throw Finding("while the disk is full: " + found.joined(separator: "\n"))
        }
        system.clearFaults()
        try subject.apply(step)
      }
      if !subject.failures().isEmpty { throw Finding("\(subject.failures())") }
    }
    do {
      try subject.close()
    } catch {
      guard isFull(error) else { throw error }
    }
  }

  /// The step may have been committed in part: a statement, but not its epochs. Each record is of the content
  /// before the step or after it.
  private func isKnown(_ found: [String], _ step: Int, _ reference: Reference) -> Bool {
    let known = Set(reference.contents[step + 1] + reference.contents[step])
    return found.allSatisfy { known.contains($0) || !$0.contains(" @") }
  }

  // MARK: - Damage

  /// Flipped bits, swapped and zeroed blocks, files cut off: told with file and place, or without effect.
  private func damage(
    _ workload: Workload, _ seed: UInt64, _ reference: Reference, _ stride: Int
  ) throws -> Int {
    let system = SimulatedFileSystem(seed: seed)
    let subject = try workload.open(system, seed)
    for step in 0..<workload.stepCount { try subject.apply(step) }
    if seed % 2 == 0 { try subject.close() }
    system.killProcess()
    let files = system.allFiles().filter { $0.byteCount > 0 && !$0.path.hasSuffix("/lock") }
    var points = 0
    for number in 0..<400 / stride {
      points += 1
      var dice = Dice(seed, UInt64(number), 7)
      let (path, size) = files[dice.below(files.count)]
      let copy = system.clone(seed: seed)
      let what = try hurt(copy, path, size, &dice)
      do {
        let found = try workload.open(copy, seed)
        let content = try found.dump()
        let damages = try found.verify()
        if content != reference.contents[workload.stepCount], found.failures().isEmpty,
          !isLostTail(content, path, what, seed, reference)
        {
          throw Finding("a wrong answer:\n" + content.joined(separator: "\n"))
        }
        for damage in damages where damage.path.isEmpty {
          throw Finding("damage without its file: \(damage)")
        }
        try found.close()
      } catch let finding as Finding {
        throw Finding("\(what) of \(path): \(finding)")
      } catch {
        // A statement that cannot read a topic says where.
        if "\(error)".contains("damaged file"), "\(error)".contains(path) { continue }
        guard let fault = storageError(error), !fault.path.isEmpty,
          fault.kind == .corruption || fault.kind == .unsupportedVersion
        else { throw Finding("\(what) of \(path): \(error)") }
      }
    }
    return points
  }

  /// The one thing that cannot be told (decision 2): whole sectors of the last frame of a journal that was not
  /// closed, put back to what they were, look like a write that never came to its end.
  private func isLostTail(
    _ content: [String], _ path: String, _ what: String, _ seed: UInt64, _ reference: Reference
  ) -> Bool {
    path.hasSuffix(".journal") && seed % 2 == 1
      && (what.hasPrefix("zeroing") || what.hasPrefix("swapping"))
      // The last steps may have had nothing to commit.
      && content == reference.contents.last { $0 != reference.contents.last }
  }

  private func hurt(
    _ system: SimulatedFileSystem, _ path: String, _ size: Int, _ dice: inout Dice
  ) throws -> String {
    let blocks = (size + 511) / 512
    switch dice.below(8) {
    case 0:
      let left = dice.below(size)
      system.shorten(path, to: left)
      return "cutting to \(left)"
    case 1 where blocks > 1:
      let (a, b) = (dice.below(blocks), dice.below(blocks))
      let file = try system.open(path, create: false)
      let (first, second) = (try block(file, a), try block(file, b))
      guard first.count == second.count else { fallthrough }
      try put(first, file, b)
      try put(second, file, a)
      return "swapping blocks \(a) and \(b)"
    case 2:
      let number = dice.below(blocks)
      let file = try system.open(path, create: false)
      let old = try block(file, number)
      try put([UInt8](repeating: 0, count: old.count), file, number)
      return "zeroing block \(number)"
    default:
      let place = dice.below(size)
      system.flip(path, at: place, mask: 1 << UInt8(dice.below(8)))
      return "flipping a bit at \(place)"
    }
  }

  private func block(_ file: any File, _ number: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: number * 512) }
    return Array(bytes.prefix(count))
  }

  private func put(_ bytes: [UInt8], _ file: any File, _ number: Int) throws {
    try bytes.withUnsafeBytes { try file.write($0, at: number * 512) }
  }
}

private func storageError(_ error: any Error) -> StorageError? {
  if let error = error as? StorageError { return error }
  if case .storage(let error)? = error as? EngineError { return error }
  return nil
}

private func isPoisoned(_ error: any Error) -> Bool { storageError(error)?.kind == .poisoned }
private func isFull(_ error: any Error) -> Bool { storageError(error)?.kind == .full }

private func isStorageFault(_ error: any Error) -> Bool {
  guard let kind = storageError(error)?.kind else { return false }
  return [.io, .full, .notFound].contains(kind)
}
