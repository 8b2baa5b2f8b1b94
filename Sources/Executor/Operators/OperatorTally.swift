// What a query's operators have done since it began, for EXPLAIN ANALYZE: counted once a batch, and
// added up over the partitions of each plan node.

import HeadraceFoundations

/// Of one operator of one task.
struct OperatorTally {
  /// By port.
  private(set) var rowsIn = [0]
  var rowsOut = 0
  /// Spent in the operator and in those that it feeds.
  var nanoseconds = 0
  /// Spent in those that it feeds.
  var downstreamNanoseconds = 0
  var late = 0
  var failed = 0

  mutating func take(_ rows: Int, port: Int) {
    while rowsIn.count <= port { rowsIn.append(0) }
    rowsIn[port] += rows
  }

  mutating func add(_ faults: RowFaults) {
    late += faults.count(.late)
    failed += faults.count(.expression) + faults.count(.output)
  }
}

/// Stream times of the partitions of one node; ms.
public struct StreamTimes: Sendable, Hashable {
  /// The partition that is furthest behind.
  public var partition: Int
  public var least: Int64
  public var greatest: Int64
}

/// Of one plan node, over all partitions.
public struct NodeTally: Sendable, Hashable {
  /// Rows that have come, by input.
  public internal(set) var rowsIn: [Int] = []
  /// Rows that it has handed on; an update of a table's row is two where the old row is wanted.
  public internal(set) var rowsOut = 0
  /// Time spent in it alone; of a scan: decoding. Workers add up.
  public internal(set) var nanoseconds = 0
  /// Memory that its state takes, and how many records that has.
  public internal(set) var stateBytes = 0
  public internal(set) var stateRecords = 0
  /// Rows dropped as they came after their window or their grace.
  public internal(set) var late = 0
  /// Expressions that failed, and rows that could not be written.
  public internal(set) var failed = 0
  /// nil: it does not go by stream time, or has seen no row.
  public internal(set) var streamTimes: StreamTimes?
  /// EMIT FINAL: the stream time at which the next results come out; nil: there is nothing open.
  public internal(set) var closesNext: Int64?

  public init(rowsIn: [Int] = [], rowsOut: Int = 0, nanoseconds: Int = 0) {
    self.rowsIn = rowsIn
    self.rowsOut = rowsOut
    self.nanoseconds = nanoseconds
  }

  mutating func add(_ operation: Operator, partition: Int) {
    let tally = operation.tally
    for (port, rows) in tally.rowsIn.enumerated() { take(rows, port: port) }
    rowsOut += tally.rowsOut
    nanoseconds += tally.nanoseconds - tally.downstreamNanoseconds
    late += tally.late
    failed += tally.failed
    stateBytes += operation.workingBytes
    for state in operation.states {
      stateBytes += state.byteCount + (state.store?.byteCount ?? 0)
      stateRecords += state.recordCount
    }
    if let next = operation.closesNext { closesNext = min(closesNext ?? next, next) }
    guard let time = operation.streamTime, time != .min else { return }
    guard var times = streamTimes else {
      streamTimes = StreamTimes(partition: partition, least: time, greatest: time)
      return
    }
    if time < times.least { (times.partition, times.least) = (partition, time) }
    times.greatest = max(times.greatest, time)
    streamTimes = times
  }

  mutating func take(_ rows: Int, port: Int) {
    while rowsIn.count <= port { rowsIn.append(0) }
    rowsIn[port] += rows
  }
}

/// What a query's nodes have done since it began.
public struct PlanTally: Sendable, Hashable {
  /// In the order of the plan's text: a node before its inputs.
  public internal(set) var nodes: [NodeTally]
  /// The sink, or the client's buffer.
  public internal(set) var end = NodeTally()
}
