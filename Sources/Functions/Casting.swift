// CAST of single values, and the text forms of values as Java's toString gives them.

import BigInt
public import Columns
import Foundations

/// Throws: FunctionError where the value does not fit the type.
public func castValue(
  _ value: Value, from: DataType, to: DataType
) throws(FunctionError) -> Value {
  if value.isNull { return .null }
  if from == to { return value }
  switch to {
  case .string: return .string(text(of: value, from))
  case .boolean:
    if case .string(let text) = value { return .boolean(text.lowercased() == "true") }
  case .int:
    if let number = try wholeNumber(value, bits: 32) {
      return .int(Int32(truncatingIfNeeded: number))
    }
  case .bigint:
    if let number = try wholeNumber(value, bits: 64) { return .bigint(number) }
    if case .timestamp(let milliseconds) = value { return .bigint(milliseconds) }
  case .double:
    if case .string(let text) = value {
      guard let number = Double(text.trimmed()) else {
        throw FunctionError("cannot read '\(text)' as DOUBLE")
      }
      return .double(number)
    }
    if let number = value.doubleValue { return .double(number) }
  case .decimal(let precision, let scale):
    let number: Decimal?
    if case .string(let text) = value {
      number = Decimal(text)
    } else {
      number = value.decimalValue
    }
    guard let number else { throw FunctionError("cannot read the value as \(to)") }
    guard let fitted = number.fitted(precision: precision, scale: scale, rounding: .halfUp)
    else {
      throw FunctionError(
        "Numeric field overflow: A field with precision \(precision) and scale \(scale) must "
          + "round to an absolute value less than 10^\(precision - scale). Got \(number)")
    }
    return .decimal(fitted)
  case .date:
    if case .timestamp(let milliseconds) = value {
      return .date(Int32(truncatingIfNeeded: floorDivide(milliseconds, 86_400_000)))
    }
    if case .string(let text) = value {
      guard let days = parseISODate(text) else {
        throw FunctionError("Failed to parse date '\(text)'")
      }
      return .date(days)
    }
  case .time:
    if case .timestamp(let milliseconds) = value {
      let midnight = floorDivide(milliseconds, 86_400_000) * 86_400_000
      return .time(Int32(truncatingIfNeeded: milliseconds - midnight))
    }
    if case .string(let text) = value {
      guard let time = parseISOTime(text) else {
        throw FunctionError("Failed to parse time '\(text)'")
      }
      return .time(time)
    }
  case .timestamp:
    if case .date(let days) = value { return .timestamp(Int64(days) * 86_400_000) }
    if case .string(let text) = value {
      guard let milliseconds = parseISOTimestamp(text) else {
        throw FunctionError("Failed to parse timestamp '\(text)'")
      }
      return .timestamp(milliseconds)
    }
  case .bytes:
    if case .string(let text) = value {
      guard let bytes = decodeBase64(text) else {
        throw FunctionError("'\(text)' is no base64 text")
      }
      return .bytes(bytes)
    }
  case .array(let element):
    if case .array(let values) = value, case .array(let inner) = from {
      var result: [Value] = []
      for value in values { result.append(try castValue(value, from: inner, to: element)) }
      return .array(result)
    }
  case .map(let key, let valueType):
    if case .map(let entries) = value, case .map(let fromKey, let fromValue) = from {
      var result: [MapEntry] = []
      for entry in entries {
        result.append(
          MapEntry(
            try castValue(entry.key, from: fromKey, to: key),
            try castValue(entry.value, from: fromValue, to: valueType)))
      }
      return .map(result)
    }
  case .structure(let fields):
    if case .structure(let values) = value, case .structure(let fromFields) = from {
      var result: [Value] = []
      for field in fields {
        guard let index = fromFields.firstIndex(where: { $0.name == field.name }) else {
          result.append(.null)
          continue
        }
        result.append(
          try castValue(values[index], from: fromFields[index].type, to: field.type))
      }
      return .structure(result)
    }
  }
  throw FunctionError("cannot cast \(from) to \(to)")
}

/// Java's narrowing: doubles saturate, integers wrap.
private func wholeNumber(_ value: Value, bits: Int) throws(FunctionError) -> Int64? {
  switch value {
  case .int(let number): return Int64(number)
  case .bigint(let number): return number
  case .double(let number):
    if number.isNaN { return 0 }
    let limit: Double = bits == 32 ? 2_147_483_647 : 9_223_372_036_854_775_808
    if number >= limit { return bits == 32 ? 2_147_483_647 : Int64.max }
    if number <= (bits == 32 ? -limit - 1 : -limit) {
      return bits == 32 ? -2_147_483_648 : Int64.min
    }
    return Int64(number)
  case .decimal(let number):
    guard let whole = number.rescaled(to: 0, rounding: .down) else { return nil }
    return Int64(truncatingIfNeeded: whole.unscaled)
  case .string(let text):
    let trimmed = text.trimmed()
    if bits == 32, let number = Int32(trimmed) { return Int64(number) }
    if bits == 64, let number = Int64(trimmed) { return number }
    throw FunctionError("cannot read '\(text)' as \(bits == 32 ? "INTEGER" : "BIGINT")")
  case .null, .boolean, .bytes, .date, .time, .timestamp, .array, .map, .structure: return nil
  }
}

/// Text of a value as CAST(x AS STRING) gives it.
public func text(of value: Value, _ type: DataType) -> String {
  switch value {
  case .null: return "null"
  case .boolean(let flag): return flag ? "true" : "false"
  case .int(let number): return "\(number)"
  case .bigint(let number): return "\(number)"
  case .double(let number): return javaText(of: number)
  case .decimal(let number): return number.description
  case .string(let text): return text
  case .bytes(let bytes): return encodeBase64(bytes)
  case .date(let days): return isoDate(days)
  case .time(let milliseconds): return isoTime(milliseconds)
  case .timestamp(let milliseconds): return isoTimestamp(milliseconds)
  case .array(let values):
    guard case .array(let element) = type else { return "" }
    return "[" + values.map { text(of: $0, element) }.joined(separator: ", ") + "]"
  case .map(let entries):
    guard case .map(let key, let inner) = type else { return "" }
    return "{"
      + entries.map { "\(text(of: $0.key, key))=\(text(of: $0.value, inner))" }
      .joined(separator: ", ") + "}"
  case .structure(let values):
    guard case .structure(let fields) = type else { return "" }
    return "Struct{"
      + zip(fields, values).filter { !$1.isNull }
      .map { "\($0.name)=\(text(of: $1, $0.type))" }.joined(separator: ",") + "}"
  }
}

extension String {
  /// Without ASCII white space at both ends.
  func trimmed() -> String {
    var view = self[...].utf8
    while let first = view.first, first <= 0x20 { view = view.dropFirst() }
    while let last = view.last, last <= 0x20 { view = view.dropLast() }
    return String(Substring(view))
  }
}
