// What the campaigns over the files of a state do to a store, and what it must hold then: a list of epochs, made of a
// seed, and the content after each. The changelog that a store relies on is the script itself: after an opening the
// epochs behind `savedPosition` are played again.

import HeadraceColumns
import HeadraceFoundations
public import HeadraceStateStorage
public import HeadraceTopics

/// A key with its space.
struct StateKey: Hashable, Comparable {
  var space: UInt8
  var bytes: [UInt8]

  static func < (a: StateKey, b: StateKey) -> Bool {
    a.space != b.space ? a.space < b.space : a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

struct StateValue: Equatable {
  var bytes: [UInt8]
  var timestamp: Int64
}

struct StateChange {
  var key: StateKey
  /// nil: deleted.
  var value: [UInt8]?
  var timestamp: Int64
}

struct StateEpoch {
  var changes: [StateChange] = []
  /// Staged before and undone.
  var undone: [StateChange] = []
  /// Too old from here on, in space 1.
  var bound: Int64?
  var flushes = false
}

/// What a check found wrong.
public struct StateFinding: Error, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}

/// A script of epochs. Epoch n commits position n + 1.
public struct StateScript {
  static let spaces: [UInt8] = [0, 1, 255]

  public let seed: UInt64
  public let options: RunStoreOptions
  let hasParts: Bool
  private(set) var epochs: [StateEpoch] = []
  /// After no epoch, after one, ...: without regard to bounds.
  private(set) var contents: [[StateKey: StateValue]] = [[:]]

  public init(seed: UInt64, epochCount: Int) {
    self.seed = seed
    var dice = SimulatedRandom(seed: (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    var options = RunStoreOptions()
    options.shares.memtableBytes = [600, 1500, 6000][dice.below(3)]
    options.blockBytes = [64, 200, 900][dice.below(3)]
    options.filterBitsPerKey = [10, 10, 4, 0][dice.below(4)]
    options.shares.filterBytes = [1 << 20, 400][dice.below(2)]
    options.wholeBytes = [1 << 20, 60, 150][dice.below(3)]
    options.mergeFanIn = 2 + dice.below(4)
    options.largeFanIn = options.mergeFanIn
    options.runsMax = 3 + dice.below(10)
    hasParts = dice.below(2) == 0
    if hasParts { options.filterPrefix = { _, key in min(2, key.count) } }
    self.options = options
    let keyCount = [8, 40, 300][dice.below(3)]
    for number in 0..<epochCount {
      let epoch = Self.epoch(number, keyCount, &dice)
      epochs.append(epoch)
      var content = contents[number]
      for change in epoch.changes {
        content[change.key] = change.value.map {
          StateValue(bytes: $0, timestamp: change.timestamp)
        }
      }
      contents.append(content)
    }
  }

  private static func epoch(
    _ number: Int, _ keyCount: Int, _ dice: inout SimulatedRandom
  ) -> StateEpoch {
    var epoch = StateEpoch()
    for _ in 0..<dice.below(12) { epoch.changes.append(change(number, keyCount, &dice)) }
    if dice.below(5) == 0 {
      for _ in 0..<dice.below(9) { epoch.undone.append(change(number, keyCount, &dice)) }
    }
    if dice.below(9) == 0 { epoch.bound = Int64(number * 10 - dice.below(300)) }
    epoch.flushes = dice.below(12) == 0
    return epoch
  }

  static func key(_ number: Int) -> StateKey {
    var bytes: [UInt8] = []
    var rest = number
    // Short keys, the empty one among them, and long ones that have a beginning in common.
    for _ in 0..<(number % 5) {
      bytes.append(UInt8(truncatingIfNeeded: [0, 97, 98, 255][rest % 4]))
      rest /= 4
    }
    if number % 5 >= 2 {
      bytes +=
        [UInt8](repeating: 7, count: number % 3 * 5) + [UInt8(number & 255), UInt8(number >> 8)]
    }
    return StateKey(space: spaces[number % 3], bytes: bytes)
  }

  private static func change(
    _ number: Int, _ keyCount: Int, _ dice: inout SimulatedRandom
  ) -> StateChange {
    let size: Int
    switch dice.below(20) {
    case 0: size = 300 + dice.below(3000)
    case 1...3: size = 0
    default: size = dice.below(24)
    }
    let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
    return StateChange(
      key: key(dice.below(keyCount)), value: dice.below(5) == 0 ? nil : value,
      // So far apart that a later record of a key is often too old when an earlier one is not.
      timestamp: Int64(number * 10 + dice.below(300) - 150))
  }

  /// The bound of space 1 after so many epochs.
  public func bound(_ count: Int) -> Int64 {
    epochs.prefix(count).compactMap(\.bound).max() ?? .min
  }

  // MARK: - Playing

  static func records(_ changes: [StateChange]) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 256))
    for change in changes {
      records.append(key: change.key.bytes, value: change.value, timestamp: change.timestamp)
    }
    return records
  }

