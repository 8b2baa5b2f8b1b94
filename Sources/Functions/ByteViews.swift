// Bytes of text arguments as they lie in their arenas: what kernels over columns compare, search
// and cut.

import Glibc
import HeadraceColumns
import HeadraceFoundations

typealias ByteView = UnsafeBufferPointer<UInt8>

extension VectorCall {
  /// The bytes of a STRING or BYTES argument.
  func bytes(_ index: Int) -> ByteColumn {
    guard case .bytes(let column) = arguments[index] else {
      preconditionFailure("argument \(index) of a function over texts holds no bytes")
    }
    return column
  }

  /// As `bytes`, a STRING being UTF-8 for certain, on which searches rely: what is not well formed
  /// is replaced first, as in every `String` of it.
  func texts(_ index: Int) -> ByteColumn {
    argumentTypes[index] == .string ? wellFormed(bytes(index)) : bytes(index)
  }

  /// The numbers of an INT argument; those of NULLs mean nothing.
  func ints(_ index: Int) -> [Int32] {
    guard case .int(let column) = arguments[index] else {
      preconditionFailure("argument \(index) of a function over numbers is no INT")
    }
    return column.values
  }

  /// The numbers of an argument of any type that is one machine integer: a number, days or
  /// milliseconds.
  func integers(_ index: Int) -> [Int64] {
    switch arguments[index] {
    case .int(let column): return column.values.map { Int64($0) }
    case .bigint(let column): return column.values
    default: preconditionFailure("argument \(index) of a function over times is no integer")
    }
  }
}

private func wellFormed(_ column: ByteColumn) -> ByteColumn {
  var last = ByteView(start: nil, count: 0)
  for row in column.starts.indices {
    let view = column.view(row)
    // A constant is looked at once.
    if view.baseAddress == last.baseAddress, view.count == last.count { continue }
    last = view
    if !isWellFormed(view) { return repaired(column) }
  }
  return column
}

private func isWellFormed(_ view: ByteView) -> Bool {
  if isASCII(view) { return true }
  do {
    _ = try UTF8Span(validating: view.span)
    return true
  } catch {
    return false
  }
}

private func repaired(_ column: ByteColumn) -> ByteColumn {
  let builder = ColumnBuilder(.string, capacity: column.starts.count)
  for row in column.starts.indices { builder.append(string: column.string(row)) }
  guard case .bytes(let result) = builder.finish().with(validity: column.validity) else {
    preconditionFailure("a column of texts holds no bytes")
  }
  return result
}

func areEqual(_ left: ByteView, _ right: ByteView) -> Bool {
  guard left.count == right.count else { return false }
  guard let a = left.baseAddress, let b = right.baseAddress, a != b else { return true }
  return memcmp(a, b, left.count) == 0
}

/// Where `part` first stands in `whole` at or after a byte; nil: nowhere. An empty one stands
/// everywhere.
func find(_ part: ByteView, in whole: ByteView, from start: Int = 0) -> Int? {
  guard start + part.count <= whole.count else { return nil }
  guard let base = whole.baseAddress, let sought = part.baseAddress, part.count > 0 else {
    return start
  }
  // The last place at which `part` fits.
  let last = base + (whole.count - part.count)
  var place = base + start
  while place <= last {
    guard let found = memchr(place, CInt(sought[0]), last - place + 1) else { return nil }
    place = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
    if part.count == 1 || memcmp(place + 1, sought + 1, part.count - 1) == 0 { return place - base }
    place += 1
  }
  return nil
}

/// Without ASCII white space at both ends.
func trimmed(_ view: ByteView) -> Range<Int> {
  var start = 0
  var end = view.count
  while start < end, view[start] <= 0x20 { start += 1 }
  while end > start, view[end - 1] <= 0x20 { end -= 1 }
  return start..<end
}

/// The byte behind the character of well-formed UTF-8 that begins at `index`.
func characterEnd(_ view: ByteView, _ index: Int) -> Int {
  let lead = view[index]
  return min(index + (lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4), view.count)
}

extension ColumnBuilder {
  /// Part of a row of `column`, without copying it as long as all parts come from one arena.
  func appendPart(_ range: Range<Int>, of row: Int, _ column: ByteColumn) {
    appendView(
      start: Int(column.starts[row]) + range.lowerBound, length: range.count, of: column.arena)
  }

  /// An integer as wide as this column's.
  func append(integer number: Int64) {
    if type == .bigint || type == .timestamp { return append(bigint: number) }
    append(int: Int32(truncatingIfNeeded: number))
  }

  func append(view: ByteView) { append(bytes: UnsafeRawBufferPointer(view)) }
}

extension UnsafeMutablePointer<UInt8> {
  /// Copies the bytes here and steps behind them.
  mutating func write(_ view: ByteView) {
    guard let base = view.baseAddress else { return }
    update(from: base, count: view.count)
    self += view.count
  }
}
