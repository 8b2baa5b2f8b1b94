// OVER for rows that are all there: pull queries.

public import HeadraceColumns
public import HeadraceFoundations
public import HeadraceFunctions
public import HeadracePlanner

public struct OverBatch {
  private let evaluator: Evaluator
  private let functions: FunctionRegistry
  private let properties: [TextKey: String]

  /// `evaluator`: of the columns of the node's input.
  public init(
    _ evaluator: Evaluator, _ functions: FunctionRegistry, _ properties: [TextKey: String]
  ) {
    self.evaluator = evaluator
    self.functions = functions
    self.properties = properties
  }

  /// The columns that the node adds to those of its input, in the order of the batch's rows; nil:
  /// it is another kind of node.
  public func columns(
    _ node: any RowNode, _ batch: RecordBatch, _ faults: inout RowFaults
  ) throws(QueryFailure) -> [Column]? {
    if let ranking = node as? Ranking {
      let ordered = ordered(batch, ranking.input, ranking.partition, ranking.order, &faults)
      let ranks = ranking.calls.map { ordered.ranks($0.function) }
      return ordered.further + ranks.map { $0.gather(ordered.places) }
    }
    guard let framing = node as? Framing else { return nil }
    let ordered = ordered(batch, framing.input, framing.partition, framing.order, &faults)
    let sorted = batch.gather(ordered.rows)
    let arguments = framing.calls.map { call in
      call.arguments.map { evaluator.column($0, sorted, failed: &faults) }
    }
    let lowering = Lowering(functions: functions, properties: properties, stageName: "", node: 0)
    let evaluation = FrameEvaluation(calls: framing.calls) { call, takesBack throws(QueryFailure) in
      try lowering.accumulator(of: call, takesBack: takesBack)
    }
    let results = try evaluation.results(
      ordered.framed, arguments, &faults, evaluator, sorted.positions)
    return ordered.further + results.map { $0.gather(ordered.places) }
  }

  /// The batch's rows in the order of a node.
  private struct Ordered {
    /// The rows in order.
    var rows: [Int32]
    /// Where each row of the batch stands in `rows`.
    var places: [Int32]
    var framed: FramedRows
    /// Columns of the partition that the input has not, in the order of the batch.
    var further: [Column]

    /// In order.
    func ranks(_ function: RankFunction) -> Column {
      var ranks: [Int64] = []
      ranks.reserveCapacity(rows.count)
      for partition in framed.partitions {
        var dense: Int64 = 0
        for row in partition {
          let isFirst = Int(framed.peers[row].start) == row
          if isFirst { dense += 1 }
          switch function {
          case .rowNumber: ranks.append(Int64(row - partition.lowerBound) + 1)
          case .rank:
            ranks.append(Int64(Int(framed.peers[row].start) - partition.lowerBound) + 1)
          case .denseRank: ranks.append(dense)
          }
        }
      }
      return .bigint(Fixed(ranks))
    }
  }

  private func ordered(
    _ batch: RecordBatch, _ input: LogicalPlan, _ partition: [Project.Item],
    _ order: [Sort.Item], _ faults: inout RowFaults
  ) -> Ordered {
    let sorting = OrderedRows(input, partition, order, identity: [], evaluator)
    let keyed = sorting.keyed(batch, &faults)
    let index = KeyIndex()
    var slots: [Int32] = []
    index.insert(keyed.partitions, slots: &slots) { _ in }
    let keys = keyed.order
    let rows = (0..<Int32(batch.count)).sorted { a, b in
      let (x, y) = (Int(a), Int(b))
      if slots[x] != slots[y] { return slots[x] < slots[y] }
      let compared = compareBytes(keys.view(x), keys.view(y))
      return compared == 0 ? a < b : compared < 0
    }
    var places = [Int32](repeating: 0, count: rows.count)
    for (place, row) in rows.enumerated() { places[Int(row)] = Int32(place) }
    var framed = FramedRows(partitions: [], peers: [], distances: [])
    var first = 0
    var peer = 0
    for place in 0..<rows.count {
      let row = Int(rows[place])
      let isNew = place == 0 || slots[Int(rows[place - 1])] != slots[row]
      if place > 0, isNew {
        framed.partitions.append(first..<place)
        first = place
      }
      if isNew || !equalBytes(keys.view(Int(rows[place - 1])), keys.view(row)) {
        framed.close(peers: peer..<place)
        peer = place
      }
    }
    if !rows.isEmpty { framed.partitions.append(first..<rows.count) }
    framed.close(peers: peer..<rows.count)
    let distances = sorting.distances(batch, &faults)
    framed.distances = rows.map { distances[Int($0)] }
    return Ordered(
      rows: rows, places: places, framed: framed,
      further: Array(keyed.batch.columns.dropFirst(batch.columns.count)))
  }
}

extension FramedRows {
  /// Notes that these rows are equal in the order.
  mutating func close(peers range: Range<Int>) {
    for _ in range {
      peers.append((start: Int32(range.lowerBound), end: Int32(range.upperBound)))
    }
  }

  /// Adds rows of a partition that lie in their order.
  mutating func append(partition entries: [Int32], _ state: OrderedState) {
    guard !entries.isEmpty else { return }
    let first = count
    partitions.append(first..<first + entries.count)
    var peer = 0
    for place in entries.indices
    where place + 1 == entries.count || !state.arePeers(entries[place], entries[place + 1]) {
      close(peers: first + peer..<first + place + 1)
      peer = place + 1
    }
  }

  /// What a RANGE counts in: numbers that rise with the order.
  static func distances(_ column: Column, isDescending: Bool) -> [Int64?] {
    func each<Value: FixedWidthInteger>(_ fixed: Fixed<Value>) -> [Int64?] {
      fixed.values.indices.map { row in
        if let validity = fixed.validity, !validity[row] { return nil }
        let value = Int64(truncatingIfNeeded: fixed.values[row])
        return isDescending ? (value == .min ? .max : -value) : value
      }
    }
    switch column {
    case .int(let fixed): return each(fixed)
    case .bigint(let fixed): return each(fixed)
    case .boolean, .double, .decimal, .wideDecimal, .bytes, .array, .map, .structure:
      return Array(repeating: nil, count: column.count)
    }
  }
}
