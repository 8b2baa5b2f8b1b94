// Aggregates from the first row of a partition on. What the rows come to that are not kept any more
// is state, a group a partition; what all rows come to, the head, goes on from row to row, and is
// made anew of both where it is not known.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

final class RunningTotals {
  typealias Values = ([Int32]) -> FramedValues

  let state: GroupedState<AccumulatedGroups>
  private let isRange: [Bool]
  private let aggregates: [Aggregate.Call]
  private let folded: AccumulatedGroups
  /// Of each partition what all of its rows come to, by the slot of its list; behind them one to
  /// try things out.
  private let heads: [any Accumulator]
  private var isKnown: [Bool] = []
  private var failures = ResultFailures()
  private var room = 0

  init(
    _ node: Framing, name: String, store: (any StateStore)?,
    _ make: (Aggregate.Call, Bool) throws(QueryFailure) -> any Accumulator
  ) throws(QueryFailure) {
    isRange = node.calls.filter(\.isRunning).map { $0.frame.unit == .range }
    var aggregates: [Aggregate.Call] = []
    for call in node.calls where call.isRunning {
      if case .aggregate(let aggregate) = call.function { aggregates.append(aggregate) }
    }
    self.aggregates = aggregates
    var folded: [any Accumulator] = []
    var heads: [any Accumulator] = []
    for aggregate in aggregates {
      folded.append(try make(aggregate, false))
      heads.append(try make(aggregate, false))
    }
    self.folded = AccumulatedGroups(folded)
    self.heads = heads
    // The key of the one partition that there is without any to partition by is empty, as that of
    // the times would be.
    state = GroupedState(
      name: name, content: self.folded, keys: node.partition.isEmpty ? .tagged : .plain,
      isWindowed: false, store: store)
    makeRoom(for: 0)
  }

  /// Every list may have another slot, or other rows.
  func forgetHeads() { isKnown = Array(repeating: false, count: isKnown.count) }

  /// Slot 0 of the heads is for trials; a list's is one behind its own.
  private func makeRoom(for slot: Int) {
    isKnown.grow(to: slot + 1, false)
    guard slot + 2 > room else { return }
    room = (slot + 2 + 1023) & ~1023
    for head in heads { head.reserve(groups: room) }
  }

  /// Sees to it that the heads of the lists are known, as they are before these entries.
  func prepare(
    _ slots: [Int32], before entries: [Int32], _ lists: OrderedState, _ values: Values
  ) throws(QueryFailure) {
    var fresh: Set<Int32>?
    for slot in slots {
      makeRoom(for: Int(slot))
      guard !isKnown[Int(slot)] else { continue }
      if fresh == nil { fresh = Set(entries) }
      let known = lists.lists[Int(slot)].all.prefix { !(fresh?.contains($0) ?? false) }
      try load(Int(slot) + 1, slot, lists)
      add(Array(known), to: Int(slot) + 1, values)
      isKnown[Int(slot)] = true
    }
  }

  /// The results of rows that come last in their lists, one by one.
  func results(
    _ slots: [Int32], _ values: FramedValues, _ faults: inout RowFaults, _ evaluator: Evaluator
  ) -> [Column] {
    failures.skip(heads)
    let columns = apply(slots.map { $0 + 1 }, values)
    failures.note(heads, aggregates, columns, values.positions, evaluator, into: &faults)
    return columns
  }

  /// The results of rows of a list, one that may stand first before others in their order.
  func results(
    of entries: [Int32], _ slot: Int32, _ lists: OrderedState, _ values: Values
  ) throws(QueryFailure) -> [Column] {
    makeRoom(for: Int(slot))
    try load(0, slot, lists)
    let all = lists.lists[Int(slot)].all
    let columns = apply(Array(repeating: 0, count: all.count), values(all))
    var places: [Int32: Int32] = [:]
    for (place, entry) in all.enumerated() { places[entry] = Int32(place) }
    let own = entries.map { places[$0] ?? 0 }
    // With RANGE, rows that are equal in the order have the results of the last of them.
    let last = own.map { place -> Int32 in
      var place = Int(place)
      while place + 1 < all.count, lists.arePeers(all[place], all[place + 1]) { place += 1 }
      return Int32(place)
    }
    return zip(columns, isRange).map { column, isRange in column.gather(isRange ? last : own) }
  }

  /// The head of a list that has just been worked out as a whole.
  func setHead(_ slot: Int32, _ lists: OrderedState, _ values: Values) throws(QueryFailure) {
    makeRoom(for: Int(slot))
    isKnown[Int(slot)] = false
    try prepare([slot], before: [], lists, values)
  }

  /// Takes in rows that leave their list.
  func fold(_ entries: [Int32], _ lists: OrderedState, _ values: Values) throws(QueryFailure) {
    guard let slot = entries.first.map({ lists.slot($0) }) else { return }
    let group = try group(of: slot, lists)
    state.touch([group])
    let values = values(entries)
    let groups = Array(repeating: group, count: entries.count)
    for (index, accumulator) in folded.accumulators.enumerated() {
      accumulator.accumulate(
        AggregateRows(
          groups: groups, arguments: values.arguments[index], retracts: nil,
          ordinals: accumulator.needsOrdinals ? entries.indices.map { Int64($0) } : []),
        aggregates[index].column.type)
    }
  }

  private func group(of slot: Int32, _ lists: OrderedState) throws(QueryFailure) -> Int32 {
    var groups: [Int32] = []
    let key = lists.index.key(Int(slot))
    try state.findSlots(EncodedRows(one: key), &groups)
    return groups[0]
  }

  /// Sets a head to what the rows come to that are not kept.
  private func load(_ head: Int, _ slot: Int32, _ lists: OrderedState) throws(QueryFailure) {
    for accumulator in heads { accumulator.reset(head) }
    guard try state.has(lists.index.key(Int(slot))) else { return }
    let group = try group(of: slot, lists)
    for (from, to) in zip(folded.accumulators, heads) {
      var bytes: [UInt8] = []
      from.serialize(Int(group), into: &bytes)
      var position = 0
      let isWhole = bytes.withUnsafeBytes { to.restore(head, from: $0, at: &position) }
      guard isWhole else { throw QueryFailure("the state of store \(state.name) is damaged") }
    }
  }

  private func add(_ entries: [Int32], to head: Int, _ values: Values) {
    guard !entries.isEmpty else { return }
    _ = apply(Array(repeating: Int32(head), count: entries.count), values(entries))
  }

  private func apply(_ groups: [Int32], _ values: FramedValues) -> [Column] {
    zip(heads.indices, aggregates).map { index, aggregate in
      let builder = ColumnBuilder(aggregate.column.type, capacity: groups.count)
      heads[index].apply(
        AggregateRows(
          groups: groups, arguments: values.arguments[index], retracts: nil,
          ordinals: heads[index].needsOrdinals ? groups.indices.map { Int64($0) } : []),
        into: builder)
      return builder.finish()
    }
  }
}
