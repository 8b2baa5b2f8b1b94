// Table-table join on a foreign key: each left row names a right row by an expression. A change of
// a left row gives its joined row; a change of a right row gives those of all left rows that name
// it, in the byte order of their keys. A left row that has been a result and has none any more
// gives a tombstone.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

final class ForeignKeyJoinOperator: MergingOperator {
  private let isLeftJoin: Bool
  private let left: TableState
  private let right: TableState
  private let leftResident: ResidentKeys
  private let rightResident: ResidentKeys
  private let leftKeys: [Int]
  private let rightKeys: [Int]
  private let foreignKey: BoundExpression
  private let evaluator: Evaluator
  private let emitsRetractions: Bool
  private let condition: PairCondition?
  private var output: JoinOutput
  /// By slot of the left table: the slot of the right key that its row names; -1: none.
  private var named: [Int32] = []
  /// By slot of the right table, whose index has every key that is named: the left slots that name
  /// it.
  private var namers: [[Int32]] = []
  /// Where a left slot stands in its list.
  private var places: [Int32] = []
  /// Of the open batch of each side; `foreign`: right slots, -1 for NULL.
  private var slots: [[Int32]] = [[], []]
  private var entries: [[Int32]] = [[], []]
  private var foreign: [Int32] = []

  init(
    isLeftJoin: Bool, left: TableState, right: TableState,
    leftKeys: [Int], rightKeys: [Int],
    foreignKey: BoundExpression, evaluator: Evaluator, referencing: Evaluator,
    emitsRetractions: Bool, condition: PairCondition?
  ) {
    self.condition = condition
    self.isLeftJoin = isLeftJoin
    self.left = left
    self.right = right
    leftResident = ResidentKeys(left.index, [left])
    rightResident = ResidentKeys(right.index, [right])
    self.leftKeys = leftKeys
    self.rightKeys = rightKeys
    self.foreignKey = foreignKey
    self.evaluator = evaluator
    self.emitsRetractions = emitsRetractions
    output = JoinOutput(sides: [left.rows, right.rows], keys: [[], []], isTable: true)
    let references = RowReferences(
      types: left.types, foreignKey: foreignKey, evaluator: referencing)
    left.indexing = { references.records(of: $0) }
  }

  override var states: [any OperatorState] { [left, right] }
  override var workingBytes: Int { named.count * 12 + namers.count * 40 }
  override func begin(_ context: EvaluationContext) {
    evaluator.context = context
    condition?.begin(context)
  }

  override func open(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let table = port == 0 ? left : right
    let columns = (port == 0 ? leftKeys : rightKeys).map { batch.columns[$0] }
    let keys = RowCodec.encode(columns, count: batch.count)
    if port == 0 {
      try nameReturned(try leftResident.insert(keys, slots: &slots[0]))
      foreign = try namedSlots(batch, failed: &faults)
    } else {
      try rightResident.insert(keys, slots: &slots[1])
      if left.isWhole { try bringBackReferrers(of: slots[1]) }
    }
    entries[port] = table.rows.add(batch.columns, rowtimes: batch.rowtimes)
  }

