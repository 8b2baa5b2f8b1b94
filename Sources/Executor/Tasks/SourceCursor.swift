// One partition of one source, as a query reads it: raw records in, decoded batches out, in offset order,
// with the position of every row. Bad records are told with their offset and reason and left out.
// A cursor reads ahead of what an epoch consumes; only what is consumed moves `committed`.

import Syntax
import Columns
import Formats
public import LogStorage
import Planner

/// A place in a partition that a query has consumed up to.
public struct SourcePosition: Hashable, Sendable {
  /// Next offset to read.
  public var offset: Int64
  /// Highest rowtime (or append sequence) so far; it orders rows of this partition among others.
  public var major: Int64

  public init(offset: Int64, major: Int64) {
    self.offset = offset
    self.major = major
  }

  public static let start = SourcePosition(offset: 0, major: Int64.min)
}

/// A record that its source's schema does not accept.
public struct SourceError: Sendable, Hashable {
  public var source: String
  public var topic: String
  public var partition: Int
  public var offset: Int64
  public var reason: String
}

/// How rows of several partitions form one sequence.
public enum MergeOrder: String, Sendable {
  case rowtime
  case arrival
  /// Before the rows of all sources that have another order.
  case first
}

/// Where a cursor's records come from: the log, or a file. Called by the cursor's task only.
public protocol RecordReader: AnyObject, Sendable {
  /// Records from `offset` on, none when there are no more for now; and where to read on.
  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> LogRead
}

final class SourceCursor {
  let scan: Scan
  let ordinal: Int
  let partition: Int
  private let shared: SharedScan
  private let order: MergeOrder
  /// What the columns of a batch are, in the order of the scan.
  private let sources: [ColumnSource]
  /// Decoded and not yet consumed; the first may be partly consumed.
  private var pending: [RecordBatch] = []
  private var pendingOffsets: [[Int64]] = []
  private(set) var pendingRows = 0
  private var readOffset: Int64
  private var readMajor: Int64
  private(set) var committed: SourcePosition
  private(set) var errors: [SourceError] = []
  private(set) var isAtEnd = false
  /// Bad timestamps stop the query instead of dropping the record.
  private let failsOnBadTimestamp: Bool
  /// Found while reading ahead; the next `fill` throws it.
  private var failure: QueryFailure?

  private enum ColumnSource {
    case column(String)
    case rowtime, partition, offset, windowStart, windowEnd
  }

  init(
    scan: Scan, ordinal: Int, partition: Int, shared: SharedScan, order: MergeOrder,
    position: SourcePosition, failsOnBadTimestamp: Bool
  ) {
    self.scan = scan
    self.ordinal = ordinal
    self.partition = partition
    self.shared = shared
    self.order = order
    self.failsOnBadTimestamp = failsOnBadTimestamp
    committed = position
    readOffset = position.offset
    readMajor = position.major
    sources = scan.columns.map { column in
      switch scan.system.first(where: { $0.value == column.id })?.key {
      case SystemColumn.rowtime?: return .rowtime
      case SystemColumn.partition?: return .partition
      case SystemColumn.offset?: return .offset
      case SystemColumn.windowStart?: return .windowStart
      case .some: return .windowEnd
      case nil: return .column(column.name)
      }
    }
    shared.join(Set(scan.columns.map(\.name)))
  }

  deinit { shared.leave() }

  /// Reads until `rows` rows are pending or the source has no more.
  func fill(rows: Int, maxBytes: Int) throws(QueryFailure) {
    isAtEnd = false
    // What failed further ahead has its turn when the rows before it are taken.
    if pendingRows >= rows { return }
    if let failure { throw failure }
    if let ready = shared.rows {
      if let batch = ready.take() {
        pending.append(batch)
        pendingOffsets.append((0..<Int64(batch.count)).map { $0 })
        pendingRows += batch.count
      }
      isAtEnd = true
      return
    }
    while pendingRows < rows {
      guard let chunk = try shared.chunk(at: readOffset, maxBytes: maxBytes) else {
        isAtEnd = true
        return
      }
      readOffset = chunk.nextOffset
      if failsOnBadTimestamp, let reason = chunk.badTimestamp {
        throw QueryFailure(
          "Fatal user code error in TimestampExtractor callback for record: \(reason)")
      }
      errors += chunk.errors
      for batch in chunk.batches { append(batch) }
    }
  }

  /// One read on the way to `rows` pending rows. Returns whether there is more to do; keeps a failure for the
  /// `fill` that needs what lies there.
  func readAhead(rows: Int, maxBytes: Int) -> Bool {
    guard failure == nil, pendingRows < rows else { return false }
    do throws(QueryFailure) {
      try fill(rows: min(rows, pendingRows + 1), maxBytes: maxBytes)
      return !isAtEnd && pendingRows < rows
    } catch {
      failure = error
      return false
    }
  }

