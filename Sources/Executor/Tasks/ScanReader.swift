// Reads one partition of one source for one query, ahead of what the query consumes: raw records in, decoded
// batches out, in offset order, with the position of every row. A read at a time, by whoever is free; the query
// takes what is ready when a slice begins, so that a read under way never holds up a slice that has its rows.

import Columns
import LogStorage
import Planner
import Syntax

final class ScanReader: Sendable {
  /// What was read and the query has not taken.
  struct Ready: Sendable {
    var batches: [RecordBatch] = []
    /// Offset of each row of each batch.
    var offsets: [[Int64]] = []
    var errors: [SourceError] = []
    /// Where reading goes on behind the last batch; nil: nothing was read.
    var end: SourcePosition?
  }

  private struct Delivery {
    var ready = Ready()
    /// Rows read and not consumed, those that the query has taken among them.
    var rowCount = 0
    /// Behind all that is ready there is a record that cannot be read.
    var failure: QueryFailure?
  }

  private enum ColumnSource {
    case column(String)
    case rowtime, partition, offset, windowStart, windowEnd
  }

  let scan: Scan
  let ordinal: Int
  let partition: Int
  let shared: SharedScan
  private let order: MergeOrder
  /// What the columns of a batch are, in the order of the scan.
  private let sources: [ColumnSource]
  /// Bad timestamps stop the query instead of dropping the record.
  private let failsOnBadTimestamp: Bool
  /// Where the next read begins; locked while one is under way.
  private let place: Monitor<SourcePosition>
  private let delivery = Monitor(Delivery())

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
    place = Monitor(position)
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

  /// Does one read, unless `rows` rows are there already. Returns whether to go on: the source may have more, and
  /// there is room for it.
  func read(upTo rows: Int, maxBytes: Int) -> Bool {
    place.withLock { place in
      let (count, hasFailed) = delivery.withLock { ($0.rowCount, $0.failure != nil) }
      if hasFailed || count >= rows { return false }
      do throws(QueryFailure) {
        guard let chunk = try shared.chunk(at: place.offset, maxBytes: maxBytes) else {
          return false
        }
        if failsOnBadTimestamp, let reason = chunk.badTimestamp {
          throw QueryFailure(
            "Fatal user code error in TimestampExtractor callback for record: \(reason)")
        }
        let batches = chunk.batches.map { recordBatch($0, &place.major) }
        place.offset = chunk.nextOffset
        return delivery.withLock { [place] delivery in
          delivery.ready.batches += batches
          delivery.ready.offsets += chunk.batches.map(\.offsets)
          delivery.ready.errors += chunk.errors
          delivery.ready.end = place
          for batch in batches { delivery.rowCount += batch.count }
          return delivery.rowCount < rows
        }
      } catch {
        delivery.withLock { [error] in $0.failure = error }
        return false
      }
    }
  }

  /// Hands over what is ready.
  func take() -> Ready {
    delivery.withLock { delivery in
      defer { delivery.ready = Ready() }
      return delivery.ready
    }
  }

  /// Makes room: so many of the rows taken are consumed.
  func consumed(_ rows: Int) { delivery.withLock { $0.rowCount -= rows } }

  /// What lies behind the rows that are ready and cannot be read.
  var failure: QueryFailure? { delivery.withLock { $0.failure } }

  private func recordBatch(_ batch: DecodedBatch, _ readMajor: inout Int64) -> RecordBatch {
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
    // Most batches are in order as they are: they are not written to, and not copied.
    for row in 0..<count {
      let major = majors[row]
      if major >= highest { highest = major } else { majors[row] = highest }
    }
    readMajor = highest
    // Of rows with one time those of tables come first, so that a stream row meets them.
    let rank = scan.source.kind == .table ? ordinal : ordinal + 128
    let base = Positions.minor(source: rank, partition: partition, ordinal: 0)
    let minors = [UInt64](unsafeUninitializedCapacity: count) { minors, filled in
      for row in 0..<count {
        let ordinal = UInt64(truncatingIfNeeded: batch.offsets[row]) & 0xFF_FFFF_FFFF
        minors.initializeElement(at: row, to: base | ordinal)
      }
      filled = count
    }
    return RecordBatch(
      columns: columns, rowtimes: batch.rowtimes,
      positions: Positions(major: majors, minor: minors), kinds: batch.kinds,
      headers: batch.headers)
  }
}
