// MAX_BY and MIN_BY: of each group the row with the best key so far. Keys that are integers or
// DOUBLEs are compared as integers of the same order, taken once a batch; a value is kept only when
// its row becomes the best one.

import HeadraceColumns
import HeadraceFoundations

final class BestRowAccumulator: Accumulator {
  private struct State {
    var key: Int64 = 0
    /// For keys that are no numbers.
    var keyValue = Value.null
    var value = Value.null
    /// Tells which of two equal rows came first, when states meet.
    var ordinal: Int64 = 0
    var isSet = false
  }

  private let isMaximum: Bool
  private let valueType: DataType
  private let keyType: DataType
  private let isNumeric: Bool
  private var states: [State] = []

  init(_ call: AggregateCall, isMaximum: Bool) {
    self.isMaximum = isMaximum
    valueType = call.argumentTypes[0]
    keyType = call.argumentTypes[1]
    switch keyType {
    case .int, .bigint, .double, .date, .time, .timestamp: isNumeric = true
    case .boolean, .decimal, .string, .bytes, .array, .map, .structure: isNumeric = false
    }
  }

  func reserve(groups count: Int) {
    if states.count < count {
      states.append(contentsOf: repeatElement(State(), count: count - states.count))
    }
  }

  private func isBetter(_ row: State, than known: State) -> Bool {
    guard known.isSet else { return true }
    if isNumeric { return isMaximum ? row.key > known.key : row.key < known.key }
    let order = orderValues(row.keyValue, known.keyValue)
    return isMaximum ? order > 0 : order < 0
  }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    let (values, keys) = (rows.arguments[0], rows.arguments[1])
    let validity = intersect(values.validity, keys.validity)
    let numbers = isNumeric ? NumberScale().keys(keys) : []
    for (row, group) in rows.groups.enumerated() {
      let group = Int(group)
      if validity.map({ $0[row] }) ?? true {
        var next = State(isSet: true)
        if isNumeric {
          next.key = numbers[row]
        } else {
          next.keyValue = keys.value(row, keyType)
        }
        if isBetter(next, than: states[group]) {
          next.value = values.value(row, valueType)
          next.ordinal = rows.ordinals[row]
          states[group] = next
        }
      }
      each(group)
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { results.append(states[$0].value) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(states[Int(group)].value) }
  }

  func merge(_ source: Int, into target: Int) {
    let (other, known) = (states[source], states[target])
    guard other.isSet else { return }
    let isEarlier = !isBetter(known, than: other) && other.ordinal < known.ordinal
    if isBetter(other, than: known) || isEarlier { states[target] = other }
  }

  func reset(_ group: Int) { states[group] = State() }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    let state = states[group]
    let fields: [Value] = [.bigint(state.ordinal), .bigint(state.key), state.keyValue, state.value]
    ValueCodec.append(state.isSet ? .structure(fields) : .null, to: &bytes)
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    switch ValueCodec.read(bytes, at: &position) {
    case .null: states[group] = State()
    case .structure(let fields):
      guard fields.count == 4, let ordinal = fields[0].integerValue,
        let key = fields[1].integerValue
      else { return false }
      states[group] = State(
        key: key, keyValue: fields[2], value: fields[3], ordinal: ordinal, isSet: true)
    default: return false
    }
    return true
  }
}
