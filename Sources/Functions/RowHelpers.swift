// Short forms for kernels over single values.

import HeadraceColumns
import HeadraceFoundations

typealias Row = [Value]

extension Value {
  /// The text of a STRING; a kernel asks only where the overload says STRING.
  var text: String { stringValue ?? "" }
  var flag: Bool { booleanValue ?? false }
  /// INT or BIGINT.
  var number: Int { integerValue.map { Int(truncatingIfNeeded: $0) } ?? 0 }
  var real: Double { doubleValue ?? 0 }
  var elements: [Value] { arrayValue ?? [] }
  var entries: [MapEntry] { mapValue ?? [] }
  var content: [UInt8] { bytesValue ?? [] }
}

/// Bytes of one computed text. Arguments of a record's size could multiply to more than memory holds.
let longestText = 8 << 20

/// Throws where a text would be longer than `longestText`.
func checkLength(_ count: Int) throws(FunctionError) {
  if count > longestText { throw FunctionError("the result is longer than \(longestText) bytes") }
}

extension Optional where Wrapped == String {
  var value: Value { map { .string($0) } ?? .null }
}

extension ScalarOverload {
  /// An overload that is computed column by column.
  init(
    _ parameters: [ParameterType], variadic: Int? = nil, _ result: ParameterType,
    isStrict: Bool = true, vector: @escaping @Sendable (VectorCall) -> VectorResult
  ) {
    self.init(
      Signature(parameters, variadic: variadic, result), isStrict: isStrict,
      kernel: .vector(vector))
  }

  /// A row-by-row overload whose type follows from its arguments.
  init(
    _ parameters: [ParameterType], variadic: Int? = nil, returns: ReturnType,
    isStrict: Bool = true, row: @escaping @Sendable ([Value]) throws(FunctionError) -> Value
  ) {
    self.init(
      Signature(parameters, variadic: variadic, returns: returns), isStrict: isStrict,
      kernel: .row(row))
  }
}

/// Runs a kernel that needs the types of its arguments row by row. Shape: n rows -> n rows.
func rowByRow(
  _ call: VectorCall, isStrict: Bool,
  _ kernel: ([Value]) throws(FunctionError) -> Value
) -> VectorResult {
  let builder = ColumnBuilder(call.resultType, capacity: call.count)
  var errors = Bitmap(repeating: false, count: call.count)
  var message: String?
  for row in 0..<call.count {
    if isStrict, call.arguments.contains(where: { $0.isNull(row) }) {
      builder.appendNull()
      continue
    }
    do throws(FunctionError) {
      builder.append(try kernel(zip(call.arguments, call.argumentTypes).map { $0.value(row, $1) }))
    } catch {
      builder.appendNull()
      errors.set(row, true)
      message = message ?? error.message
    }
  }
  return VectorResult(
    builder.finish(), errors: errors.isAllFalse ? nil : errors, message: message)
}
