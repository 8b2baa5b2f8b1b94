// The sets of a DISTINCT aggregate that are too large to be written whole: which they are, and
// which of their entries have changed since the last drain.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

struct PartedEntries {
  /// A set with more entries is parted when it is next drained. A few more bytes in each record of
  /// its group cost less than a record for each of them.
  static let wholeMax = 4
  /// What an entry takes beside its key, as `DistinctAccumulator.serialize` writes it.
  private static let entryBytes = 20

  /// By set.
  var sizes: [Int32] = []
  var isParted: [Bool] = []
  /// By slot of an entry; shorter than the slots where none has changed.
  private var isChanged: [Bool] = []
  private var changed: [Int32] = []
  private(set) var count = 0
  private(set) var byteCount = 0
  /// What comes back is no change.
  var isRestoring = false
  var number = 0
  /// The state that the accumulator belongs to, and goes with.
  unowned var observer: (any EntryObserver)?

  mutating func reserveSet() {
    sizes.append(0)
    isParted.append(false)
  }

  func hasChanged(_ slot: Int) -> Bool { slot < isChanged.count && isChanged[slot] }

  mutating func mark(_ slot: Int) {
    if slot >= isChanged.count { isChanged.grow(to: slot + 1, false) }
    guard !isChanged[slot] else { return }
    isChanged[slot] = true
    changed.append(Int32(slot))
  }

  mutating func add(keyBytes: Int) {
    count += 1
    byteCount += keyBytes + Self.entryBytes
  }

  /// The slot leaves its set.
  mutating func drop(_ slot: Int, keyBytes: Int, of set: Int) {
    guard isParted[set] else { return }
    count -= 1
    byteCount -= keyBytes + Self.entryBytes
    if slot < isChanged.count { isChanged[slot] = false }
  }

  /// The slots that have changed, each once.
  mutating func takeChanged() -> [Int32] {
    var slots: [Int32] = []
    for slot in changed where isChanged[Int(slot)] {
      isChanged[Int(slot)] = false
      slots.append(slot)
    }
    changed.removeAll(keepingCapacity: true)
    return slots
  }
}

extension DistinctAccumulator: EntrySets {
  var partedCount: Int { parted.count }
  var partedBytes: Int { parted.byteCount }

  func observe(as number: Int, by observer: any EntryObserver) {
    parted.number = number
    parted.observer = observer
  }

  /// The values of an entry, and its set. Only sets that stay with their groups are parted.
  private func values(_ slot: Int) -> (values: UnsafeRawBufferPointer, set: Int) {
    let key = index.key(slot)
    let set = key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self)
    return (UnsafeRawBufferPointer(rebasing: key.dropLast(8)), Int(set))
  }

  private func entry(_ slot: Int) -> SetEntry {
    SetEntry(count: counts[slot], ordinal: ordinals[slot])
  }

  // MARK: - Changes

  @inline(__always)
  func willChange(_ slot: Int, _ set: Int) {
    guard parted.isParted[set], !parted.hasChanged(slot) else { return }
    parted.observer?.willChange(parted.number, set, values(slot).values, before: entry(slot))
    parted.mark(slot)
  }

  func isAdded(_ slot: Int, _ set: Int) {
    guard parted.isParted[set] else { return }
    parted.add(keyBytes: index.key(slot).count)
    guard !parted.isRestoring else { return }
    parted.observer?.willChange(parted.number, set, values(slot).values, before: nil)
    parted.mark(slot)
  }

  func isGone(_ slot: Int, _ set: Int) {
    guard parted.isParted[set] else { return }
    parted.observer?.isGone(parted.number, set, values(slot).values)
    parted.drop(slot, keyBytes: index.key(slot).count, of: set)
  }

  func partIfLarge(_ group: Int) {
    guard !parted.isParted[group], parted.sizes[group] > PartedEntries.wholeMax else { return }
    parted.isParted[group] = true
    for slot in slots(of: group) {
      parted.add(keyBytes: index.key(Int(slot)).count)
      parted.mark(Int(slot))
    }
  }

  func drainChanges(_ use: Use) {
    for slot in parted.takeChanged() {
      let (values, set) = values(Int(slot))
      use(set, values, entry(Int(slot)))
    }
  }

  func forgetChanges() { _ = parted.takeChanged() }

  /// In the order of their bytes: that of the list is another one after entries have come back.
  func forEachParted(_ group: Int, _ use: Use) {
    guard parted.isParted[group] else { return }
    for slot in index.inKeyOrder(slots(of: group)) {
      use(group, values(Int(slot)).values, entry(Int(slot)))
    }
  }

  func remove(_ group: Int) {
    guard parted.isParted[group] else { return }
    for slot in index.inKeyOrder(slots(of: group)) {
      willChange(Int(slot), group)
      parted.observer?.isGone(parted.number, group, values(Int(slot)).values)
    }
  }

  // MARK: - The way back

  func resetWhole(_ group: Int) {
    if parted.isParted[group] { inner.reset(group) } else { reset(group) }
  }

  /// Of a set that was whole nothing is left: the entries' records have all of it.
  func part(_ group: Int) {
    guard !parted.isParted[group] else { return }
    empty(group)
    parted.isParted[group] = true
  }

  func restore(_ group: Int, _ values: UnsafeRawBufferPointer, _ entry: SetEntry?) -> Bool {
    var key = Array(values)
    withUnsafeBytes(of: Int64(group)) { key.append(contentsOf: $0) }
    guard let entry else {
      guard parted.isParted[group], let slot = key.withUnsafeBytes({ index.find($0) }) else {
        return true
      }
      parted.drop(slot, keyBytes: key.count, of: group)
      unlink(slot, group)
      return true
    }
    var reader = RowReader(values)
    guard entry.count > 0, reader.readWhole(into: types.map { ColumnBuilder($0, capacity: 1) })
    else { return false }
    part(group)
    if let slot = key.withUnsafeBytes({ index.find($0) }) {
      put(entry, in: slot)
      return true
    }
    parted.isRestoring = true
    defer { parted.isRestoring = false }
    return key.withUnsafeBytes { add($0, group, entry.count, entry.ordinal) }
  }
}
