// Table-table join on a foreign key: each left row names a right row by an expression. A change of a left
// row gives its joined row; a change of a right row gives those of all left rows that name it, in the byte
// order of their keys. A left row that has been a result and has none any more gives a tombstone.

import Columns
import Planner
import Syntax

final class ForeignKeyJoinOperator: MergingOperator {
  private let isLeftJoin: Bool
  private let left: TableState
  private let right: TableState
  private let leftKeys: [Int]
  private let rightKeys: [Int]
  private let foreignKey: BoundExpression
  private let evaluator: Evaluator
  private let emitsRetractions: Bool
  private let condition: PairCondition?
  private var output: JoinOutput
  /// Foreign key to the keys of the left rows that have it.
  private var references: [[UInt8]: Set<[UInt8]>] = [:]
  private var foreignKeys: [[UInt8]: [UInt8]] = [:]

  init(
    isLeftJoin: Bool, left: TableState, right: TableState, leftKeys: [Int], rightKeys: [Int],
    foreignKey: BoundExpression, evaluator: Evaluator, emitsRetractions: Bool,
    condition: PairCondition?
  ) {
    self.condition = condition
    self.isLeftJoin = isLeftJoin
    self.left = left
    self.right = right
    self.leftKeys = leftKeys
    self.rightKeys = rightKeys
    self.foreignKey = foreignKey
    self.evaluator = evaluator
    self.emitsRetractions = emitsRetractions
    output = JoinOutput(left: left.types, right: right.types, key: [], isTable: true)
  }

