// The rows of a batch with the keys by which OVER divides and orders them.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

struct OrderedRows {
  /// A batch with the columns of the partition that it had not, and the keys of its rows.
  struct Keyed {
    var batch: RecordBatch
    var partitions: EncodedRows
    var order: ByteColumn
    /// Of the partition's only column; nil: there are more, or none, or it is never NULL.
    var keyValidity: Bitmap?

    /// Without the keys of the partitions.
    func gather(_ rows: [Int32]) -> Keyed {
      guard case .bytes(let order) = Column.bytes(order).gather(rows) else { return self }
      return Keyed(
        batch: batch.gather(rows), partitions: partitions, order: order,
        keyValidity: keyValidity?.gather(rows))
    }
  }

  let evaluator: Evaluator
  /// Of the batch's columns.
  let types: [DataType]
  private let partition: [Project.Item]
  /// Partition columns that are not among the input's.
  private let further: [Project.Item]
  private let order: [Sort.Item]
  private let identity: [(place: Int, item: OrderKeys.Item)]

  /// `identity`: places of columns that tell the rows of a table apart.
  init(
    _ input: LogicalPlan, _ partition: [Project.Item], _ order: [Sort.Item], identity: [Int],
    _ evaluator: Evaluator
  ) {
    self.evaluator = evaluator
    self.partition = partition
    self.order = order
    let known = Set(input.columns.map(\.id))
    further = partition.filter { !known.contains($0.column.id) }
    let columns = input.columns + further.map(\.column)
    types = columns.map(\.type)
    self.identity = identity.map { ($0, OrderKeys.Item(type: columns[$0].type)) }
  }

  /// What a RANGE counts in, of each row; nil where it is NULL, or there is not one such column.
  func distances(_ batch: RecordBatch, _ faults: inout RowFaults) -> [Int64?] {
    guard order.count == 1 else { return Array(repeating: nil, count: batch.count) }
    let column = evaluator.column(order[0].expression, batch, failed: &faults)
    return FramedRows.distances(column, isDescending: order[0].isDescending)
  }

  func keyed(_ batch: RecordBatch, _ faults: inout RowFaults) -> Keyed {
    let keys = partition.map { evaluator.key($0.expression, batch, failed: &faults) }
    var orders = order.map { evaluator.column($0.expression, batch, failed: &faults) }
    var result = batch
    for (item, key) in zip(partition, keys)
    where further.contains(where: { $0.column.id == item.column.id }) {
      result.columns.append(key)
    }
    orders += identity.map { result.columns[$0.place] }
    let items = order.map { OrderKeys.Item($0) } + identity.map(\.item)
    return Keyed(
      batch: result, partitions: RowCodec.encode(keys, count: batch.count),
      order: OrderKeys.encode(
        orders, items, count: batch.count, identity: identity.isEmpty ? nil : order.count),
      keyValidity: keys.count == 1 ? keys[0].validity : nil)
  }
}

extension RecordBatch {
  /// Of a stream: without records that have no value, which are no rows.
  var valued: RecordBatch {
    guard let kinds else { return self }
    let rows = kinds.indices.filter { kinds[$0] != .delete }
    return rows.count < count ? gather(rows.map { Int32($0) }) : self
  }

  /// Of a table: what a row was, and behind it what it is, in the same partition.
  func isUpdate(_ row: Int, _ slots: [Int32]) -> Bool {
    let next = row + 1
    return kind(row) == .updateBefore && next < count && kind(next) == .updateAfter
      && slots[next] == slots[row] && positions.isSame(row, next)
  }
}
