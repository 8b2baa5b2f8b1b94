// DISTINCT inside an aggregate: SUM(DISTINCT x). It counts, for each group, how many rows have each
// combination of argument values. The wrapped accumulator sees a row only when its values are new
// to the group, and takes it back when the last row with them is taken back. A row costs one
// lookup, however many values its group has.
//
// Invariant: the wrapped accumulator holds each combination once, in the form that the row codec
// gives it (0.0 for -0.0, one NaN), so that what is taken back is what was added.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

final class DistinctAccumulator: Accumulator {
  let inner: any Accumulator
  let types: [DataType]
  private let resultType: DataType
  /// No row is taken back: that a value is there is all there is to know.
  private let isAddOnly: Bool
  /// Slots by the values and, behind them, the number of the set that they belong to.
  let index = KeyIndex()
  private(set) var counts: [Int64] = []
  private(set) var ordinals: [Int64] = []
  /// The slots of a set are a list in the order of insertion; -1 ends it.
  private var following: [Int32] = []
  private var preceding: [Int32] = []
  private var firstOfSet: [Int32] = []
  private var lastOfSet: [Int32] = []
  /// The set of each group. Sets change their groups when sessions meet.
  private var setOfGroup: [Int32] = []
  /// Which sets have their entries in records of their own, and what of them has changed.
  var parted = PartedEntries()
  private var sparse = SparseResults()

  init(
    _ inner: any Accumulator, types: [DataType], resultType: DataType, isAddOnly: Bool = false
  ) {
    self.inner = inner
    self.types = types
    self.resultType = resultType
    self.isAddOnly = isAddOnly
  }

  var entrySets: (any EntrySets)? { self }

  var failures: Int { inner.failures }
  var needsOrdinals: Bool { inner.needsOrdinals }
  var mergesInAnyOrder: Bool { inner.mergesInAnyOrder }

  func reserve(groups count: Int) {
    inner.reserve(groups: count)
    sparse.reserve(groups: count)
    while setOfGroup.count < count {
      setOfGroup.append(Int32(setOfGroup.count))
      parted.reserveSet()
      firstOfSet.append(-1)
      lastOfSet.append(-1)
    }
  }

  // MARK: - Rows

  /// The rows that change the set of their group: what they look like to the wrapped accumulator.
  private struct Changes {
    var rows: [Int32] = []
    var retracts: [Bool] = []
    var builders: [ColumnBuilder]
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let changes = changes(of: rows)
    sparse.apply(
      inner, reduced(rows, changes), changes.rows, of: rows.groups, resultType, into: results)
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) {
    if let reduced = reduced(rows, changes(of: rows)) { inner.accumulate(reduced, resultType) }
  }

  private func changes(of rows: AggregateRows) -> Changes {
    let keys = RowCodec.encode(
      zip(rows.arguments, types).map { $0.canonical($1) }, count: rows.groups.count,
      extra: rows.groups.map { Int64(setOfGroup[Int($0)]) })
    var changes = Changes(builders: types.map { ColumnBuilder($0, capacity: keys.count) })
    if isAddOnly, rows.retracts == nil {
      addAll(keys, rows, &changes)
      return changes
    }
    keys.withBytes { bytes in
      for row in 0..<keys.count {
        let isRetracted = rows.retracts.map { $0[row] } ?? false
        let key = bytes[row]
        let ordinal = row < rows.ordinals.count ? rows.ordinals[row] : 0
        let isChange =
          isRetracted
          ? takeBack(key) : add(key, Int(setOfGroup[Int(rows.groups[row])]), 1, ordinal)
        guard isChange else { continue }
        changes.rows.append(Int32(row))
        changes.retracts.append(isRetracted)
        var reader = RowReader(key)
        precondition(reader.read(into: changes.builders), "encoded a moment ago")
      }
    }
    return changes
  }

  /// Values that never go: all are looked up at once.
  private func addAll(_ keys: EncodedRows, _ rows: AggregateRows, _ changes: inout Changes) {
    var slots: [Int32] = []
    var new: [Int] = []
    index.insert(keys, slots: &slots) { new.append($0) }
    var next = 0
    keys.withBytes { bytes in
      for (row, slot) in slots.enumerated() where next < new.count && new[next] == Int(slot) {
        next += 1
        let ordinal = row < rows.ordinals.count ? rows.ordinals[row] : 0
        enter(Int(slot), Int(setOfGroup[Int(rows.groups[row])]), 1, ordinal)
        changes.rows.append(Int32(row))
        changes.retracts.append(false)
        var reader = RowReader(bytes[row])
        precondition(reader.read(into: changes.builders), "encoded a moment ago")
      }
    }
  }