  /// The right slot that each left row names.
  private func namedSlots(
    _ batch: RecordBatch, failed: inout RowFaults
  ) throws(QueryFailure) -> [Int32] {
    let column = evaluator.column(foreignKey, batch, failed: &failed)
    var result: [Int32] = []
    try rightResident.insert(RowCodec.encode([column], count: batch.count), slots: &result)
    if let validity = column.validity {
      for row in 0..<batch.count where !validity[row] { result[row] = -1 }
    }
    return result
  }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    for row in rows {
      let entry = entries[port][row]
      let kind = batch.kind(row)
      if kind == .updateBefore || kind == .delete {
        (port == 0 ? left : right).rows.retire(entry)
        if port == 0 { forget(foreign[row]) }
      }
      if kind == .updateBefore { continue }
      let new = kind == .delete ? -1 : entry
      if port == 0 {
        changeLeft(batch, row, new)
      } else {
        try changeRight(batch, row, new)
      }
    }
    if output.count >= 2048 { try emit(output.finish()) }
  }

  override func endMerge() throws(QueryFailure) {
    if output.count > 0 { try emit(output.finish()) }
    left.sweep()
    // Keys that are named stay in the index of the right table, which `sweep` would take out.
    right.sweep(isNeeded: isNamed)
  }

  /// Whether a left row in memory names the right slot.
  private func isNamed(_ slot: Int32) -> Bool {
    Int(slot) < namers.count && !namers[Int(slot)].isEmpty
  }

  /// -1 unless the pair passes the rest of the condition.
  private func fitting(_ leftEntry: Int32, _ rightEntry: Int32) -> Int32 {
    guard let condition, leftEntry >= 0, rightEntry >= 0 else { return rightEntry }
    return condition.test(
      [leftEntry], of: left.rows, [rightEntry], of: right.rows, failed: &faults)[0]
      ? rightEntry : -1
  }

  /// A right slot is named no more: it may go where it has no row.
  private func forget(_ slot: Int32) {
    if slot >= 0, right.entry(slot) < 0 { right.remove(slot) }
  }

  private func name(_ slot: Int32, _ target: Int32) {
    let missing = Int(slot) + 1 - named.count
    if missing > 0 {
      named.append(contentsOf: repeatElement(-1, count: missing))
      places.append(contentsOf: repeatElement(-1, count: missing))
    }
    let old = named[Int(slot)]
    if old >= 0 {
      let place = Int(places[Int(slot)])
      let last = namers[Int(old)].removeLast()
      if last != slot {
        namers[Int(old)][place] = last
        places[Int(last)] = Int32(place)
      }
      forget(old)
    }
    named[Int(slot)] = target
    guard target >= 0 else { return }
    let missingLists = Int(target) + 1 - namers.count
    if missingLists > 0 { namers.append(contentsOf: repeatElement([], count: missingLists)) }
    places[Int(slot)] = Int32(namers[Int(target)].count)
    namers[Int(target)].append(slot)
  }

  private func changeLeft(_ batch: RecordBatch, _ row: Int, _ new: Int32) {
    let slot = slots[0][row]
    let old = left.entry(slot)
    let oldNamed = Int(slot) < named.count ? named[Int(slot)] : -1
    let target = new < 0 ? -1 : foreign[row]
    name(slot, target)
    if new < 0 { left.remove(slot) } else { left.put(slot, new) }
    let oldMatch = fitting(old, right.entry(oldNamed))
    let match = new < 0 ? -1 : fitting(new, right.entry(target))
    let hadResult = old >= 0 && (isLeftJoin || oldMatch >= 0)
    let hasResult = new >= 0 && (isLeftJoin || match >= 0)
    if old < 0, !hasResult { return }
    let time = max(
      batch.rowtimes[row], match < 0 ? Int64.min : right.rows.times[Int(match)])
    guard hasResult else {
      // The tombstone carries the left row that it ends, so that its key is known.
      return append(batch, row, old, oldMatch, time, .delete)
    }
    if hadResult, emitsRetractions { append(batch, row, old, oldMatch, time, .updateBefore) }
    append(
      batch, row, new, match, time, hadResult && emitsRetractions ? .updateAfter : .insert)
  }

  private func changeRight(
    _ batch: RecordBatch, _ row: Int, _ new: Int32
  ) throws(QueryFailure) {
    let slot = slots[1][row]
    let old = right.entry(slot)
    let isNamed = isNamed(slot)
    // Of a row that reads as before no result changes, however many left rows name it.
    let isSame = isNamed && old >= 0 && new >= 0 && right.rows.areEqual(old, new)
    if new < 0 { right.remove(slot) } else { right.put(slot, new) }
    guard isNamed, !isSame else { return }
    let waiting = namers[Int(slot)].sorted {
      precedes(left.index.key(Int($0)), left.index.key(Int($1)))
    }
    for leftSlot in waiting {
      if output.count >= 1 << 14 { try emit(output.finish()) }
      let own = left.entry(leftSlot)
      guard own >= 0 else { continue }
      let time = max(batch.rowtimes[row], left.rows.times[Int(own)])
      let before = fitting(own, old)
      let after = fitting(own, new)
      let hadResult = isLeftJoin || before >= 0
      let hasResult = isLeftJoin || after >= 0
      if !hadResult, !hasResult { continue }
      guard hasResult else {
        append(batch, row, own, before, time, .delete)
        continue
      }
      if hadResult, emitsRetractions { append(batch, row, own, before, time, .updateBefore) }
      append(
        batch, row, own, after, time, hadResult && emitsRetractions ? .updateAfter : .insert)
    }
  }

  private func append(
    _ batch: RecordBatch, _ row: Int, _ leftEntry: Int32, _ rightEntry: Int32, _ time: Int64,
    _ kind: ChangeKind
  ) {
    output.append(
      left: leftEntry, right: rightEntry, side: 0, entry: leftEntry, rowtime: time, at: batch,
      row, kind: kind)
  }

  /// Which left rows name which right rows.
  override func followStates() throws(QueryFailure) {
    left.sweep()
    right.sweep()
    named = []
    namers = []
    places = []
    try nameRows(of: left.slots)
  }

  private func nameRows(of slots: [Int32]) throws(QueryFailure) {
    for first in stride(from: 0, to: slots.count, by: 4096) {
      let part = Array(slots[first..<min(first + 4096, slots.count)])
      let none = [Int64](repeating: 0, count: part.count)
      let batch = RecordBatch(
        columns: left.rows.gather(part.map { left.entry($0) }), rowtimes: none,
        positions: Positions(major: none, minor: Array(repeating: 0, count: part.count)))
      // What fails was reported when the row came.
      var known = RowFaults()
      let targets = try namedSlots(batch, failed: &known)
      for (slot, target) in zip(part, targets) { name(slot, target) }
    }
  }

  // MARK: - Out of memory and back

  override func evict() throws(QueryFailure) {
    _ = try leftResident.evict(leaving: { slots in
      for slot in slots { name(slot, -1) }
    })
    guard right.isWhole else { return }
    right.sweep(isNeeded: isNamed)
    _ = try rightResident.evict(isNeeded: isNamed)
  }

  /// Left rows are back: they name their right rows again.
  private func nameReturned(_ slots: [Int32]) throws(QueryFailure) {
    if !slots.isEmpty { try nameRows(of: slots) }
  }

  /// The left rows that name these right slots, wherever they are.
  private func bringBackReferrers(of slots: [Int32]) throws(QueryFailure) {
    var prefixes = RawRecords(buffer: ByteBuffer(capacity: slots.count * 16))
    let distinct = Set(slots).sorted()
    for slot in distinct { RowReferences.append(right.index.key(Int(slot)), to: &prefixes) }
    let found = try left.stored { (store) throws(StorageError) in
      try store.find(prefixes, space: StateSpace.index)
    }
    guard let (references, counts) = found, references.count > 0 else { return }
    var keys = RawRecords(buffer: ByteBuffer(capacity: references.count * 16))
    for record in 0..<references.count {
      guard let key = references.key(record).flatMap({ RowReferences.leftKey($0) }) else {
        throw left.damage
      }
      keys.append(key: key, value: nil, timestamp: 0)
    }
    try nameReturned(try leftResident.bringBack(keys))
    dropStale(
      references, keys,
      zip(distinct, counts).flatMap { Array(repeating: $0, count: Int($1)) })
  }

  /// References whose left row is gone or names another right row by now. `targets`: the right
  /// slots that they are of.
  private func dropStale(_ references: RawRecords, _ keys: RawRecords, _ targets: [Int32]) {
    var stale = RawRecords(buffer: ByteBuffer(capacity: 256))
    for record in 0..<references.count {
      guard let key = keys.key(record), let reference = references.key(record) else { continue }
      let slot = left.index.find(key) ?? -1
      if slot < 0 || slot >= named.count || named[slot] != targets[record] {
        stale.append(key: reference, value: nil, timestamp: 0)
      }
    }
    if stale.count > 0 { left.store?.stage(stale, space: StateSpace.index) }
  }
}
