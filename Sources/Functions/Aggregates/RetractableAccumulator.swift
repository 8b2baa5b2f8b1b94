// Makes any aggregate one whose rows can be taken back, for aggregation over tables. It keeps the
// rows of each group. Adding a row goes straight to the aggregate. Taking one back removes the
// oldest row with the same values; where that row had a part in the result, the aggregate gets the
// rows again that decide now: see `DecidingRows`. Cost: memory and changelog grow with the rows of
// a group; a change takes time in proportion to the rows that decide.

public import HeadraceColumns
import HeadraceFoundations

public final class RetractableAccumulator: Accumulator {
  private let inner: any Accumulator
  private let argumentTypes: [DataType]
  private let resultType: DataType
  private let rule: DecidingRows
  private var groups: [RetractableRows] = []

  public init(
    _ inner: any Accumulator, argumentTypes: [DataType], resultType: DataType,
    deciding rule: DecidingRows
  ) {
    self.inner = inner
    self.argumentTypes = argumentTypes
    self.resultType = resultType
    self.rule = rule
  }

  public var failures: Int { inner.failures }

  public func reserve(groups count: Int) {
    inner.reserve(groups: count)
    while groups.count < count { groups.append(RetractableRows(rule)) }
  }

  public func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard rows.retracts != nil || rule == .distinctCount else {
      for row in rows.groups.indices { add(rows, row) }
      return inner.apply(rows, into: results)
    }
    for row in rows.groups.indices {
      let group = rows.groups[row]
      if rows.retracts.map({ $0[row] }) ?? false {
        if groups[Int(group)].takeBack(arguments(rows, row)) { refeed(group) }
        self.results(of: [group], into: results)
        continue
      }
      let added = add(rows, row)
      if rule == .distinctCount {
        self.results(of: [group], into: results)
      } else {
        feed([added], group, into: results)
      }
    }
  }

  private func arguments(_ rows: AggregateRows, _ row: Int) -> [Value] {
    zip(rows.arguments, argumentTypes).map { $0.value(row, $1) }
  }

  @discardableResult
  private func add(_ rows: AggregateRows, _ row: Int) -> RetractableRow {
    let arguments = arguments(rows, row)
    let ordinal = rows.ordinals[row]
    groups[Int(rows.groups[row])].add(arguments, ordinal: ordinal)
    return RetractableRow(arguments: arguments, ordinal: ordinal, sequence: 0)
  }

  private func feed(_ entries: [RetractableRow], _ group: Int32, into results: ColumnBuilder) {
    inner.apply(rows(entries, group), into: results)
  }

  private func rows(_ entries: [RetractableRow], _ group: Int32) -> AggregateRows {
    AggregateRows(
      groups: Array(repeating: group, count: entries.count),
      arguments: argumentTypes.indices.map { index in
        Column.from(entries.map { $0.arguments[index] }, argumentTypes[index])
      }, retracts: nil, ordinals: entries.map(\.ordinal))
  }

  private func refeed(_ group: Int32) {
    guard rule != .distinctCount else { return }
    inner.reset(Int(group))
    let entries = groups[Int(group)].deciding
    if !entries.isEmpty { inner.accumulate(rows(entries, group), resultType) }
  }

  public func results(of groups: [Int32], into results: ColumnBuilder) {
    guard rule == .distinctCount else { return inner.results(of: groups, into: results) }
    for group in groups { results.append(bigint: self.groups[Int(group)].distinctCount) }
  }

  public func merge(_ source: Int, into target: Int) {
    for row in groups[source].all { groups[target].add(row.arguments, ordinal: row.ordinal) }
    inner.merge(source, into: target)
  }

  public func reset(_ group: Int) {
    groups[group] = RetractableRows(rule)
    inner.reset(group)
  }

  public func serialize(_ group: Int, into bytes: inout [UInt8]) {
    let rows = groups[group].all
    withUnsafeBytes(of: UInt32(rows.count)) { bytes += $0 }
    for row in rows {
      withUnsafeBytes(of: row.ordinal) { bytes += $0 }
      for value in row.arguments { ValueCodec.append(value, to: &bytes) }
    }
  }

  public func restore(
    _ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int
  ) -> Bool {
    guard position + 4 <= bytes.count else { return false }
    let count = bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
    position += 4
    var rows = RetractableRows(rule)
    for _ in 0..<count {
      guard position + 8 <= bytes.count else { return false }
      let ordinal = bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)
      position += 8
      var arguments: [Value] = []
      for _ in argumentTypes {
        guard let value = ValueCodec.read(bytes, at: &position) else { return false }
        arguments.append(value)
      }
      rows.add(arguments, ordinal: ordinal)
    }
    groups[group] = rows
    refeed(Int32(group))
    return true
  }
}
