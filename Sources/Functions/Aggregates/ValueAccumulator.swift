// Aggregates over single values: a state of any type a group, and closures that add to it. Slower
// than the accumulators over arrays, but a few lines for each function; also the way to register
// one's own.

public import HeadraceColumns
import HeadraceFoundations

/// What an aggregate over values does. `add` gets the row's arguments and its append-order number.
public struct Aggregation<State: Sendable>: Sendable {
  public typealias Step =
    @Sendable (inout State, [Value], _ ordinal: Int64) throws(FunctionError) -> Void

  public var initial: State
  public var add: Step
  /// nil where rows cannot be taken back.
  public var undo: Step?
  public var merge: @Sendable (inout State, State) throws(FunctionError) -> Void
  public var result: @Sendable (State) throws(FunctionError) -> Value
  /// The state as a value that can be stored, and back; nil where the stored value is damaged.
  public var save: @Sendable (State) -> Value
  public var load: @Sendable (Value) -> State?

  public init(
    initial: State, add: @escaping Step, undo: Step? = nil,
    merge: @escaping @Sendable (inout State, State) throws(FunctionError) -> Void,
    result: @escaping @Sendable (State) throws(FunctionError) -> Value,
    save: @escaping @Sendable (State) -> Value, load: @escaping @Sendable (Value) -> State?
  ) {
    self.initial = initial
    self.add = add
    self.undo = undo
    self.merge = merge
    self.result = result
    self.save = save
    self.load = load
  }
}

extension Aggregation where State == Value {
  public init(
    initial: Value, add: @escaping Step, undo: Step? = nil,
    merge: @escaping @Sendable (inout Value, Value) throws(FunctionError) -> Void,
    result: @escaping @Sendable (Value) throws(FunctionError) -> Value = { $0 }
  ) {
    self.init(
      initial: initial, add: add, undo: undo, merge: merge, result: result, save: { $0 },
      load: { $0 })
  }
}

/// A row whose step fails leaves the state as it was; a failed result is NULL.
public final class ValueAccumulator<State: Sendable>: Accumulator {
  private let aggregation: Aggregation<State>
  private let types: [DataType]
  private var states: [State] = []

  public init(_ aggregation: Aggregation<State>, _ call: AggregateCall) {
    self.aggregation = aggregation
    types = call.argumentTypes
  }

  public func reserve(groups count: Int) {
    if states.count < count {
      states.append(contentsOf: repeatElement(aggregation.initial, count: count - states.count))
    }
  }

  public func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    for row in rows.groups.indices {
      step(row, rows)
      append(Int(rows.groups[row]), to: results)
    }
  }

  public func accumulate(_ rows: AggregateRows, _ resultType: DataType) {
    for row in rows.groups.indices { step(row, rows) }
  }

  private func step(_ row: Int, _ rows: AggregateRows) {
    let values = zip(rows.arguments, types).map { $0.value(row, $1) }
    let isRetracted = rows.retracts.map { $0[row] } ?? false
    guard let step = isRetracted ? aggregation.undo : aggregation.add else { return }
    attempt { () throws(FunctionError) in
      try step(&states[Int(rows.groups[row])], values, rows.ordinals[row])
    }
  }

  /// The steps change their state only once they cannot fail any more.
  private func attempt(_ body: () throws(FunctionError) -> Void) {
    do throws(FunctionError) { try body() } catch { failures += 1 }
  }

  /// Rows whose step failed.
  public private(set) var failures = 0

  private func append(_ group: Int, to results: ColumnBuilder) {
    do throws(FunctionError) {
      results.append(try aggregation.result(states[group]))
    } catch {
      failures += 1
      results.appendNull()
    }
  }

  public func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  public func merge(_ source: Int, into target: Int) {
    let other = states[source]
    attempt { () throws(FunctionError) in try aggregation.merge(&states[target], other) }
  }

  public func reset(_ group: Int) { states[group] = aggregation.initial }

  public func serialize(_ group: Int, into bytes: inout [UInt8]) {
    ValueCodec.append(aggregation.save(states[group]), to: &bytes)
  }

  public func restore(
    _ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int
  ) -> Bool {
    guard let value = ValueCodec.read(bytes, at: &position),
      let state = aggregation.load(value)
    else { return false }
    states[group] = state
    return true
  }
}

extension AggregateOverload {
  /// An overload over single values.
  public init<State>(
    _ signature: Signature, literalCount: Int = 0, canUndo: Bool,
    aggregation:
      @escaping @Sendable (AggregateCall) throws(FunctionError) -> Aggregation<State>
  ) {
    self.init(signature, literalCount: literalCount, canUndo: canUndo) {
      (call) throws(FunctionError) in
      ValueAccumulator(try aggregation(call), call)
    }
  }
}