  /// nil: nothing changes.
  private func reduced(_ rows: AggregateRows, _ changes: Changes) -> AggregateRows? {
    guard !changes.rows.isEmpty else { return nil }
    var retracts: Bitmap?
    if changes.retracts.contains(true) {
      var mask = Bitmap(repeating: false, count: changes.retracts.count)
      for row in changes.retracts.indices where changes.retracts[row] { mask.set(row, true) }
      retracts = mask
    }
    return AggregateRows(
      groups: changes.rows.map { rows.groups[Int($0)] },
      arguments: changes.builders.map { $0.finish() }, retracts: retracts,
      ordinals: rows.ordinals.isEmpty ? [] : changes.rows.map { rows.ordinals[Int($0)] })
  }

  // MARK: - Sets

  /// Whether the values are new to the set.
  func add(_ key: UnsafeRawBufferPointer, _ set: Int, _ count: Int64, _ ordinal: Int64)
    -> Bool
  {
    let (slot, isNew) = index.insert(key)
    guard isNew else {
      if !isAddOnly {
        willChange(slot, set)
        counts[slot] += count
      }
      return false
    }
    enter(slot, set, count, ordinal)
    return true
  }

  /// Puts the values of a new slot behind those of its set.
  private func enter(_ slot: Int, _ set: Int, _ count: Int64, _ ordinal: Int64) {
    while counts.count <= slot {
      counts.append(0)
      ordinals.append(0)
      following.append(-1)
      preceding.append(-1)
    }
    counts[slot] = count
    ordinals[slot] = ordinal
    let last = lastOfSet[set]
    preceding[slot] = last
    following[slot] = -1
    if last < 0 { firstOfSet[set] = Int32(slot) } else { following[Int(last)] = Int32(slot) }
    lastOfSet[set] = Int32(slot)
    parted.sizes[set] += 1
    isAdded(slot, set)
  }

