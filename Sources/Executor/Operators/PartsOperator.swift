// Before the exchange of a GROUP BY over windows whose results come when they close: the rows that
// a slice has of one group and one stretch of time become one row, with what they come to. The
// operator behind the exchange adds these up.
//
// Why the results stay the same: a stretch lies within one pane and between two moments at which
// windows close. A row that is not older than any before it in its partition is never late,
// wherever its rows and those of other partitions meet, because their common order is by that time;
// so it may join an earlier row of its stretch, at that row's place, and neither closes a window
// earlier or later nor makes another row late. A row that is older stays alone at its own place.
// Invariant: rows leave in position order. Nothing is remembered from slice to slice.
// Source: the combiner of Dean and Ghemawat, "MapReduce" (OSDI 2004).

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

final class PartsOperator: Operator {
  private let spec: Aggregate
  private let evaluator: Evaluator
  private let accumulators: [any Accumulator]
  private let advance: Int64
  /// Windows close this long after the start of a pane; ms, less than `advance`.
  private let closing: Int64
  /// Groups that may differ from row to row: those that are no literals.
  private let varying: [BoundExpression]
  /// Slots by those groups and the stretch; without such groups by the stretch alone, in
  /// `slotOfStretch`.
  private let index = KeyIndex()
  private var slotOfStretch: [Int64: Int32] = [:]
  private var slots: [Int32] = []
  /// Of each part: the highest rowtime, and the position of its first row.
  private var rowtimes: [Int64] = []
  private var positions = Positions(major: [], minor: [])
  /// Those of each part's first row; nil while no row has any.
  private var headers: [[RecordHeader]]?
  /// The columns of the groups of the parts, one piece a batch.
  private var groups: [[Column]] = []
  private var lonelyRows: Int64 = 0
  /// Positions are times; in another order no row is known to be in time.
  private let isInRowtimeOrder: Bool

  init(
    spec: Aggregate, window: WindowSpec, evaluator: Evaluator, accumulators: [any Accumulator],
    isInRowtimeOrder: Bool
  ) {
    self.isInRowtimeOrder = isInRowtimeOrder
    self.spec = spec
    self.evaluator = evaluator
    self.accumulators = accumulators
    varying = spec.groups.map(\.expression).filter { !$0.isLiteral }
    let size: Int64
    (size, advance) = window.stride
    closing = (size + window.graceMs) % advance
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }
  override var workingBytes: Int { index.byteCount + rowtimes.count * 64 }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    guard batch.kinds != nil else { return add(batch) }
    let rows = (0..<Int32(batch.count)).filter { batch.kind(Int($0)) != .delete }
    if !rows.isEmpty { add(rows.count == batch.count ? batch : batch.gather(rows)) }
  }

  private func add(_ batch: RecordBatch) {
    let keys = varying.map { evaluator.key($0, batch, failed: &faults) }
    let stretches = stretches(batch)
    var created: [Int] = []
    if keys.isEmpty {
      created = findSlots(stretches)
    } else {
      let encoded = RowCodec.encode(keys, count: batch.count, extra: stretches)
      index.insert(encoded, slots: &slots) { created.append($0) }
    }
    begin(created, batch, keys)
    for (accumulator, call) in zip(accumulators, spec.calls) {
      let arguments = call.inputs.map {
        evaluator.column($0, batch, failed: &faults)
      }
      accumulator.accumulate(
        AggregateRows(groups: slots, arguments: arguments, retracts: nil, ordinals: []),
        call.column.type)
    }
    rowtimes.withUnsafeMutableBufferPointer { raise($0, slots, to: batch.rowtimes) }
  }

  /// Fills in the slots of rows that differ in their stretches only, and returns those that were
  /// made.
  private func findSlots(_ stretches: [Int64]) -> [Int] {
    var created: [Int] = []
    slots = [Int32](unsafeUninitializedCapacity: stretches.count) { slots, filled in
      var stretch = Int64.min
      var slot: Int32 = -1
      for row in stretches.indices {
        if stretches[row] != stretch {
          stretch = stretches[row]
          if let known = slotOfStretch[stretch] {
            slot = known
          } else {
            slot = Int32(slotOfStretch.count)
            slotOfStretch[stretch] = slot
            created.append(Int(slot))
          }
        }
        slots.initializeElement(at: row, to: slot)
      }
      filled = stretches.count
    }
    return created
  }

  /// The stretch of each row, by its start; a negative number of its own for a row that is older
  /// than one before it.
  private func stretches(_ batch: RecordBatch) -> [Int64] {
    let count = batch.count
    return [Int64](unsafeUninitializedCapacity: count) { result, filled in
      var stretch: Range<Int64> = 0..<0
      for row in 0..<count {
        let time = batch.rowtimes[row]
        guard isInRowtimeOrder, time == batch.positions.major[row] else {
          lonelyRows += 1
          result.initializeElement(at: row, to: -lonelyRows)
          continue
        }
        if !stretch.contains(time) {
          let pane = time / advance * advance
          stretch =
            time - pane < closing ? pane..<pane + closing : pane + closing..<pane + advance
        }
        result.initializeElement(at: row, to: stretch.lowerBound)
      }
      filled = count
    }
  }

  /// Makes ready the parts that were created, in the order in which they first come in `slots`.
  private func begin(_ created: [Int], _ batch: RecordBatch, _ keys: [Column]) {
    guard !created.isEmpty else { return }
    let room = (rowtimes.count + created.count + 1023) & ~1023
    for accumulator in accumulators {
      accumulator.reserve(groups: room)
      for slot in created { accumulator.reset(slot) }
    }
    let rows = firstRows(of: created, in: slots)
    rowtimes += rows.map { batch.rowtimes[Int($0)] }
    positions.append(batch.positions.gather(rows))
    if batch.headers != nil || headers != nil {
      let known = rowtimes.count - rows.count
      headers =
        (headers ?? Array(repeating: [], count: known))
        + rows.map { batch.headers?[Int($0)] ?? [] }
    }
    var keys = keys[...]
    groups.append(
      spec.groups.map { group in
        if case .literal(let value, let type) = group.expression {
          return .constant(value, type, count: rows.count)
        }
        return keys.removeFirst().gather(rows)
      })
  }

  override func finish() throws(QueryFailure) {
    guard !rowtimes.isEmpty else { return }
    let count = rowtimes.count
    var columns = spec.groups.indices.map { place in
      Column.concatenate(groups.map { $0[place] }, spec.groups[place].column.type)
    }
    let all = (0..<Int32(count)).map { $0 }
    for (accumulator, call) in zip(accumulators, spec.calls) {
      let builder = ColumnBuilder(call.column.type, capacity: count)
      accumulator.results(of: all, into: builder)
      columns.append(builder.finish())
    }
    let batch = RecordBatch(
      columns: columns, rowtimes: rowtimes, positions: positions, headers: headers)
    index.removeAll()
    slotOfStretch.removeAll(keepingCapacity: true)
    rowtimes.removeAll(keepingCapacity: true)
    positions = Positions(major: [], minor: [])
    headers = nil
    groups.removeAll(keepingCapacity: true)
    lonelyRows = 0
    try emit(batch)
  }
}
