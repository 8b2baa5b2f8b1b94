// Which left rows of a foreign-key join name a right row, as a store has it: the length of the
// right key (4 bytes, big-endian), the right key, the left key. A reference is made whenever a left
// row is written and is never taken back: who finds one looks whether its row still names that key.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import Synchronization

struct RowReferences: Sendable {
  private let types: [DataType]
  private let foreignKey: BoundExpression
  /// Of its own: records are also written while the operator works.
  private let evaluator: Monitor<EvaluatorBox>

  private struct EvaluatorBox: @unchecked Sendable {
    // Unchecked: whoever holds the monitor has it alone.
    let evaluator: Evaluator
  }

  init(types: [DataType], foreignKey: BoundExpression, evaluator: Evaluator) {
    self.types = types
    self.foreignKey = foreignKey
    self.evaluator = Monitor(EvaluatorBox(evaluator: evaluator))
  }

  /// How the references of a right row begin.
  static func append(_ rightKey: UnsafeRawBufferPointer, to records: inout RawRecords) {
    records.append(key: prefix(rightKey), value: nil, timestamp: 0)
  }

  private static func prefix(_ rightKey: UnsafeRawBufferPointer) -> [UInt8] {
    withUnsafeBytes(of: UInt32(rightKey.count).bigEndian) { Array($0) } + rightKey
  }

  /// How many bytes of a reference its right row has; nil: it is none.
  static func prefixBytes(_ key: UnsafeRawBufferPointer) -> Int? {
    guard key.count >= 4 else { return nil }
    let length = Int(UInt32(bigEndian: key.loadUnaligned(as: UInt32.self)))
    return length <= key.count - 4 ? 4 + length : nil
  }

  static func leftKey(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    prefixBytes(key).map { UnsafeRawBufferPointer(rebasing: key[$0...]) }
  }

  /// The references of the rows of a table's changelog.
  func records(of changes: RawRecords) -> RawRecords {
    let builders = types.map { ColumnBuilder($0, capacity: changes.count) }
    var kept: [Int] = []
    for record in 0..<changes.count {
      guard let value = changes.value(record), changes.keyLength[record] >= 0 else { continue }
      var reader = RowReader(value)
      // What is no row is found out where the row is read.
      guard reader.readWhole(into: builders) else { continue }
      kept.append(record)
    }
    let none = [Int64](repeating: 0, count: kept.count)
    let batch = RecordBatch(
      columns: builders.map { $0.finish() }, rowtimes: none,
      positions: Positions(major: none, minor: Array(repeating: 0, count: kept.count)))
    var failed = RowFaults()
    let column = evaluator.withLock { $0.evaluator.column(foreignKey, batch, failed: &failed) }
    var result = RawRecords(buffer: ByteBuffer(capacity: kept.count * 32))
    RowCodec.encode([column], count: kept.count).withBytes { rightKeys in
      for (row, record) in kept.enumerated() where column.validity.map({ $0[row] }) ?? true {
        guard let leftKey = changes.key(record) else { continue }
        result.append(
          key: Self.prefix(rightKeys[row]) + leftKey, value: [], timestamp: 0)
      }
    }
    return result
  }
}
