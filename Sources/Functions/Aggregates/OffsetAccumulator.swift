// EARLIEST_BY_OFFSET and LATEST_BY_OFFSET of one value of a plain type: the value and its number in
// arrays by group. Its saved state is that of the general aggregate, a list of one (number, value).

import HeadraceColumns
import HeadraceFoundations

final class OffsetAccumulator: Accumulator {
  private enum Held: UInt8 { case nothing, null, value }

  private let isLatest: Bool
  private let ignoresNulls: Bool
  private let type: DataType
  private var held: [Held] = []
  private var ordinals: [Int64] = []
  /// Of machine values: BOOLEAN, the integers, times, and DOUBLE as its bit pattern.
  private var bits: [Int64] = []
  /// Of STRING and BYTES; their room is used again.
  private var bytes: [[UInt8]] = []

  /// nil for types that are not plain.
  init?(isLatest: Bool, ignoresNulls: Bool, type: DataType) {
    switch type {
    case .boolean, .int, .bigint, .double, .string, .bytes, .date, .time, .timestamp: break
    case .decimal, .array, .map, .structure: return nil
    }
    self.isLatest = isLatest
    self.ignoresNulls = ignoresNulls
    self.type = type
  }

  private var isBytes: Bool { type == .string || type == .bytes }

  func reserve(groups count: Int) {
    let missing = count - held.count
    guard missing > 0 else { return }
    held.append(contentsOf: repeatElement(.nothing, count: missing))
    ordinals.append(contentsOf: repeatElement(0, count: missing))
    if isBytes {
      bytes.append(contentsOf: repeatElement([], count: missing))
    } else {
      bits.append(contentsOf: repeatElement(0, count: missing))
    }
  }

  func reset(_ group: Int) {
    held[group] = .nothing
    if isBytes { bytes[group] = [] }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) { fold(rows, into: results) }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows, into: nil) }

  private func fold(_ rows: AggregateRows, into results: ColumnBuilder?) {
    switch rows.arguments.first {
    case .boolean(let column):
      fold(rows, column.validity, results) {
        bits[$1] = column.values[$0] ? 1 : 0
      } append: {
        $0.append(boolean: bits[$1] != 0)
      }
    case .int(let column):
      fold(rows, column.validity, results) {
        bits[$1] = Int64(column.values[$0])
      } append: {
        $0.append(int: Int32(truncatingIfNeeded: bits[$1]))
      }
    case .bigint(let column):
      fold(rows, column.validity, results) {
        bits[$1] = column.values[$0]
      } append: {
        $0.append(bigint: bits[$1])
      }
    case .double(let column):
      fold(rows, column.validity, results) {
        bits[$1] = Int64(bitPattern: column.values[$0].bitPattern)
      } append: {
        $0.append(double: Double(bitPattern: UInt64(bitPattern: bits[$1])))
      }
    case .bytes(let column):
      fold(rows, column.validity, results) {
        bytes[$1].removeAll(keepingCapacity: true)
        bytes[$1].append(contentsOf: column.view($0))
      } append: { builder, group in
        bytes[group].withUnsafeBytes { builder.append(bytes: $0) }
      }
    case let other: unexpected(other, in: isLatest ? "LATEST_BY_OFFSET" : "EARLIEST_BY_OFFSET")
    }
  }

  @inline(__always)
  private func fold(
    _ rows: AggregateRows, _ validity: Bitmap?, _ results: ColumnBuilder?,
    store: (_ row: Int, _ group: Int) -> Void, append: (ColumnBuilder, _ group: Int) -> Void
  ) {
    for row in 0..<rows.groups.count {
      let group = Int(rows.groups[row])
      let isValid = validity.map { $0[row] } ?? true
      if (isValid || !ignoresNulls) && (isLatest || held[group] == .nothing) {
        if isValid { store(row, group) }
        held[group] = isValid ? .value : .null
        ordinals[group] = rows.ordinals[row]
      }
      guard let results else { continue }
      if held[group] == .value { append(results, group) } else { results.appendNull() }
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups {
      let group = Int(group)
      guard held[group] == .value else {
        results.appendNull()
        continue
      }
      switch type {
      case .boolean: results.append(boolean: bits[group] != 0)
      case .int, .date, .time: results.append(int: Int32(truncatingIfNeeded: bits[group]))
      case .double: results.append(double: Double(bitPattern: UInt64(bitPattern: bits[group])))
      case .string, .bytes: bytes[group].withUnsafeBytes { results.append(bytes: $0) }
      default: results.append(bigint: bits[group])
      }
    }
  }

  func merge(_ source: Int, into target: Int) {
    guard held[source] != .nothing else { return }
    let isWanted =
      isLatest ? ordinals[source] >= ordinals[target] : ordinals[source] < ordinals[target]
    guard held[target] == .nothing || isWanted else { return }
    held[target] = held[source]
    ordinals[target] = ordinals[source]
    if isBytes { bytes[target] = bytes[source] } else { bits[target] = bits[source] }
  }

  func serialize(_ group: Int, into output: inout [UInt8]) {
    guard held[group] != .nothing else { return ValueCodec.append(.array([]), to: &output) }
    ValueCodec.appendHeader(.array, count: 1, to: &output)
    ValueCodec.appendHeader(.structure, count: 2, to: &output)
    ValueCodec.append(.bigint(ordinals[group]), to: &output)
    guard held[group] == .value else { return ValueCodec.append(.null, to: &output) }
    switch type {
    case .boolean: ValueCodec.append(.boolean(bits[group] != 0), to: &output)
    case .int: ValueCodec.append(.int(Int32(truncatingIfNeeded: bits[group])), to: &output)
    case .date: ValueCodec.append(.date(Int32(truncatingIfNeeded: bits[group])), to: &output)
    case .time: ValueCodec.append(.time(Int32(truncatingIfNeeded: bits[group])), to: &output)
    case .timestamp: ValueCodec.append(.timestamp(bits[group]), to: &output)
    case .double:
      ValueCodec.append(
        .double(Double(bitPattern: UInt64(bitPattern: bits[group]))), to: &output)
    case .string:
      ValueCodec.appendHeader(.string, count: bytes[group].count, to: &output)
      output.append(contentsOf: bytes[group])
    case .bytes: ValueCodec.append(.bytes(bytes[group]), to: &output)
    default: ValueCodec.append(.bigint(bits[group]), to: &output)
    }
  }

  func restore(
    _ group: Int, from input: UnsafeRawBufferPointer, at position: inout Int
  ) -> Bool {
    guard case .array(let entries) = ValueCodec.read(input, at: &position) else { return false }
    held[group] = .nothing
    guard let entry = entries.first else { return true }
    guard entries.count == 1, case .structure(let fields) = entry, fields.count == 2,
      let ordinal = fields[0].integerValue
    else { return false }
    ordinals[group] = ordinal
    switch fields[1] {
    case .null:
      held[group] = .null
      return true
    case .boolean(let value): bits[group] = value ? 1 : 0
    case .int(let value), .date(let value), .time(let value): bits[group] = Int64(value)
    case .bigint(let value), .timestamp(let value): bits[group] = value
    case .double(let value): bits[group] = Int64(bitPattern: value.bitPattern)
    case .string(let value): bytes[group] = Array(value.utf8)
    case .bytes(let value): bytes[group] = value
    default: return false
    }
    held[group] = .value
    return true
  }
}
