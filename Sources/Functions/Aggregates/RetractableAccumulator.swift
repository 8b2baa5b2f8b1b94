// Makes any aggregate one whose rows can be taken back, for aggregation over tables. It keeps the rows of
// each group in the order in which they came. Adding a row goes straight to the aggregate; taking one back
// removes the oldest row with the same values and gives the aggregate the group's other rows again. MIN
// and MAX are spared that unless the row that goes is the extreme itself.
// Cost: memory and changelog grow with the rows of a group; a retraction takes time in proportion to them.

public import Columns
import Foundations

public final class RetractableAccumulator: Accumulator {
  private struct Entry {
    var ordinal: Int64
    var arguments: [Value]
  }

  private let inner: any Accumulator
  private let argumentTypes: [DataType]
  private let resultType: DataType
  private let isExtreme: Bool
  private var groups: [[Entry]] = []

  /// `isExtreme`: the result is one of the values, and a row with another value does not decide it.
  public init(
    _ inner: any Accumulator, argumentTypes: [DataType], resultType: DataType, isExtreme: Bool
  ) {
    self.inner = inner
    self.argumentTypes = argumentTypes
    self.resultType = resultType
    self.isExtreme = isExtreme
  }

  public var failures: Int { inner.failures }

  public func reserve(groups count: Int) {
    inner.reserve(groups: count)
    while groups.count < count { groups.append([]) }
  }

  public func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard let retracts = rows.retracts else {
      for row in rows.groups.indices { groups[Int(rows.groups[row])].append(entry(rows, row)) }
      return inner.apply(rows, into: results)
    }
    for row in rows.groups.indices {
      let group = rows.groups[row]
      let entry = entry(rows, row)
      if retracts[row] {
        takeBack(entry, group)
        inner.results(of: [group], into: results)
      } else {
        groups[Int(group)].append(entry)
        feed([entry], group, into: results)
      }
    }
  }

  private func entry(_ rows: AggregateRows, _ row: Int) -> Entry {
    Entry(
      ordinal: rows.ordinals[row],
      arguments: zip(rows.arguments, argumentTypes).map { $0.value(row, $1) })
  }

  private func feed(_ entries: [Entry], _ group: Int32, into results: ColumnBuilder) {
    inner.apply(
      AggregateRows(
        groups: Array(repeating: group, count: entries.count),
        arguments: argumentTypes.indices.map { index in
          Column.from(entries.map { $0.arguments[index] }, argumentTypes[index])
        }, retracts: nil, ordinals: entries.map(\.ordinal)), into: results)
  }

  private func takeBack(_ entry: Entry, _ group: Int32) {
    // A row that was never added, because its group was NULL then, has nothing to take back.
    guard
      let place = groups[Int(group)].firstIndex(where: { $0.arguments == entry.arguments })
    else { return }
    groups[Int(group)].remove(at: place)
    if isExtreme, let gone = entry.arguments.first, gone != result(group) { return }
    refeed(group)
  }

  private func result(_ group: Int32) -> Value {
    let builder = ColumnBuilder(resultType, capacity: 1)
    inner.results(of: [group], into: builder)
    return builder.finish().value(0, resultType)
  }

  private func refeed(_ group: Int32) {
    inner.reset(Int(group))
    let entries = groups[Int(group)]
    guard !entries.isEmpty else { return }
    feed(entries, group, into: ColumnBuilder(resultType, capacity: entries.count))
  }

  public func results(of groups: [Int32], into results: ColumnBuilder) {
    inner.results(of: groups, into: results)
  }

  public func merge(_ source: Int, into target: Int) {
    groups[target] += groups[source]
    inner.merge(source, into: target)
  }

  public func reset(_ group: Int) {
    groups[group] = []
    inner.reset(group)
  }

  public func serialize(_ group: Int, into bytes: inout [UInt8]) {
    withUnsafeBytes(of: UInt32(groups[group].count)) { bytes += $0 }
    for entry in groups[group] {
      withUnsafeBytes(of: entry.ordinal) { bytes += $0 }
      for value in entry.arguments { ValueCodec.append(value, to: &bytes) }
    }
  }

  public func restore(
    _ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int
  ) -> Bool {
    guard position + 4 <= bytes.count else { return false }
    let count = bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
    position += 4
    var entries: [Entry] = []
    for _ in 0..<count {
      guard position + 8 <= bytes.count else { return false }
      let ordinal = bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)
      position += 8
      var arguments: [Value] = []
      for _ in argumentTypes {
        guard let value = ValueCodec.read(bytes, at: &position) else { return false }
        arguments.append(value)
      }
      entries.append(Entry(ordinal: ordinal, arguments: arguments))
    }
    groups[group] = entries
    refeed(Int32(group))
    return true
  }
}