  /// Whether that was the last row with these values. A row that was never added, because its group
  /// was NULL then, has nothing to take back.
  private func takeBack(_ key: UnsafeRawBufferPointer) -> Bool {
    guard let slot = index.find(key) else { return false }
    let set = Int(key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self))
    willChange(slot, set)
    counts[slot] -= 1
    guard counts[slot] <= 0 else { return false }
    isGone(slot, set)
    unlink(slot, set)
    return true
  }

  func unlink(_ slot: Int, _ set: Int) {
    let (before, after) = (preceding[slot], following[slot])
    if before < 0 { firstOfSet[set] = after } else { following[Int(before)] = after }
    if after < 0 { lastOfSet[set] = before } else { preceding[Int(after)] = before }
    parted.sizes[set] -= 1
    index.remove(slot: slot)
  }

  func put(_ entry: SetEntry, in slot: Int) {
    counts[slot] = entry.count
    ordinals[slot] = entry.ordinal
  }

  /// Slots of the group's values, in the order in which they came.
  func slots(of group: Int) -> [Int32] {
    var slots: [Int32] = []
    var slot = firstOfSet[Int(setOfGroup[group])]
    while slot >= 0 {
      slots.append(slot)
      slot = following[Int(slot)]
    }
    return slots
  }

  // MARK: - Groups

  func results(of groups: [Int32], into results: ColumnBuilder) {
    inner.results(of: groups, into: results)
  }

  func merge(_ source: Int, into target: Int) {
    let set = Int(setOfGroup[target])
    let isEmpty = firstOfSet[set] < 0
    if isEmpty { inner.merge(source, into: target) }
    var added: [Int32] = []
    let builders = types.map { ColumnBuilder($0, capacity: 0) }
    for slot in slots(of: source) {
      var key = Array(index.key(Int(slot)))
      key.removeLast(8)
      withUnsafeBytes(of: Int64(set)) { key.append(contentsOf: $0) }
      key.withUnsafeBytes { bytes in
        guard add(bytes, set, counts[Int(slot)], ordinals[Int(slot)]), !isEmpty else { return }
        added.append(slot)
        var reader = RowReader(bytes)
        precondition(reader.read(into: builders), "a key of the index")
      }
    }
    guard !added.isEmpty else { return }
    inner.accumulate(
      AggregateRows(
        groups: Array(repeating: Int32(target), count: added.count),
        arguments: builders.map { $0.finish() }, retracts: nil,
        ordinals: added.map { ordinals[Int($0)] }), resultType)
  }

  func absorb(_ source: Int, into target: Int) {
    guard firstOfSet[Int(setOfGroup[target])] < 0 else { return merge(source, into: target) }
    setOfGroup.swapAt(source, target)
    inner.absorb(source, into: target)
  }

  func reset(_ group: Int) {
    empty(group)
    inner.reset(group)
  }

  /// The group's set is whole, and has nothing.
  func empty(_ group: Int) {
    let set = Int(setOfGroup[group])
    for slot in slots(of: group) {
      parted.drop(Int(slot), keyBytes: index.key(Int(slot)).count, of: set)
      index.remove(slot: Int(slot))
    }
    firstOfSet[set] = -1
    lastOfSet[set] = -1
    parted.sizes[set] = 0
    parted.isParted[set] = false
  }

  // MARK: - State: how many values, each with its count, its number and its bytes; of a parted set
  // only a mark. Then the wrapped state.

  private static let partedMark = UInt32.max

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    guard !parted.isParted[Int(setOfGroup[group])] else {
      withUnsafeBytes(of: Self.partedMark) { bytes += $0 }
      return inner.serialize(group, into: &bytes)
    }
    let set = Int(setOfGroup[group])
    withUnsafeBytes(of: UInt32(parted.sizes[set])) { bytes.append(contentsOf: $0) }
    var slot = firstOfSet[set]
    while slot >= 0 {
      let key = index.key(Int(slot))
      let values = UnsafeRawBufferPointer(rebasing: key[..<(key.count - 8)])
      withUnsafeBytes(of: (counts[Int(slot)], ordinals[Int(slot)], UInt32(values.count))) {
        bytes.append(contentsOf: $0)
      }
      bytes.append(contentsOf: values)
      slot = following[Int(slot)]
    }
    inner.serialize(group, into: &bytes)
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    func load<T: BitwiseCopyable>(_ type: T.Type) -> T? {
      guard position + MemoryLayout<T>.size <= bytes.count else { return nil }
      defer { position += MemoryLayout<T>.size }
      return bytes.loadUnaligned(fromByteOffset: position, as: type)
    }
    let set = Int(setOfGroup[group])
    guard let count = load(UInt32.self) else { return false }
    guard count != Self.partedMark else {
      guard parted.observer != nil else { return false }
      part(group)
      return inner.restore(group, from: bytes, at: &position)
    }
    if parted.isParted[set] { empty(group) }
    for _ in 0..<count {
      guard let rows = load(Int64.self), rows > 0, let ordinal = load(Int64.self),
        let length = load(UInt32.self), position + Int(length) <= bytes.count
      else { return false }
      let values = UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
      position += Int(length)
      var reader = RowReader(values)
      guard reader.readWhole(into: types.map { ColumnBuilder($0, capacity: 1) }) else {
        return false
      }
      var key = Array(values)
      withUnsafeBytes(of: Int64(set)) { key.append(contentsOf: $0) }
      guard key.withUnsafeBytes({ add($0, set, rows, ordinal) }) else { return false }
    }
    return inner.restore(group, from: bytes, at: &position)
  }
}

extension Column {
  /// Maps with their entries in one order, so that equal ones have equal bytes.
  fileprivate func canonical(_ type: DataType) -> Column {
    guard type.containsMap else { return self }
    return .from((0..<count).map { value($0, type).canonical }, type)
  }
}

extension Value {
  fileprivate var canonical: Value {
    switch self {
    case .array(let values): return .array(values.map(\.canonical))
    case .structure(let values): return .structure(values.map(\.canonical))
    case .map(let entries):
      let sorted = entries.map { MapEntry($0.key.canonical, $0.value.canonical) }
      return .map(sorted.sorted { orderValues($0.key, $1.key) < 0 })
    default: return self
    }
  }
}
