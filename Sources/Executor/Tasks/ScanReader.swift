// Reads one partition of one source for one query, ahead of what the query consumes: raw records
// in, decoded batches out, in offset order, with the position of every row. Whoever is free takes
// the next records and decodes them beside others that do the same, so that one file keeps all
// workers busy; what is decoded before its turn waits. The query takes what is ready when a slice
// begins, so that a read under way never holds up a slice that has its rows.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

final class ScanReader: Sendable {
  /// What was read and the query has not taken.
  struct Ready: Sendable {
    var batches: [RecordBatch] = []
    /// Offset of each row of each batch.
    var offsets: [[Int64]] = []
    /// What each batch counts for (`ScanChunk.weight`).
    var weights: [Int] = []
    var errors: [SourceError] = []
    /// Where reading goes on behind the last batch; nil: nothing was read.
    var end: SourcePosition?
  }

  /// How a read ended.
  private typealias Outcome = Result<(ScanChunk, ScanDecoder.Result), QueryFailure>

  private struct Delivery {
    var ready = Ready()
    /// What the rows count for that are read and not consumed, those that the query has taken among
    /// them; of reads that are not delivered their records.
    var weight = 0
    /// Behind all that is ready there is a record that cannot be read.
    var failure: QueryFailure?
    /// The last read found the end.
    var isAtEnd = false
    /// Behind all that is ready there is a record about which nothing is known yet: reading goes on
    /// with it after a pause.
    var retry: (offset: Int64, at: ContinuousClock.Instant)?
    /// Reads with lower numbers that are not delivered yet have gone beyond such a record.
    var firstWanted = 0
    /// What is the matter with it, until all of a read is decided.
    var undecided: String?
    /// Reads that have begun, and those that are delivered, which goes in the order of their
    /// numbers.
    var begun = 0
    var delivered = 0
    /// What has ended and is not delivered.
    var early: [(number: Int, outcome: Outcome)] = []
    /// Highest major position of all rows delivered.
    var major: Int64
    /// Spent in decoding.
    var nanoseconds = 0
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
  /// Where the next read begins; nil: behind it there is a record that cannot be read. Locked while
  /// records are read, and not while they are decoded.
  private let place: Monitor<Int64?>
  private let delivery: Monitor<Delivery>

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
    place = Monitor(position.offset)
    delivery = Monitor(Delivery(major: position.major))
    sources = scan.columns.map { column in
      switch scan.system.first(where: { $0.value == column.id })?.key.text {
      case SystemColumn.rowtime?: return .rowtime
      case SystemColumn.partition?: return .partition
      case SystemColumn.offset?: return .offset
      case SystemColumn.windowStart?: return .windowStart
      case .some: return .windowEnd
      case nil: return .column(column.name)
      }
    }
    shared.join(Set(texts: scan.columns.map(\.name)))
  }

  deinit { shared.leave() }

  /// Does one read, unless `rows` rows are there or under way, or fewer that count for as many.
  /// Returns whether to go on: the source may have more, and there is room for it.
  func read(upTo rows: Int, maxBytes: Int) -> Bool {
    guard let (number, read) = begin(rows, maxBytes) else { return false }
    let watch = Stopwatch()
    let outcome = read.map { chunk in (chunk, shared.rows(of: chunk)) }
    let passed = watch.nanoseconds
    return delivery.change { delivery in
      delivery.nanoseconds += passed
      delivery.early.append((number, outcome))
      while let next = delivery.early.firstIndex(where: { $0.number == delivery.delivered }) {
        let (number, outcome) = delivery.early.remove(at: next)
        if number < delivery.firstWanted || delivery.retry != nil {
          if case .success(let (chunk, _)) = outcome { delivery.weight -= chunk.weight }
        } else {
          deliver(outcome, &delivery)
        }
        delivery.delivered += 1
      }
      return delivery.failure == nil && delivery.retry == nil && delivery.weight < rows
    }
  }

  /// Whether a read may begin. What was undecided is read again after a pause.
  private func mayRead(_ rows: Int, _ place: inout Int64?) -> Bool {
    delivery.withLock { delivery in
      guard delivery.failure == nil, delivery.weight < rows else { return false }
      guard let retry = delivery.retry else { return true }
      delivery.isAtEnd = false
      guard retry.at <= .now else { return false }
      place = retry.offset
      delivery.firstWanted = delivery.begun
      delivery.retry = nil
      return true
    }
  }