  static func stage(_ changes: [StateChange], _ store: RunStore) {
    // In order within a space; the order between spaces does not matter.
    for space in spaces {
      let own = changes.filter { $0.key.space == space }
      if !own.isEmpty { store.stage(records(own), space: space) }
    }
  }

  /// Plays one epoch. Throws what the store met; the epoch is committed all the same.
  public func play(_ number: Int, _ store: RunStore) throws(StorageError) {
    let epoch = epochs[number]
    var failure: StorageError?
    if !epoch.undone.isEmpty {
      Self.stage(epoch.undone, store)
      do {
        // Puts in order what goes then.
        if number % 2 == 0 {
          _ = try store.scan(space: 0, prefix: [], after: nil, limit: 1, bytes: 1)
        }
      } catch {
        failure = error
      }
      store.undo()
    }
    Self.stage(epoch.changes, store)
    do {
      try store.commit(position: Int64(number + 1), clockMs: Int64(number))
    } catch {
      failure = failure ?? error
    }
    if let bound = epoch.bound { store.dropBefore(bound, space: 1) }
    if let failure { throw failure }
    if epoch.flushes { try store.flush(clockMs: Int64(number)) }
  }

  // MARK: - Checking

  /// Compares everything that can be read with the content after `position` epochs, of which what is older than `bound`
  /// in space 1 is not there.
  public func check(_ store: RunStore, position: Int, bound: Int64) throws {
    let visible = contents[position].filter { $0.key.space != 1 || $0.value.timestamp >= bound }
    for space in Self.spaces {
      let wanted = visible.filter { $0.key.space == space }.sorted { $0.key < $1.key }
      try checkScan(store, space, wanted)
      try checkGet(store, space, visible)
      try checkFind(store, space, wanted)
    }
  }

  private static func describe(_ records: RawRecords, _ index: Int) -> (StateValue, [UInt8])? {
    guard let value = records.value(index), let key = records.key(index) else { return nil }
    return (StateValue(bytes: Array(value), timestamp: records.timestamps[index]), Array(key))
  }

  private func checkScan(
    _ store: RunStore, _ space: UInt8, _ wanted: [(key: StateKey, value: StateValue)]
  ) throws {
    var after: [UInt8]?
    var place = 0
    while true {
      let page = try store.scan(
        space: space, prefix: [], after: after, limit: 7, bytes: 500)
      if page.count == 0 { break }
      for index in 0..<page.count {
        guard let (value, key) = Self.describe(page, index), place < wanted.count,
          key == wanted[place].key.bytes, value == wanted[place].value
        else {
          throw StateFinding(
            "scan of space \(space): record \(place) is \(page.key(index).map(Array.init) ?? []) "
              + "at \(page.timestamps[index])")
        }
        place += 1
        after = key
      }
    }
    guard place == wanted.count else {
      throw StateFinding("scan of space \(space): \(place) records of \(wanted.count)")
    }
  }

  private func checkGet(
    _ store: RunStore, _ space: UInt8, _ visible: [StateKey: StateValue]
  ) throws {
    // In no order, some that are not there, one twice.
    let keys = (0..<320).map { Self.key($0 * 7 % 320) }.filter { $0.space == space }
    let asked = keys + keys.prefix(1)
    let found = try store.get(
      Self.records(asked.map { StateChange(key: $0, value: nil, timestamp: 0) }), space: space)
    guard found.count == asked.count else { throw StateFinding("get: a number of records") }
    for (index, key) in asked.enumerated() {
      let value = Self.describe(found, index)
      guard value?.0 == visible[key], value.map({ $0.1 == key.bytes }) ?? true else {
        throw StateFinding("get of \(key): \(String(describing: value?.0))")
      }
    }
  }

  private func checkFind(
    _ store: RunStore, _ space: UInt8, _ wanted: [(key: StateKey, value: StateValue)]
  ) throws {
    var prefixes: [[UInt8]] = [
      [97, 98], [255, 0], [0, 0], [97, 97], [98, 0], [1, 1], [97, 98],
    ]
    if !hasParts { prefixes += [[], [97], [255, 255, 97], [97, 7], [0, 0, 7, 7, 7, 7, 7]] }
    let found = try store.find(
      Self.records(
        prefixes.map {
          StateChange(key: StateKey(space: space, bytes: $0), value: nil, timestamp: 0)
        }), space: space)
    var place = 0
    for (number, prefix) in prefixes.enumerated() {
      let own = wanted.filter { $0.key.bytes.starts(with: prefix) }
      guard Int(found.counts[number]) == own.count else {
        throw StateFinding("find of \(prefix): \(found.counts[number]) of \(own.count)")
      }
      for record in own {
        guard let (value, key) = Self.describe(found.records, place), key == record.key.bytes,
          value == record.value
        else { throw StateFinding("find of \(prefix): a record differs") }
        place += 1
      }
    }
    guard place == found.records.count else { throw StateFinding("find: more records") }
  }
}
