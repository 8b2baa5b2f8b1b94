// Stream-stream join within a window, as Kafka Streams defines it. For each row of a side:
//   1. stream time advances; with a grace period, outer rows whose window has closed are given out, by
//      time and key, when this row is the newest;
//   2. the row is stored on its side and meets the rows of the other side within the window, oldest first;
//   3. a row that met none is an outer row where the join type asks for it: without a grace period it is
//      given out at once, with one it waits until stream time has passed its window and the grace.
// The result has the later of the two times.

import Columns
import Syntax

final class StreamStreamJoinOperator: MergingOperator {
  struct Spec {
    var type: Join.Kind
    var beforeMs: Int64
    var afterMs: Int64
    var graceMs: Int64?
    var keys: [[Int]]
    var types: [[DataType]]
    var keyTypes: [DataType]
    /// What a pair must fulfil besides equal keys.
    var condition: PairCondition?
  }

  private let spec: Spec
  private let sides: [JoinBuffer]
  private let outer: OuterBuffer?
  private var output: JoinOutput

  init(spec: Spec, names: [String]) {
    self.spec = spec
    let grace = spec.graceMs ?? 86_400_000
    let retention = spec.beforeMs + spec.afterMs + grace
    sides = [
      JoinBuffer(name: names[0], retentionMs: retention),
      JoinBuffer(name: names[1], retentionMs: retention),
    ]
    outer = spec.graceMs != nil && spec.type != .inner ? OuterBuffer(name: names[2]) : nil
    output = JoinOutput(
      left: spec.types[0], right: spec.types[1], key: spec.keyTypes, isTable: false)
  }

  override var stores: [any StateStore] {
    outer.map { sides + [$0] } ?? sides
  }

  override func begin(_ context: EvaluationContext) { spec.condition?.begin(context) }

  /// The candidates that fulfil the rest of the condition.
  private func passing(
    _ found: [JoinBuffer.Entry], _ own: UnsafeRawBufferPointer, _ port: Int
  ) throws(QueryFailure) -> [JoinBuffer.Entry] {
    guard let condition = spec.condition else { return found }
    var result: [JoinBuffer.Entry] = []
    for entry in found {
      let row = Array(own)
      let passes = try condition.test(
        port == 0 ? row : entry.row, port == 0 ? entry.row : row, failed: &failedExpressions)
      if passes { result.append(entry) }
    }
    return result
  }

  /// Whether unmatched rows of a side are results.
  private func isOuter(_ port: Int) -> Bool {
    switch spec.type {
    case .inner: return false
    case .left: return port == 0
    case .right: return port == 1
    case .full: return true
    }
  }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    let part = rows == 0..<batch.count ? batch : batch.gather(rows.map { Int32($0) })
    let keyColumns = spec.keys[port].map { part.columns[$0] }
    let keys = RowCodec.encode(keyColumns, count: part.count)
    let encoded = RowCodec.encode(part.columns, count: part.count)
    for row in 0..<part.count {
      if part.kinds != nil, part.kind(row) == .delete { continue }
      if keyColumns.contains(where: { $0.isNull(row) }) {
        if isOuter(port) { try append(port, encoded.bytes(row), nil, keys.bytes(row), part, row) }
        continue
      }
      try take(part, row, port, keys.bytes(row), encoded.bytes(row))
    }
    if output.count >= 2048 { try emit(output.finish()) }
  }

  override func endMerge() throws(QueryFailure) {
    if output.count > 0 { try emit(output.finish()) }
    for side in sides { side.expire() }
  }

  private func take(
    _ batch: RecordBatch, _ row: Int, _ port: Int, _ keyBytes: UnsafeRawBufferPointer,
    _ rowBytes: UnsafeRawBufferPointer
  ) throws(QueryFailure) {
    let time = batch.rowtimes[row]
    let key = Array(keyBytes)
    // A left row looks `before` back and `after` ahead; a right row the other way round.
    let back = port == 0 ? spec.beforeMs : spec.afterMs
    let ahead = port == 0 ? spec.afterMs : spec.beforeMs
    sides[port].put(key, Array(rowBytes), timestamp: time)
    if let outer {
      outer.advance(to: time)
      if time == outer.streamTime { try closeOuter(outer, batch, row) }
    }
    let found = try passing(
      sides[1 - port].find(key, from: max(0, time - back), to: max(0, time + ahead)), rowBytes,
      port)
    for entry in found {
      outer?.remove(
        OuterBuffer.Key(timestamp: entry.timestamp, isLeft: port == 1, key: key))
      try entry.row.withUnsafeBytesThrowing { (other) throws(QueryFailure) in
        try output.append(
          left: port == 0 ? rowBytes : other, right: port == 0 ? other : rowBytes,
          key: keyBytes, rowtime: max(time, entry.timestamp), at: batch, row)
      }
    }
    guard found.isEmpty, isOuter(port) else { return }
    if let outer, time + ahead >= outer.streamTime {
      outer.put(
        OuterBuffer.Key(timestamp: time, isLeft: port == 0, key: key), Array(rowBytes))
    } else {
      try append(port, rowBytes, nil, keyBytes, batch, row)
    }
  }

  private func append(
    _ port: Int, _ own: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer?,
    _ key: UnsafeRawBufferPointer, _ batch: RecordBatch, _ row: Int
  ) throws(QueryFailure) {
    try output.append(
      left: port == 0 ? own : other, right: port == 0 ? other : own, key: key,
      rowtime: batch.rowtimes[row], at: batch, row)
  }

  private func closeOuter(
    _ outer: OuterBuffer, _ batch: RecordBatch, _ row: Int
  ) throws(QueryFailure) {
    guard !outer.isEmpty, let grace = spec.graceMs else { return }
    let now = outer.streamTime
    let closed = outer.takeClosed { key in
      key.timestamp + (key.isLeft ? spec.afterMs : spec.beforeMs) + grace < now
    }
    for (key, stored) in closed {
      try stored.withUnsafeBytesThrowing { (own) throws(QueryFailure) in
        try key.key.withUnsafeBytesThrowing { (keyBytes) throws(QueryFailure) in
          try output.append(
            left: key.isLeft ? own : nil, right: key.isLeft ? nil : own, key: keyBytes,
            rowtime: key.timestamp, at: batch, row)
        }
      }
    }
  }
}

extension Array where Element == UInt8 {
  /// `withUnsafeBytes` for bodies with a typed throw.
  func withUnsafeBytesThrowing<Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    let result = withUnsafeBytes { bytes -> Result<Void, Failure> in
      do throws(Failure) {
        return .success(try body(bytes))
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }
}
