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

/// Bytes of one computed text. Arguments of a record's size could multiply to more than memory
/// holds.
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

/// Fills the column of a call: `body` appends one row to it. A row is NULL where `body` throws, and
/// in a strict call where an argument is NULL. Shape: n rows -> n rows.
func fill(
  _ call: VectorCall, isStrict: Bool = true,
  _ body: (Int, ColumnBuilder) throws(FunctionError) -> Void
) -> VectorResult {
  let builder = ColumnBuilder(call.resultType, capacity: call.count)
  var known: Bitmap?
  if isStrict { for argument in call.arguments { known = intersect(known, argument.validity) } }
  var errors: Bitmap?
  var message: String?
  for row in 0..<call.count {
    if let known, !known[row] {
      builder.appendNull()
      continue
    }
    do throws(FunctionError) {
      try body(row, builder)
    } catch {
      builder.truncate(to: row)
      builder.dropOpenRow()
      builder.appendNull()
      if errors == nil { errors = Bitmap(repeating: false, count: call.count) }
      errors?.set(row, true)
      message = message ?? error.message
    }
  }
  return VectorResult(builder.finish(), errors: errors, message: message)
}

/// Runs a kernel that needs the types of its arguments row by row. Shape: n rows -> n rows.
func rowByRow(
  _ call: VectorCall, isStrict: Bool,
  _ kernel: ([Value]) throws(FunctionError) -> Value
) -> VectorResult {
  fill(call, isStrict: isStrict) { (row, result) throws(FunctionError) in
    result.append(try kernel(zip(call.arguments, call.argumentTypes).map { $0.value(row, $1) }))
  }
}

/// What was made from a text argument (a compiled pattern, a zone), kept while rows repeat the
/// text.
/// Invariant: the column of the argument outlives it.
struct Memo<Made> {
  private var last: (text: ByteView, made: Made)?

  mutating func made(
    from text: ByteView, _ make: (String) throws(FunctionError) -> Made
  ) throws(FunctionError) -> Made {
    if let last, areEqual(last.text, text) { return last.made }
    let made = try make(String(decoding: text, as: UTF8.self))
    last = (text, made)
    return made
  }
}
