// CAST of single values, and the text forms of values as Java's toString gives them.

import BigInt
public import HeadraceColumns
import HeadraceFoundations

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
      let trimmed = text.trimmed()
      // Only a word is infinite: a number beyond the largest DOUBLE is out of range.
      guard let number = Double(trimmed),
        number.isFinite || !trimmed.utf8.contains(where: { $0 >= 0x30 && $0 <= 0x39 })
      else { throw FunctionError("cannot convert '\(text)' to DOUBLE") }
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
      guard let days = Int32(exactly: floorDivide(milliseconds, 86_400_000)) else {
        throw FunctionError("the timestamp \(milliseconds) is beyond the range of DATE")
      }
      return .date(days)
    }
    if case .string(let text) = value {
      guard let days = parseISODate(text) else {
        throw FunctionError("Failed to parse date '\(text)'")
      }
      return .date(days)
    }
  case .time:
    if case .timestamp(let milliseconds) = value {
      return .time(Int32(truncatingIfNeeded: dayAndTime(milliseconds).milliseconds))
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
        throw FunctionError("cannot convert '\(text)' to BYTES: it is not base64 text")
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

/// A number without its fraction, as Java narrows; unlike Java's, what does not fit is an error.
private func wholeNumber(_ value: Value, bits: Int) throws(FunctionError) -> Int64? {
  let whole: Int64?
  switch value {
  case .int(let number): return Int64(number)
  case .bigint(let number): whole = number
  case .double(let number): whole = Int64(exactly: number.rounded(.towardZero))
  case .decimal(let number): whole = number.int64Value
  case .string(let text): whole = Int64(text.trimmed())
  case .null, .boolean, .bytes, .date, .time, .timestamp, .array, .map, .structure: return nil
  }
  guard let whole, bits == 64 || Int32(exactly: whole) != nil else {
    throw FunctionError("cannot convert \(shown(value)) to \(bits == 32 ? "INTEGER" : "BIGINT")")
  }
  return whole
}

/// A value for a message, a text in quotes.
private func shown(_ value: Value) -> String {
  switch value {
  case .string(let text): return "'\(text)'"
  case .bigint(let number): return "\(number)"
  case .double(let number): return javaText(of: number)
  case .decimal(let number): return number.description
  default: return "the value"
  }
}

/// A value as one of another type for a place that must not change it: numbers keep their value,
/// texts are read; nil where that is not possible.
public func exactValue(_ value: Value, from: DataType, to: DataType) -> Value? {
  if value.isNull || from == to { return value }
  switch (value, from, to) {
  case (.array(let values), .array(let from), .array(let to)):
    let result = values.compactMap { exactValue($0, from: from, to: to) }
    return result.count == values.count ? .array(result) : nil
  case (.map(let entries), .map(let fromKey, let fromValue), .map(let toKey, let toValue)):
    let result = entries.compactMap { entry -> MapEntry? in
      guard let key = exactValue(entry.key, from: fromKey, to: toKey),
        let value = exactValue(entry.value, from: fromValue, to: toValue)
      else { return nil }
      return MapEntry(key, value)
    }
    return result.count == entries.count ? .map(result) : nil
  case (.structure(let values), .structure(let from), .structure(let to)):
    let result = to.compactMap { field -> Value? in
      guard let index = from.firstIndex(where: { $0.name == field.name }) else { return .null }
      return exactValue(values[index], from: from[index].type, to: field.type)
    }
    return result.count == to.count ? .structure(result) : nil
  default:
    guard let cast = try? castValue(value, from: from, to: to) else { return nil }
    guard from.isNumeric, to.isNumeric, to != .double else { return cast }
    guard let before = value.decimalValue, let after = cast.decimalValue,
      before.compare(after) == 0
    else { return nil }
    return cast
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
