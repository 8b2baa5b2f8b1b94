// Functions over frames, for rows that lie partition by partition in their order. Of a row's frame
// both ends only go on from row to row, so an aggregate takes in each row once and gives it back at
// most once.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

/// Rows in the order of their partitions and in these of their order.
struct FramedRows {
  /// One behind the other, from 0 on; none is empty.
  var partitions: [Range<Int>]
  /// For each row the first of those that are equal to it in the order, and the one behind the
  /// last.
  var peers: [(start: Int32, end: Int32)]
  /// What a RANGE counts in, rising; nil: NULL, which is a frame of its own.
  var distances: [Int64?]

  var count: Int { peers.count }

  /// The rows of a frame, half open; it may be empty.
  func frame(_ frame: Frame, of row: Int, in partition: Range<Int>) -> Range<Int> {
    let start: Int
    let end: Int
    switch frame.unit {
    case .rows:
      start = frame.start.map { row + Int($0) } ?? partition.lowerBound
      end = frame.end.map { row + Int($0) + 1 } ?? partition.upperBound
    case .range:
      start = bound(frame.start, row, partition, isEnd: false)
      end = bound(frame.end, row, partition, isEnd: true)
    }
    let first = min(max(start, partition.lowerBound), partition.upperBound)
    return first..<max(first, min(end, partition.upperBound))
  }

