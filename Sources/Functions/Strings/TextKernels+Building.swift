// Functions that put texts together or choose among them: CONCAT, CONCAT_WS, LPAD, RPAD, INITCAP,
// ELT, FIELD.

import HeadraceColumns
import HeadraceFoundations

extension TextKernels {
  /// NULL arguments count as nothing.
  @Sendable static func concat(_ call: VectorCall) -> VectorResult {
    let columns = call.arguments.indices.map { call.bytes($0) }
    return fill(call, isStrict: false) { row, result in
      join(columns, row, separator: ByteView(start: nil, count: 0), into: result)
    }
  }

  @Sendable static func concatWithSeparator(_ call: VectorCall) -> VectorResult {
    let separators = call.texts(0)
    let columns = call.arguments.indices.dropFirst().map { call.texts($0) }
    return fill(call, isStrict: false) { row, result in
      if call.arguments[0].isNull(row) { return result.appendNull() }
      join(columns, row, separator: separators.view(row), into: result)
    }
  }

  private static func join(
    _ columns: [ByteColumn], _ row: Int, separator: ByteView, into result: ColumnBuilder
  ) {
    let most = columns.reduce(0) { $0 + separator.count + Int($1.lengths[row]) }
    result.appendBytes(maximum: most) { target in
      var end = target
      var isFirst = true
      for column in columns where column.validity.map({ $0[row] }) ?? true {
        if !isFirst { end.write(separator) }
        isFirst = false
        end.write(column.view(row))
      }
      return end - target
    }
  }

  /// A value beyond this length is a mistake.
  private static let longestPadded = 1 << 18

  /// LPAD and RPAD.
  static func pad(_ name: String, isLeft: Bool) -> @Sendable (VectorCall) -> VectorResult {
    { call in
      let (texts, paddings) = (call.texts(0), call.texts(2))
      let lengths = call.ints(1)
      let isText = call.argumentTypes[0] == .string
      return fill(call) { (row, result) throws(FunctionError) in
        let length = Int(lengths[row])
        let padding = paddings.view(row)
        guard length >= 0, !padding.isEmpty else { return result.appendNull() }
        guard length <= longestPadded else {
          throw FunctionError("\(name) to more than \(longestPadded)")
        }
        let view = texts.view(row)
        func units(_ view: ByteView) -> Int { isText ? unitCount(view) : view.count }
        /// As many units, or one less where that would be half a character.
        func cut(_ view: ByteView, _ count: Int) -> ByteView {
          ByteView(
            rebasing: view[
              isText ? HeadraceFunctions.bytes(ofUnits: 0..<count, in: view) : 0..<count])
        }
        let missing = length - units(view)
        if missing <= 0 {
          return result.append(view: missing == 0 ? view : cut(view, length))
        }
        let (whole, rest) = missing.quotientAndRemainder(dividingBy: units(padding))
        let last = cut(padding, rest)
        result.appendBytes(maximum: view.count + whole * padding.count + last.count) { target in
          var end = target
          if !isLeft { end.write(view) }
          for _ in 0..<whole { end.write(padding) }
          end.write(last)
          if isLeft { end.write(view) }
          return end - target
        }
      }
    }
  }

  @Sendable static func initCap(_ call: VectorCall) -> VectorResult {
    let texts = call.texts(0)
    return fill(call) { row, result in
      let view = texts.view(row)
      guard isASCII(view) else { return result.append(string: initCap(texts.string(row))) }
      result.appendBytes(maximum: view.count) { target in
        var isStart = true
        for (index, byte) in view.enumerated() {
          let isOtherCase = isStart ? byte &- 0x61 < 26 : byte &- 0x41 < 26
          target[index] = isOtherCase ? byte ^ 0x20 : byte
          isStart = byte == 0x20 || byte &- 0x09 < 5
        }
        return view.count
      }
    }
  }

  private static func initCap(_ text: String) -> String {
    var result = ""
    var isStart = true
    for character in text {
      result += isStart ? character.uppercased() : character.lowercased()
      isStart = character.isWhitespace
    }
    return result
  }

  /// ELT.
  @Sendable static func element(_ call: VectorCall) -> VectorResult {
    let positions = call.ints(0)
    let columns = call.arguments.indices.dropFirst().map { call.texts($0) }
    return fill(call, isStrict: false) { row, result in
      let position = Int(positions[row])
      guard !call.arguments[0].isNull(row), position >= 1, position <= columns.count,
        !call.arguments[position].isNull(row)
      else { return result.appendNull() }
      let column = columns[position - 1]
      result.appendPart(0..<Int(column.lengths[row]), of: row, column)
    }
  }

  /// FIELD.
  @Sendable static func field(_ call: VectorCall) -> VectorResult {
    let columns = call.arguments.indices.map { call.texts($0) }
    return fill(call, isStrict: false) { row, result in
      let wanted = columns[0].view(row)
      var position = 0
      if !call.arguments[0].isNull(row) {
        position =
          columns.indices.dropFirst().first {
            !call.arguments[$0].isNull(row) && areEqual(columns[$0].view(row), wanted)
          } ?? 0
      }
      result.append(int: Int32(truncatingIfNeeded: position))
    }
  }
}
