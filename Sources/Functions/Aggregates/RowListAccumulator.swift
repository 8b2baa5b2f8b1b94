// ARRAY_AGG and STRING_AGG, and COLLECT_LIST with ORDER BY: the rows of each group in the order in
// which they came or in that of their ORDER BY, whose values stand behind the arguments.
// Complexity: a row costs a binary search; its result as much as it is long.

import HeadraceColumns
import HeadraceFoundations

final class RowListAccumulator: Accumulator {
  enum Form {
    /// NULLs included; of `limit` values at most, and without a limit NULL for no row.
    case array(limit: Int?)
    /// Without NULLs.
    case text(separator: [UInt8])
  }

  private let types: [DataType]
  private let form: Form
  private let rule: DecidingRows
  private let takesBack: Bool
  private var states: [RetractableRows] = []

  init(_ call: AggregateCall, _ form: Form) {
    types = call.argumentTypes
    self.form = form
    takesBack = call.takesBack
    rule = .sorted(call.order, from: call.argumentTypes.count - call.order.count)
  }

  var needsOrdinals: Bool { false }

  private var empty: RetractableRows { RetractableRows(rule, takesBack: takesBack) }

  func reserve(groups count: Int) {
    while states.count < count { states.append(empty) }
  }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    for (row, group) in rows.groups.enumerated() {
      if counts(rows.arguments[0], row) {
        let values = zip(rows.arguments, types).map { $0.value(row, $1) }
        if rows.retracts.map({ $0[row] }) ?? false {
          _ = states[Int(group)].takeBack(values)
        } else {
          states[Int(group)].add(values, ordinal: 0)
        }
      }
      each(Int(group))
    }
  }

  private func counts(_ column: Column, _ row: Int) -> Bool {
    if case .text = form { return !column.isNull(row) }
    return true
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { append($0, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  private func append(_ group: Int, to results: ColumnBuilder) {
    let rows = states[group].deciding
    switch form {
    case .array(let limit):
      guard !rows.isEmpty || limit != nil else { return results.appendNull() }
      results.append(.array(rows.prefix(limit ?? .max).map { $0.arguments[0] }))
    case .text(let separator):
      guard !rows.isEmpty else { return results.appendNull() }
      var text: [UInt8] = []
      for (index, row) in rows.enumerated() {
        if index > 0 { text += separator }
        if case .string(let value) = row.arguments[0] { text += value.utf8 }
      }
      text.withUnsafeBytes { results.append(bytes: $0) }
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  func merge(_ source: Int, into target: Int) {
    for row in states[source].all { states[target].add(row.arguments, ordinal: 0) }
  }

  func absorb(_ source: Int, into target: Int) {
    if states[target].isEmpty { states.swapAt(source, target) } else { merge(source, into: target) }
  }

  func reset(_ group: Int) { states[group] = empty }

  /// The rows in the order in which they came.
  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    let rows = states[group].all
    withUnsafeBytes(of: UInt32(rows.count)) { bytes += $0 }
    for row in rows {
      for value in row.arguments { ValueCodec.append(value, to: &bytes) }
    }
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    guard let count = WideState.load(UInt32.self, bytes, at: &position) else { return false }
    var rows = empty
    for _ in 0..<count {
      var values: [Value] = []
      for _ in types {
        guard let value = ValueCodec.read(bytes, at: &position) else { return false }
        values.append(value)
      }
      rows.add(values, ordinal: 0)
    }
    states[group] = rows
    return true
  }
}