  private func bound(
    _ distance: Int64?, _ row: Int, _ partition: Range<Int>, isEnd: Bool
  ) -> Int {
    guard let distance else { return isEnd ? partition.upperBound : partition.lowerBound }
    let peer = isEnd ? Int(peers[row].end) : Int(peers[row].start)
    guard distance != 0, let own = distances[row] else { return peer }
    let (sum, isOver) = own.addingReportingOverflow(distance)
    let limit = isOver ? (distance < 0 ? Int64.min : Int64.max) : sum
    // NULLs stand at one end, beyond every number.
    var low = partition.lowerBound
    var high = partition.upperBound
    while low < high, distances[low] == nil { low += Int(peers[low].end) - low }
    while low < high, distances[high - 1] == nil { high = Int(peers[high - 1].start) }
    while low < high {
      let middle = (low + high) / 2
      let value = distances[middle] ?? Int64.max
      if isEnd ? value <= limit : value < limit { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Makes columns of results.
struct FrameEvaluation {
  let calls: [Framing.Call]
  /// One new accumulator for a call; whether rows are given back to it.
  let accumulator: (Aggregate.Call, Bool) throws(QueryFailure) -> any Accumulator

  /// A column for each call, in the order of the rows. `arguments`: of each call.
  func results(
    _ rows: FramedRows, _ arguments: [[Column]], _ faults: inout RowFaults, _ evaluator: Evaluator,
    _ positions: Positions
  ) throws(QueryFailure) -> [Column] {
    var results: [Column] = []
    for (call, arguments) in zip(calls, arguments) {
      switch call.function {
      case .lag(let offset): results.append(shifted(rows, Int(offset), arguments, call))
      case .firstValue:
        results.append(picked(rows, arguments[0], call) { $0.isEmpty ? nil : $0.lowerBound })
      case .lastValue:
        results.append(picked(rows, arguments[0], call) { $0.isEmpty ? nil : $0.upperBound - 1 })
      case .nthValue(let number):
        results.append(
          picked(rows, arguments[0], call) { frame in
            frame.count < Int(number) ? nil : frame.lowerBound + Int(number) - 1
          })
      case .ntile, .percentRank, .cumeDist: results.append(shares(rows, call.function))
      case .aggregate(let aggregate):
        let takesBack = call.frame.start != nil
        let accumulator = try self.accumulator(aggregate, takesBack)
        let column = self.aggregate(rows, accumulator, arguments, call)
        var failures = ResultFailures()
        failures.note([accumulator], [aggregate], [column], positions, evaluator, into: &faults)
        results.append(column)
      }
    }
    return results
  }

  private func shifted(
    _ rows: FramedRows, _ offset: Int, _ arguments: [Column], _ call: Framing.Call
  ) -> Column {
    var sources: [Int32] = []
    sources.reserveCapacity(rows.count)
    let others = arguments.count > 1 ? rows.count : -1
    let values = call.ignoresNulls ? KnownRows(arguments[0]) : nil
    for partition in rows.partitions {
      for row in partition {
        let source = values?.row(offset, before: row) ?? (row - offset)
        if partition.contains(source) {
          sources.append(Int32(source))
        } else {
          sources.append(Int32(others < 0 ? -1 : others + row))
        }
      }
    }
    return others < 0
      ? arguments[0].gatherOrNull(sources, call.column.type)
      : Column.concatenate(Array(arguments.prefix(2)), call.column.type).gather(sources)
  }

  private func picked(
    _ rows: FramedRows, _ values: Column, _ call: Framing.Call, _ place: (Range<Int>) -> Int?
  ) -> Column {
    var sources: [Int32] = []
    sources.reserveCapacity(rows.count)
    let known = call.ignoresNulls ? KnownRows(values) : nil
    for partition in rows.partitions {
      for row in partition {
        let frame = rows.frame(call.frame, of: row, in: partition)
        if let known {
          sources.append(Int32(place(known.places(frame)).map { known.rows[$0] } ?? -1))
        } else {
          sources.append(Int32(place(frame) ?? -1))
        }
      }
    }
    return values.gatherOrNull(sources, call.column.type)
  }

  /// Ranks that say which part of a partition comes before a row.
  private func shares(_ rows: FramedRows, _ function: Framing.Function) -> Column {
    var numbers: [Int64] = []
    var shares: [Double] = []
    for partition in rows.partitions {
      let count = Double(partition.count)
      for row in partition {
        let (first, end) = rows.peers[row]
        switch function {
        case .ntile(let parts):
          // The first parts have a row more, where they cannot all have as many.
          let (least, more) = partition.count.quotientAndRemainder(dividingBy: Int(parts))
          let place = row - partition.lowerBound
          let large = more * (least + 1)
          numbers.append(
            Int64(place < large ? place / (least + 1) : more + (place - large) / max(least, 1)) + 1)
        case .percentRank:
          let before = Double(Int(first) - partition.lowerBound)
          shares.append(partition.count == 1 ? 0 : before / (count - 1))
        default: shares.append(Double(Int(end) - partition.lowerBound) / count)
        }
      }
    }
    if case .ntile = function { return .bigint(Fixed(numbers)) }
    return .double(Fixed(shares))
  }

  private func aggregate(
    _ rows: FramedRows, _ accumulator: any Accumulator, _ arguments: [Column],
    _ call: Framing.Call
  ) -> Column {
    var steps: [Int32] = []
    var groups: [Int32] = []
    var retracted: [Int] = []
    // For each row the step behind which its result is to be had; -1: its frame is empty.
    var takes: [Int32] = []
    takes.reserveCapacity(rows.count)
    for (group, partition) in rows.partitions.enumerated() {
      var present = partition.lowerBound..<partition.lowerBound
      for row in partition {
        let frame = rows.frame(call.frame, of: row, in: partition)
        guard !frame.isEmpty else {
          takes.append(-1)
          continue
        }
        for gone in present
          .lowerBound..<max(present.lowerBound, min(frame.lowerBound, present.upperBound))
        {
          retracted.append(steps.count)
          steps.append(Int32(gone))
        }
        for new in max(
          present.upperBound, frame.lowerBound)..<max(present.upperBound, frame.upperBound)
        {
          steps.append(Int32(new))
        }
        present = frame
        while groups.count < steps.count { groups.append(Int32(group)) }
        takes.append(Int32(steps.count - 1))
      }
    }
    accumulator.reserve(groups: rows.partitions.count + 1)
    for group in 0...rows.partitions.count { accumulator.reset(group) }
    var mask: Bitmap?
    if !retracted.isEmpty {
      var retracts = Bitmap(repeating: false, count: steps.count)
      for step in retracted { retracts.set(step, true) }
      mask = retracts
    }
    let builder = ColumnBuilder(call.column.type, capacity: steps.count + 1)
    accumulator.apply(
      AggregateRows(
        groups: groups, arguments: arguments.map { $0.gather(steps) }, retracts: mask,
        ordinals: accumulator.needsOrdinals ? steps.map { Int64($0) } : []), into: builder)
    accumulator.results(of: [Int32(rows.partitions.count)], into: builder)
    let empty = Int32(steps.count)
    return builder.finish().gather(takes.map { $0 < 0 ? empty : $0 })
  }
}

/// The rows in which a value is not NULL, for functions that count no others.
private struct KnownRows {
  /// In order.
  let rows: [Int]

  init(_ values: Column) {
    rows = values.validity?.trueIndices().map { Int($0) } ?? Array(0..<values.count)
  }

  /// How many stand before a row.
  private func count(before row: Int) -> Int {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func places(_ frame: Range<Int>) -> Range<Int> {
    count(before: frame.lowerBound)..<count(before: frame.upperBound)
  }

  /// The row so many places before another, behind it where negative; no row where there is none.
  func row(_ offset: Int, before row: Int) -> Int {
    if offset == 0 { return row }
    let place = offset > 0 ? count(before: row) - offset : count(before: row + 1) - offset - 1
    return rows.indices.contains(place) ? rows[place] : -1
  }
}

extension Column {
  /// The rows at `indices`; NULL for -1.
  fileprivate func gatherOrNull(_ indices: [Int32], _ type: DataType) -> Column {
    guard indices.contains(-1) else { return gather(indices) }
    let builder = ColumnBuilder(type, capacity: 1)
    builder.appendNull()
    let none = Int32(count)
    return Column.concatenate([self, builder.finish()], type).gather(
      indices.map { $0 < 0 ? none : $0 })
  }
}
