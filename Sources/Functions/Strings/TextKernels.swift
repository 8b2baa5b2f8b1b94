// The string functions, over whole columns: here UCASE, LCASE, TRIM, LEN, SUBSTRING. TRIM and
// SUBSTRING give views of the bytes of their argument and copy nothing.

import HeadraceColumns
import HeadraceFoundations

enum TextKernels {
  /// Views of the argument's own bytes. `range` gets a row's bytes and gives the part to keep.
  private static func views(
    _ call: VectorCall, _ range: (Int, UnsafeBufferPointer<UInt8>) -> Range<Int>
  ) -> VectorResult {
    let column = call.bytes(0)
    var starts = column.starts
    var lengths = column.lengths
    for row in 0..<call.count {
      let part = range(row, column.view(row))
      starts[row] += UInt32(part.lowerBound)
      lengths[row] = UInt32(part.count)
    }
    return VectorResult(
      .bytes(
        ByteColumn(
          starts: starts, lengths: lengths, arena: column.arena, validity: column.validity)))
  }

  @Sendable static func trim(_ call: VectorCall) -> VectorResult {
    views(call) { _, view in trimmed(view) }
  }

  @Sendable static func length(_ call: VectorCall) -> VectorResult {
    let column = call.bytes(0)
    let isText = call.argumentTypes[0] == .string
    let lengths = (0..<call.count).map { row in
      Int32(truncatingIfNeeded: isText ? unitCount(column.view(row)) : Int(column.lengths[row]))
    }
    return VectorResult(.int(Fixed(lengths, validity: column.validity)))
  }

  /// Position 1 is the first unit, and 0 as well; -1 is the last.
  @Sendable static func substring(_ call: VectorCall) -> VectorResult {
    guard case .int(let positions) = call.arguments[1] else {
      preconditionFailure("SUBSTRING at a position that is no INT")
    }
    var counts: [Int32]?
    if call.arguments.count > 2, case .int(let column) = call.arguments[2] {
      counts = column.values
    }
    let isText = call.argumentTypes[0] == .string
    return views(call) { row, view in
      let isPlain = !isText || isASCII(view)
      let units = isPlain ? view.count : unitCount(view)
      let position = Int(positions.values[row])
      let start = min(
        max(position > 0 ? position - 1 : position < 0 ? units + position : 0, 0), units)
      let count = counts.map { max(Int($0[row]), 0) } ?? units
      let end = min(start + count, units)
      return isPlain ? start..<end : HeadraceFunctions.bytes(ofUnits: start..<end, in: view)
    }
  }

  /// ASCII bytes are changed in place; other texts go through Unicode's rules one by one.
  static func changeCase(
    _ isUpper: Bool
  ) -> @Sendable (VectorCall) -> VectorResult {
    { call in
      let column = call.bytes(0)
      let builder = ColumnBuilder(.string, capacity: call.count)
      let first = isUpper ? UInt8(ascii: "a") : UInt8(ascii: "A")
      for row in 0..<call.count {
        if call.arguments[0].isNull(row) {
          builder.appendNull()
          continue
        }
        let view = column.view(row)
        if isASCII(view) {
          builder.appendBytes(maximum: view.count) { target in
            for index in 0..<view.count {
              let byte = view[index]
              target[index] = byte &- first < 26 ? byte ^ 0x20 : byte
            }
            return view.count
          }
        } else {
          let text = String(decoding: view, as: UTF8.self)
          builder.append(string: isUpper ? text.uppercased() : text.lowercased())
        }
      }
      return VectorResult(builder.finish())
    }
  }
}
