// Aggregates that keep rows: ARRAY_AGG and STRING_AGG all of them, MAX_BY and MIN_BY the best one.

import HeadraceColumns
import HeadraceFoundations

enum RowAggregates {
  static let all: [AggregateFunction] =
    [arrayAggregate] + ["STRING_AGG", "LISTAGG"].map { text($0) }
    + ["MAX_BY", "ARG_MAX"].map { best($0, isMaximum: true) }
    + ["MIN_BY", "ARG_MIN"].map { best($0, isMaximum: false) }

  static let arrayAggregate = AggregateFunction(
    "ARRAY_AGG",
    doc: "All values of a group as an array, NULLs included, in the order in which they came or in "
      + "that of an ORDER BY behind the argument; NULL without a row.",
    overloads: [
      AggregateOverload(Signature([.T], .array(.T)), canUndo: true) {
        (call) throws(FunctionError) in RowListAccumulator(call, .array(limit: nil))
      }.ordered(.sortsRows)
    ])

  @Sendable private static func separator(_ literals: [Value]) throws(FunctionError) -> String {
    guard let literal = literals.first else { return "," }
    if literal.isNull { return "" }
    guard case .string(let text) = literal else {
      throw FunctionError("needs a text between the values")
    }
    return text
  }

  private static func text(_ name: String) -> AggregateFunction {
    AggregateFunction(
      name,
      doc: (name == "STRING_AGG" ? "" : "The same as STRING_AGG. ")
        + "The values that are not NULL one behind the other with the second argument between them, "
        + "or else a comma; NULL without any. Their order is that in which they came, or that of an "
        + "ORDER BY behind the arguments or in WITHIN GROUP.",
      overloads: [[], [.string]].map { (more: [ParameterType]) in
        AggregateOverload(
          Signature([.string] + more, .string), literalCount: more.count, canUndo: true
        ) { (call) throws(FunctionError) -> any Accumulator in
          let separator = Array(try separator(call.literals).utf8)
          return call.takesBack || !call.order.isEmpty
            ? RowListAccumulator(call, .text(separator: separator))
            : JoinedTextAccumulator(separator: separator)
        }
        .ordered(.sortsRows)
        .checked { (literals) throws(FunctionError) in _ = try separator(literals) }
      })
  }

  private static func best(_ name: String, isMaximum: Bool) -> AggregateFunction {
    let word = isMaximum ? "highest" : "lowest"
    let other = isMaximum ? "MAX_BY" : "MIN_BY"
    let keys = QuantileAggregates.ordered + [.anyDecimal]
    return AggregateFunction(
      name,
      doc: (name == other ? "" : "The same as \(other). ")
        + "The first argument of the row whose second one is \(word), of several that which came "
        + "first. Rows with a NULL in either do not count; NULL without any.",
      overloads: keys.map { key in
        AggregateOverload(Signature([.T, key], .T), canUndo: false) {
          (call) throws(FunctionError) in BestRowAccumulator(call, isMaximum: isMaximum)
        }
        .decided { _ in .best(by: 1, isDescending: isMaximum) }
        .distinct(.makesNoDifference)
      })
  }
}

/// Texts as they come, none of which is taken back: what has been joined so far.
final class JoinedTextAccumulator: Accumulator {
  private let separator: [UInt8]
  private var states: [[UInt8]?] = []

  init(separator: [UInt8]) { self.separator = separator }

  var needsOrdinals: Bool { false }

  func reserve(groups count: Int) {
    if states.count < count {
      states.append(contentsOf: repeatElement(nil, count: count - states.count))
    }
  }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    guard case .bytes(let column)? = rows.arguments.first else {
      unexpected(rows.arguments.first, in: "STRING_AGG")
    }
    for (row, group) in rows.groups.enumerated() {
      if column.validity.map({ $0[row] }) ?? true {
        if states[Int(group)] == nil {
          states[Int(group)] = []
        } else {
          states[Int(group)]?.append(contentsOf: separator)
        }
        states[Int(group)]?.append(contentsOf: column.view(row))
      }
      each(Int(group))
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { append($0, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  private func append(_ group: Int, to results: ColumnBuilder) {
    guard let state = states[group] else { return results.appendNull() }
    state.withUnsafeBytes { results.append(bytes: $0) }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    guard let other = states[source] else { return }
    guard let known = states[target] else {
      states[target] = other
      return
    }
    states[target] = known + separator + other
  }

  func reset(_ group: Int) { states[group] = nil }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    ValueCodec.append(states[group].map { .bytes($0) } ?? .null, to: &bytes)
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    switch ValueCodec.read(bytes, at: &position) {
    case .bytes(let text): states[group] = text
    case .null: states[group] = nil
    default: return false
    }
    return true
  }
}