  private func append(_ batch: DecodedBatch) {
    let count = batch.count
    var columns: [Column] = []
    columns.reserveCapacity(sources.count)
    for (source, column) in zip(sources, scan.columns) {
      switch source {
      case .column(let name):
        columns.append(batch.columns[name] ?? .nulls(column.type, count: count))
      case .rowtime: columns.append(.bigint(Fixed(batch.rowtimes)))
      case .partition:
        columns.append(.int(Fixed(Array(repeating: Int32(partition), count: count))))
      case .offset: columns.append(.bigint(Fixed(batch.offsets)))
      case .windowStart:
        columns.append(batch.windows?.start ?? .nulls(.bigint, count: count))
      case .windowEnd: columns.append(batch.windows?.end ?? .nulls(.bigint, count: count))
      }
    }
    var majors: [Int64]
    switch order {
    case .rowtime: majors = batch.rowtimes
    case .arrival: majors = batch.sequences
    case .first: majors = Array(repeating: Int64.min, count: count)
    }
    var highest = readMajor
    for row in majors.indices {
      if majors[row] > highest { highest = majors[row] } else { majors[row] = highest }
    }
    readMajor = highest
    // Of rows with one time those of tables come first, so that a stream row meets them.
    let rank = scan.source.kind == .table ? ordinal : ordinal + 128
    let base = Positions.minor(source: rank, partition: partition, ordinal: 0)
    let minors = batch.offsets.map { base | UInt64(truncatingIfNeeded: $0) & 0xFF_FFFF_FFFF }
    pending.append(
      RecordBatch(
        columns: columns, rowtimes: batch.rowtimes,
        positions: Positions(major: majors, minor: minors), kinds: batch.kinds,
        headers: batch.headers))
    pendingOffsets.append(batch.offsets)
    pendingRows += count
  }

  /// Position of the last of the batches that hold the first `rows` pending rows, which orders this partition
  /// among others; nil: nothing is pending.
  func lastPosition(of rows: Int) -> (major: Int64, minor: UInt64)? {
    guard let batch = pending.prefix(batches(of: rows)).last else { return nil }
    return (batch.positions.major[batch.count - 1], batch.positions.minor[batch.count - 1])
  }

  /// Whether there are rows behind the first `rows`, as far as is known.
  func hasMore(than rows: Int) -> Bool { !isAtEnd || batches(of: rows) < pending.count }

  /// How many batches hold the first `rows` pending rows; all of them where there are fewer rows.
  private func batches(of rows: Int) -> Int {
    var sum = 0
    for (index, batch) in pending.enumerated() {
      sum += batch.count
      if sum >= rows { return index + 1 }
    }
    return pending.count
  }

  /// Major position of the first pending row.
  var firstMajor: Int64? { pending.first?.positions.major[0] }

  /// Least major position that the next row can have; nil: there is none for now.
  var frontier: Int64? {
    if let first = pending.first { return first.positions.major[0] }
    return isAtEnd ? nil : readMajor
  }

  /// Takes the batches that hold the first `rows` pending rows.
  func take(_ rows: Int) -> [RecordBatch] {
    let count = batches(of: rows)
    let taken = Array(pending.prefix(count))
    pending.removeFirst(count)
    pendingOffsets.removeFirst(count)
    pendingRows -= taken.reduce(0) { $0 + $1.count }
    if let next = pendingOffsets.first?.first, let last = taken.last {
      // The next row's own place: in a file a record is as long as its line.
      committed = SourcePosition(offset: next, major: last.positions.major[last.count - 1])
    } else {
      committed = SourcePosition(offset: readOffset, major: readMajor)
    }
    return taken
  }

  /// Takes the pending rows up to and including `cut`.
  func take(upTo cut: (major: Int64, minor: UInt64)) -> [RecordBatch] {
    var taken: [RecordBatch] = []
    while let batch = pending.first {
      var low = 0
      var high = batch.count
      while low < high {
        let middle = (low + high) / 2
        let major = batch.positions.major[middle]
        let within =
          major != cut.major
          ? major < cut.major : batch.positions.minor[middle] <= cut.minor
        if within { low = middle + 1 } else { high = middle }
      }
      if low == 0 { break }
      committed = SourcePosition(
        offset: pendingOffsets[0][low - 1] + 1, major: batch.positions.major[low - 1])
      pendingRows -= low
      if low == batch.count {
        taken.append(batch)
        pending.removeFirst()
        pendingOffsets.removeFirst()
      } else {
        taken.append(batch.gather((0..<Int32(low)).map { $0 }))
        pending[0] = batch.gather((Int32(low)..<Int32(batch.count)).map { $0 })
        pendingOffsets[0].removeFirst(low)
        break
      }
    }
    if pending.isEmpty {
      committed = SourcePosition(offset: readOffset, major: readMajor)
    } else if !taken.isEmpty {
      // The next row's own place: in a file a record is as long as its line.
      committed.offset = pendingOffsets[0][0]
    }
    return taken
  }

  /// Errors found since the last call.
  func drainErrors() -> [SourceError] {
    defer { errors = [] }
    return errors
  }
}