  override var stores: [any StateStore] { [left, right] }
  override func begin(_ context: EvaluationContext) {
    evaluator.context = context
    condition?.begin(context)
  }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    let part = rows == 0..<batch.count ? batch : batch.gather(rows.map { Int32($0) })
    let places = port == 0 ? leftKeys : rightKeys
    let keys = RowCodec.encode(places.map { part.columns[$0] }, count: part.count)
    let encoded = RowCodec.encode(part.columns, count: part.count)
    let foreign = port == 0 ? foreignKeyColumn(part) : nil
    for row in 0..<part.count {
      let kind = part.kind(row)
      if kind == .updateBefore { continue }
      let new = kind == .delete ? nil : Array(encoded.bytes(row))
      if let foreign {
        try changeLeft(
          part, row, Array(keys.bytes(row)), new,
          foreign.column.isNull(row) ? nil : Array(foreign.rows.bytes(row)))
      } else {
        try changeRight(part, row, Array(keys.bytes(row)), new)
      }
    }
    if output.count >= 2048 { try emit(output.finish()) }
  }

  override func endMerge() throws(QueryFailure) {
    if output.count > 0 { try emit(output.finish()) }
  }

  private func foreignKeyColumn(_ batch: RecordBatch) -> (column: Column, rows: EncodedRows) {
    let column = evaluator.column(foreignKey, batch, failed: &failedExpressions)
    return (column, RowCodec.encode([column], count: batch.count))
  }

  private func lookUp(_ state: TableState, _ key: [UInt8]) -> (row: [UInt8], time: Int64)? {
    key.withUnsafeBytes { bytes in
      state.find(bytes).map { (Array(state.row($0)), state.rowtime($0)) }
    }
  }

  /// The right row, unless the rest of the condition fails for the pair.
  private func fitting(
    _ leftRow: [UInt8]?, _ match: (row: [UInt8], time: Int64)?
  ) throws(QueryFailure) -> (row: [UInt8], time: Int64)? {
    guard let condition, let leftRow, let match else { return match }
    return try condition.test(leftRow, match.row, failed: &failedExpressions) ? match : nil
  }

  private func changeLeft(
    _ batch: RecordBatch, _ row: Int, _ key: [UInt8], _ new: [UInt8]?, _ foreign: [UInt8]?
  ) throws(QueryFailure) {
    let old = lookUp(left, key)
    let oldForeign = foreignKeys[key]
    if let oldForeign {
      references[oldForeign]?.remove(key)
      if references[oldForeign]?.isEmpty ?? false { references[oldForeign] = nil }
      foreignKeys[key] = nil
    }
    let time = batch.rowtimes[row]
    if let new {
      key.withUnsafeBytes { key in
        new.withUnsafeBytes { left.put(key, $0, rowtime: time) }
      }
      if let foreign {
        foreignKeys[key] = foreign
        references[foreign, default: []].insert(key)
      }
    } else {
      key.withUnsafeBytes { left.remove($0) }
    }
    let oldMatch = try fitting(old?.row, oldForeign.flatMap { lookUp(right, $0) })
    let match = try fitting(new, new == nil ? nil : foreign.flatMap { lookUp(right, $0) })
    let hadResult = old != nil && (isLeftJoin || oldMatch != nil)
    let hasResult = new != nil && (isLeftJoin || match != nil)
    if old == nil, !hasResult { return }
    let resultTime = max(time, match?.time ?? Int64.min)
    if hasResult {
      if hadResult, emitsRetractions {
        try append(batch, row, old?.row, oldMatch?.row, resultTime, .updateBefore)
      }
      try append(
        batch, row, new, match?.row, resultTime,
        hadResult && emitsRetractions ? .updateAfter : .insert)
    } else {
      // The tombstone carries the left row that it ends, so that its key is known.
      try append(batch, row, old?.row, oldMatch?.row, resultTime, .delete)
    }
  }

  private func changeRight(
    _ batch: RecordBatch, _ row: Int, _ key: [UInt8], _ new: [UInt8]?
  ) throws(QueryFailure) {
    let old = lookUp(right, key)
    let time = batch.rowtimes[row]
    key.withUnsafeBytes { key in
      if let new {
        new.withUnsafeBytes { right.put(key, $0, rowtime: time) }
      } else {
        right.remove(key)
      }
    }
    let waiting = (references[key] ?? []).sorted { $0.lexicographicallyPrecedes($1) }
    for leftKey in waiting {
      guard let leftRow = lookUp(left, leftKey) else { continue }
      let resultTime = max(time, leftRow.time)
      let old = try fitting(leftRow.row, old)
      let new = try fitting(leftRow.row, new.map { ($0, time) })?.row
      let hadResult = isLeftJoin || old != nil
      let hasResult = isLeftJoin || new != nil
      if !hadResult, !hasResult { continue }
      if hasResult {
        if hadResult, emitsRetractions {
          try append(batch, row, leftRow.row, old?.row, resultTime, .updateBefore)
        }
        try append(
          batch, row, leftRow.row, new, resultTime,
          hadResult && emitsRetractions ? .updateAfter : .insert)
      } else {
        try append(batch, row, leftRow.row, old?.row, resultTime, .delete)
      }
    }
  }

  private func append(
    _ batch: RecordBatch, _ row: Int, _ leftRow: [UInt8]?, _ rightRow: [UInt8]?,
    _ time: Int64, _ kind: ChangeKind
  ) throws(QueryFailure) {
    try (leftRow ?? []).withUnsafeBytesThrowing { (left) throws(QueryFailure) in
      try (rightRow ?? []).withUnsafeBytesThrowing { (right) throws(QueryFailure) in
        try output.append(
          left: leftRow == nil ? nil : left, right: rightRow == nil ? nil : right,
          key: UnsafeRawBufferPointer(start: nil, count: 0), rowtime: time, at: batch, row,
          kind: kind)
      }
    }
  }

  /// After a restart: which left rows name which right rows.
  func rebuildReferences() throws(QueryFailure) {
    references = [:]
    foreignKeys = [:]
    for (key, row) in left.all {
      let builders = left.types.map { ColumnBuilder($0, capacity: 1) }
      var reader = RowReader(UnsafeRawBufferPointer(start: nil, count: 0))
      var isGood = false
      row.withUnsafeBytes { bytes in
        reader = RowReader(bytes)
        isGood = reader.read(into: builders)
      }
      guard isGood else { throw QueryFailure("the state of store \(left.name) is damaged") }
      let batch = RecordBatch(
        columns: builders.map { $0.finish() }, rowtimes: [0],
        positions: Positions(major: [0], minor: [0]))
      let foreign = foreignKeyColumn(batch)
      guard !foreign.column.isNull(0) else { continue }
      let bytes = Array(foreign.rows.bytes(0))
      foreignKeys[key] = bytes
      references[bytes, default: []].insert(key)
    }
  }
}