  private static let undecidedPause = Duration.milliseconds(50)

  /// Reads the next records and does not decode them; nil: there are none for now, or no room.
  private func begin(
    _ rows: Int, _ maxBytes: Int
  ) -> (number: Int, read: Result<ScanChunk, QueryFailure>)? {
    place.withLock { place in
      guard mayRead(rows, &place), let offset = place else { return nil }
      let read: Result<ScanChunk, QueryFailure>
      var weight = 0
      do throws(QueryFailure) {
        switch try shared.chunk(at: offset, maxBytes: maxBytes) {
        case .chunk(let chunk):
          place = chunk.nextOffset
          weight = chunk.weight
          read = .success(chunk)
          delivery.withLock { $0.isAtEnd = false }
        case .nothingYet:
          delivery.withLock { $0.isAtEnd = false }
          return nil
        case .end:
          delivery.withLock { $0.isAtEnd = true }
          return nil
        }
      } catch {
        place = nil
        read = .failure(error)
      }
      return delivery.withLock { [weight] delivery in
        defer { delivery.begun += 1 }
        delivery.weight += weight
        return (delivery.begun, read)
      }
    }
  }

  private func deliver(_ outcome: Outcome, _ delivery: inout Delivery) {
    // What lies behind a failure is not looked at.
    if delivery.failure != nil { return }
    switch outcome {
    case .failure(let failure): delivery.failure = failure
    case .success(let (chunk, rows)):
      delivery.weight -= chunk.weight
      if failsOnBadTimestamp, let reason = rows.badTimestamp {
        delivery.failure = QueryFailure(
          "Fatal user code error in TimestampExtractor callback for record: \(reason)")
        return
      }
      let rowCount = max(1, rows.batches.reduce(0) { $0 + $1.count })
      for batch in rows.batches {
        delivery.ready.batches.append(recordBatch(batch, &delivery.major))
        delivery.ready.offsets.append(batch.offsets)
        let weight = max(batch.count, chunk.weight * batch.count / rowCount)
        delivery.ready.weights.append(weight)
        delivery.weight += weight
      }
      delivery.ready.errors += rows.errors
      delivery.undecided = rows.undecided?.reason
      if let offset = rows.undecided?.offset {
        delivery.retry = (offset, .now + Self.undecidedPause)
      }
      delivery.ready.end = SourcePosition(
        offset: rows.undecided?.offset ?? chunk.nextOffset, major: delivery.major)
    }
  }

  /// Hands over what is ready.
  func take() -> Ready { delivery.withLock { Self.take(&$0) } }

  /// Waits until something is ready, unless no read is under way.
  func takeNext() -> Ready {
    delivery.wait { delivery in
      let isSettled =
        delivery.ready.end != nil || delivery.begun == delivery.delivered || delivery.failure != nil
      return isSettled ? Self.take(&delivery) : nil
    }
  }

  private static func take(_ delivery: inout Delivery) -> Ready {
    defer { delivery.ready = Ready() }
    return delivery.ready
  }

  /// Makes room: of the rows taken those are consumed that count for so much.
  func consumed(_ weight: Int) { delivery.withLock { $0.weight -= weight } }

  /// Whether the last read that found no records found the end, and not that nothing has come yet.
  var isAtEnd: Bool { delivery.withLock { $0.isAtEnd && $0.undecided == nil } }

  /// Why it is not known what the record behind the rows that are ready holds.
  var undecided: String? { delivery.withLock { $0.undecided } }

  /// Spent in decoding, by all workers together.
  var nanoseconds: Int { delivery.withLock { $0.nanoseconds } }

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
    case _ where batch.positions != nil: majors = batch.positions?.major ?? []
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
    if let known = batch.positions {
      return RecordBatch(
        columns: columns, rowtimes: batch.rowtimes,
        positions: Positions(major: majors, minor: known.minor), kinds: batch.kinds,
        headers: batch.headers)
    }
    // Of rows with one time those of tables come first, so that a stream row meets them.
    let rank = scan.source.kind == .table ? ordinal : ordinal + Positions.sourcesMax
    let base = Positions.minor(source: rank, partition: partition, ordinal: 0)
    let minors = [UInt64](unsafeUninitializedCapacity: count) { minors, filled in
      for row in 0..<count {
        let ordinal = UInt64(truncatingIfNeeded: batch.offsets[row]) & Positions.ordinalMask
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
