// The exchange: rows are dealt to the partitions of the next stage by the hash of their key's
// bytes, and there merged again into the order of their positions. In memory; what it holds is
// bounded by the slice.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

/// Deals rows out to partitions by the hash of their key's bytes.
struct ExchangeDealer {
  private let encoder: SideEncoder
  private let keyPlaces: [Int]
  let partitions: Int
  private let inputPartition: Int

  init(_ exchange: Exchange, layout: [PlanColumn], inputPartition: Int) {
    keyPlaces = exchange.keys.compactMap { key in layout.firstIndex { $0.id == key } }
    partitions = exchange.partitions
    self.inputPartition = inputPartition
    var columns = keyPlaces.map { layout[$0] }
    for (place, name) in exchange.keyNames.enumerated() { columns[place].name = name }
    encoder = SideEncoder(
      layout: FormatLayout(
        Self.format(exchange.keyFormat, columns), columns: columns.count,
        SchemaSubject(EmptySchemaRegistry(), .key)),
      fields: columns.map { FormatField($0.name, $0.type) })
  }

  /// The format of the topics' keys where it can carry this key.
  private static func format(_ wanted: FormatSpec, _ columns: [PlanColumn]) -> FormatSpec {
    wanted.format.placesRows(by: columns.map(\.type)) ? wanted : .exchange
  }

  /// The keys of the rows, as records without values.
  func keys(_ batch: RecordBatch) -> RawRecords {
    var keys = RawRecords(buffer: ByteBuffer(capacity: batch.count * 16))
    _ = encoder.encode(
      keyPlaces.map { batch.columns[$0] }, count: batch.count, isNull: nil, into: &keys, .key)
    return keys
  }

  /// The rows of each partition.
  func rows(_ keys: RawRecords, count: Int) -> [[Int32]] {
    var rows: [[Int32]] = Array(repeating: [], count: partitions)
    for index in rows.indices { rows[index].reserveCapacity(count * 2 / partitions) }
    let base = UnsafeRawPointer(keys.buffer.base)
    for row in 0..<count {
      let key = UnsafeRawBufferPointer(
        start: base + Int(keys.keyStart[row]), count: max(0, Int(keys.keyLength[row])))
      rows[
        Partitioner.partition(
          key: key, inputPartition: inputPartition, partitionCount: partitions)
      ].append(Int32(row))
    }
    return rows
  }
}

final class ExchangeOperator: Operator {
  private let dealer: ExchangeDealer
  private var dealt: [[RecordBatch]]

  init(_ exchange: Exchange, layout: [PlanColumn], inputPartition: Int) {
    dealer = ExchangeDealer(exchange, layout: layout, inputPartition: inputPartition)
    dealt = Array(repeating: [], count: exchange.partitions)
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    guard dealer.partitions > 1 else {
      dealt[0].append(batch)
      return
    }
    let rows = dealer.rows(dealer.keys(batch), count: batch.count)
    for (partition, rows) in rows.enumerated() where !rows.isEmpty {
      dealt[partition].append(rows.count == batch.count ? batch : batch.gather(rows))
    }
  }

  /// What lies ready for a partition of the next stage.
  func drain(_ partition: Int) -> [RecordBatch] {
    defer { dealt[partition] = [] }
    return dealt[partition]
  }

  /// The rows of several senders in position order. Each sender's rows are in that order already.
  static func merge(_ senders: [[RecordBatch]], types: [DataType]) -> [RecordBatch] {
    let busy = senders.filter { !$0.isEmpty }
    if busy.count <= 1 { return busy.first ?? [] }
    let all = busy.flatMap { $0 }
    let joined = RecordBatch.concatenate(all, types: types)
    var bounds: [(next: Int, end: Int)] = []
    var start = 0
    for sender in busy {
      let count = sender.reduce(0) { $0 + $1.count }
      bounds.append((start, start + count))
      start += count
    }
    let order = mergedOrder(joined.positions, bounds)
    var batches: [RecordBatch] = []
    var first = 0
    while first < order.count {
      var end = min(first + 4096, order.count)
      // What one input row has given stays together.
      while end < order.count, joined.positions.isSame(Int(order[end - 1]), Int(order[end])) {
        end += 1
      }
      batches.append(joined.gather(Array(order[first..<end])))
      first = end
    }
    return batches
  }

  /// The batches, joined where what one input row has given lies in two of them.
  static func whole(_ batches: [RecordBatch], types: [DataType]) -> [RecordBatch] {
    var result: [RecordBatch] = []
    var open: [RecordBatch] = []
    for batch in batches where batch.count > 0 {
      if let last = open.last {
        let (a, b) = (last.positions, batch.positions)
        if a.major[last.count - 1] != b.major[0] || a.minor[last.count - 1] != b.minor[0] {
          result.append(RecordBatch.concatenate(open, types: types))
          open = []
        }
      }
      open.append(batch)
    }
    if !open.isEmpty { result.append(RecordBatch.concatenate(open, types: types)) }
    return result
  }

  /// The rows of the senders' ranges in position order. A sender's rows are taken in runs, each up
  /// to the first row of another sender.
  private static func mergedOrder(
    _ positions: Positions, _ ranges: [(next: Int, end: Int)]
  ) -> [Int32] {
    var bounds = ranges
    var order: [Int32] = []
    order.reserveCapacity(positions.major.count)
    positions.major.withUnsafeBufferPointer { major in
      positions.minor.withUnsafeBufferPointer { minor in
        func precedes(_ a: Int, _ b: Int) -> Bool {
          major[a] != major[b] ? major[a] < major[b] : minor[a] < minor[b]
        }
        while true {
          var best = -1
          var second = -1
          for index in bounds.indices where bounds[index].next < bounds[index].end {
            if best < 0 || precedes(bounds[index].next, bounds[best].next) {
              second = best
              best = index
            } else if second < 0 || precedes(bounds[index].next, bounds[second].next) {
              second = index
            }
          }
          guard best >= 0 else { break }
          var row = bounds[best].next
          let end = bounds[best].end
          repeat {
            order.append(Int32(row))
            row += 1
          } while row < end && (second < 0 || precedes(row, bounds[second].next))
          bounds[best].next = row
        }
      }
    }
    return order
  }
}

extension RecordBatch {
  static func concatenate(_ batches: [RecordBatch], types: [DataType]) -> RecordBatch {
    if batches.count == 1 { return batches[0] }
    let hasKinds = batches.contains { $0.kinds != nil }
    let hasHeaders = batches.contains { $0.headers != nil }
    return RecordBatch(
      columns: types.indices.map { index in
        Column.concatenate(batches.map { $0.columns[index] }, types[index])
      }, rowtimes: batches.flatMap(\.rowtimes),
      positions: Positions(
        major: batches.flatMap(\.positions.major), minor: batches.flatMap(\.positions.minor)),
      kinds: hasKinds
        ? batches.flatMap { $0.kinds ?? Array(repeating: .insert, count: $0.count) } : nil,
      headers: hasHeaders
        ? batches.flatMap { $0.headers ?? Array(repeating: [], count: $0.count) } : nil)
  }
}
