// ORDER BY of a query that is read once: pieces of rows are sorted as they come, by the bytes of
// `OrderKeys`, and merged when all are there. Equal rows stay in their order. With a limit no more
// rows are kept than it may need.

public import HeadraceColumns
import HeadraceFoundations
public import HeadracePlanner

public struct SortedRows {
  /// Of a sort with a limit, before they are cut to one.
  private static let runsMax = 16

  private let types: [DataType]
  private let items: [Sort.Item]
  private let evaluator: Evaluator
  private let limit: Int?
  private var collected: CollectedRows
  private var runs: [Run] = []
  /// The runs that have rows left, the one with the next row first.
  private var heap: [Int32] = []

  /// Sorted rows, and how far they have been taken.
  private struct Run {
    var columns: [Column]
    var keys: ByteColumn
    /// Memory; bytes.
    let bytes: Int
    var next = 0
    /// Of the key of the next row.
    var prefix: UInt64 = 0

    var count: Int { keys.lengths.count }

    init(columns: [Column], keys: ByteColumn) {
      self.columns = columns
      self.keys = keys
      bytes = columns.reduce(Column.bytes(keys).byteCount) { $0 + $1.byteCount }
    }
  }

  /// `types`: of the evaluator's columns. `limit`: only so many rows are wanted. `pieceRows`: about
  /// so many are sorted in one go, which is what nothing can interrupt.
  public init(
    _ types: [DataType], _ items: [Sort.Item], _ evaluator: Evaluator, limit: Int?,
    pieceRows: Int = 1 << 16
  ) {
    self.types = types
    self.items = items
    self.evaluator = evaluator
    self.limit = limit
    collected = CollectedRows(types, pieceRows: pieceRows)
  }

  /// Rows that are kept; once closed, all that there are to take.
  public var count: Int {
    let held = runs.reduce(collected.count) { $0 + $1.count }
    return limit.map { min(held, $0) } ?? held
  }

  /// What is kept; bytes.
  public var byteCount: Int { runs.reduce(collected.byteCount) { $0 + $1.bytes } }

  public mutating func append(_ columns: [Column], count: Int) {
    collected.append(columns, count: count)
    if !collected.pieces.isEmpty { endPieces() }
  }

  /// There are no more: from now on rows are taken.
  public mutating func close() {
    collected.close()
    endPieces()
    begin()
  }

  /// The next rows in order, at most `rows`.
  public mutating func take(_ rows: Int) -> [Column] {
    let taken = takeFromRuns(rows)
    return types.indices.map { index in column(taken, types[index]) { $0.columns[index] } }
  }

  // MARK: - Runs

  private mutating func endPieces() {
    runs += collected.takePieces().map(run)
    // Twice the limit, lest the same rows be merged again and again.
    guard let limit, runs.count >= Self.runsMax,
      runs.reduce(0, { $0 + $1.count }) / 2 >= limit
    else { return }
    begin()
    let taken = takeFromRuns(limit)
    if case .bytes(let keys) = column(taken, .bytes, { .bytes($0.keys) }) {
      let columns = types.indices.map { index in
        column(taken, types[index]) { $0.columns[index] }.owned()
      }
      runs = [Run(columns: columns, keys: keys)]
    }
  }

  private func run(_ piece: CollectedRows.Piece) -> Run {
    let batch = RecordBatch(columns: piece.columns, count: piece.count, first: piece.first)
    let keys = OrderKeys.encode(
      items.map { evaluator.values($0.expression, batch) }, items.map { OrderKeys.Item($0) },
      count: piece.count)
    var order = RadixOrder(capacity: piece.count)
    for row in 0..<piece.count { order.append(keys.prefix(row), Int32(row)) }
    var rows = order.sorted { a, b in
      let compared = compareBytes(keys.view(Int(a)), keys.view(Int(b)))
      return compared == 0 ? a < b : compared < 0
    }
    if let limit, rows.count > limit { rows.removeLast(rows.count - limit) }
    return Run(
      columns: piece.columns.map { $0.gather(rows) },
      keys: ByteColumn(
        starts: rows.map { keys.starts[Int($0)] }, lengths: rows.map { keys.lengths[Int($0)] },
        arena: keys.arena))
  }

  // MARK: - Merge

  private mutating func begin() {
    runs.removeAll { $0.count == 0 }
    for index in runs.indices {
      runs[index].next = 0
      runs[index].prefix = runs[index].keys.prefix(0)
    }
    heap = runs.indices.map { Int32($0) }
    for place in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(place) }
  }

  /// Rows taken from the runs: which of each, and where in these, one run behind the other, each
  /// row of the order is.
  private struct Taken {
    var ranges: [(run: Int, rows: Range<Int>)]
    var places: [Int32]
  }

  private mutating func takeFromRuns(_ rows: Int) -> Taken {
    let starts = runs.map(\.next)
    var picks: [(run: Int32, row: Int32)] = []
    while picks.count < rows, let first = heap.first {
      let index = Int(first)
      let next = runs[index].next
      picks.append((first, Int32(next)))
      runs[index].next = next + 1
      if next + 1 < runs[index].count {
        runs[index].prefix = runs[index].keys.prefix(next + 1)
      } else {
        heap[0] = heap[heap.count - 1]
        heap.removeLast()
      }
      sink(0)
    }
    var bases: [Int] = []
    var taken = Taken(ranges: [], places: [])
    var end = 0
    for (index, start) in starts.enumerated() {
      bases.append(end - start)
      end += runs[index].next - start
      if runs[index].next > start { taken.ranges.append((index, start..<runs[index].next)) }
    }
    taken.places = picks.map { Int32(bases[Int($0.run)] + Int($0.row)) }
    return taken
  }

  private func column(_ taken: Taken, _ type: DataType, _ column: (Run) -> Column) -> Column {
    if taken.ranges.isEmpty { return .from([], type) }
    let parts = taken.ranges.map { column(runs[$0.run]).slice($0.rows) }
    return Column.concatenate(parts, type).gather(taken.places)
  }

  private mutating func sink(_ from: Int) {
    var place = from
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < heap.count && precedes(Int(heap[child]), Int(heap[least])) {
        least = child
      }
      if least == place { return }
      heap.swapAt(place, least)
      place = least
    }
  }

  /// Of rows that are equal, those of the earlier run come first.
  private func precedes(_ a: Int, _ b: Int) -> Bool {
    if runs[a].prefix != runs[b].prefix { return runs[a].prefix < runs[b].prefix }
    let order = compareBytes(
      runs[a].keys.view(runs[a].next), runs[b].keys.view(runs[b].next))
    return order == 0 ? a < b : order < 0
  }
}

extension ByteColumn {
  fileprivate func prefix(_ row: Int) -> UInt64 {
    RadixOrder.prefix(UnsafeRawBufferPointer(view(row)))
  }
}
