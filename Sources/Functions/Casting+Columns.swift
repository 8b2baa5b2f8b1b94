// CAST over whole columns, without a value a row: numbers and times as texts, and texts as numbers.
// The results are those of `castValue`.

public import HeadraceColumns
import HeadraceFoundations

/// nil: there is no such cast over columns, and `castValue` goes value by value.
public func castColumn(_ column: Column, from: DataType, to: DataType) -> VectorResult? {
  let call = VectorCall(
    arguments: [column], argumentTypes: [from], resultType: to, count: column.count)
  switch (column, to) {
  case (.bytes(let texts), .int) where from == .string:
    return fill(call) { (row, result) throws(FunctionError) in
      guard let number = integer(trimmedRow(texts, row)), let fitting = Int32(exactly: number)
      else { throw FunctionError("cannot convert '\(texts.string(row))' to INTEGER") }
      result.append(int: fitting)
    }
  case (.bytes(let texts), .bigint) where from == .string:
    return fill(call) { (row, result) throws(FunctionError) in
      guard let number = integer(trimmedRow(texts, row)) else {
        throw FunctionError("cannot convert '\(texts.string(row))' to BIGINT")
      }
      result.append(bigint: number)
    }
  case (.bytes(let texts), .double) where from == .string:
    return fill(call) { (row, result) throws(FunctionError) in
      if let number = plainDouble(trimmedRow(texts, row)) { return result.append(double: number) }
      result.append(try castValue(.string(texts.string(row)), from: from, to: to))
    }
  case (.double(let numbers), .string):
    return fill(call) { row, result in result.append(string: javaText(of: numbers.values[row])) }
  case (.int, .string), (.bigint, .string): return integersAsTexts(call)
  default: return nil
  }
}

private func integersAsTexts(_ call: VectorCall) -> VectorResult {
  let numbers = call.integers(0)
  let type = call.argumentTypes[0]
  var bytes: [UInt8] = []
  return fill(call) { row, result in
    let number = numbers[row]
    bytes.removeAll(keepingCapacity: true)
    switch type {
    case .date: bytes.append(isoDate: number)
    case .time: bytes.append(isoTime: Int32(truncatingIfNeeded: number))
    case .timestamp: bytes.append(isoTimestamp: number)
    default:
      if number < 0 { bytes.append(UInt8(ascii: "-")) }
      bytes.append(digitsOf: number.magnitude)
    }
    bytes.withUnsafeBytes { result.append(bytes: $0) }
  }
}

private func trimmedRow(_ texts: ByteColumn, _ row: Int) -> ByteView {
  let view = texts.view(row)
  return ByteView(rebasing: view[trimmed(view)])
}

/// Digits with or without a sign and a fraction, so few that one rounded division gives the nearest
/// DOUBLE; nil for every other text. Source: Clinger, "How to Read Floating Point Numbers
/// Accurately" (1990), the fast path.
private func plainDouble(_ view: ByteView) -> Double? {
  guard let first = view.first, view.count <= 16 else { return nil }
  var index = first == UInt8(ascii: "-") || first == UInt8(ascii: "+") ? 1 : 0
  var number: Int64 = 0
  var digits = 0
  var point: Int?
  while index < view.count {
    let byte = view[index]
    if byte == UInt8(ascii: "."), point == nil, digits > 0 {
      point = digits
    } else if byte &- 0x30 < 10 {
      number = number * 10 + Int64(byte &- 0x30)
      digits += 1
    } else {
      return nil
    }
    index += 1
  }
  let fraction = point.map { digits - $0 } ?? 0
  guard digits > 0, digits <= 15, point == nil || fraction > 0 else { return nil }
  var power = 1.0
  for _ in 0..<fraction { power *= 10 }
  let result = Double(number) / power
  return first == UInt8(ascii: "-") ? -result : result
}
