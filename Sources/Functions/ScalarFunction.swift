// Scalar functions: a name, what it is for, an example that the tests run, and overloads, each with
// a kernel. A kernel over whole columns is used where speed matters; a kernel over one row of
// values suffices elsewhere, and the engine wraps it.

public import HeadraceColumns

public struct ScalarFunction: Sendable {
  public var name: String
  /// Family in the documentation: "Math", "String", ...
  public var family: String
  /// One or two sentences in our own words.
  public var doc: String
  /// An expression and the text of its result: `("ABS(-3)", "3")`; nil where it has none (RANDOM).
  public var example: (expression: String, result: String)?
  public var overloads: [ScalarOverload]

  public init(
    _ name: String, family: String, doc: String, example: (String, String)? = nil,
    overloads: [ScalarOverload]
  ) {
    self.name = name
    self.family = family
    self.doc = doc
    self.example = example.map { (expression: $0.0, result: $0.1) }
    self.overloads = overloads
  }
}

public struct ScalarOverload: Sendable {
  public var signature: Signature
  /// true: a NULL argument gives NULL without a call of the kernel.
  public var isStrict: Bool
  public var kernel: ScalarKernel

  public init(_ signature: Signature, isStrict: Bool = true, kernel: ScalarKernel) {
    self.signature = signature
    self.isStrict = isStrict
    self.kernel = kernel
  }

  /// An overload that is computed row by row.
  public init(
    _ parameters: [ParameterType], variadic: Int? = nil, _ result: ParameterType,
    isStrict: Bool = true,
    row: @escaping @Sendable ([Value]) throws(FunctionError) -> Value
  ) {
    self.init(
      Signature(parameters, variadic: variadic, result), isStrict: isStrict, kernel: .row(row))
  }
}

public enum ScalarKernel: Sendable {
  /// Shape: n argument columns of equal length -> one column of that length. The column of a strict
  /// overload may hold anything where an argument is NULL; the caller masks those rows.
  case vector(@Sendable (VectorCall) -> VectorResult)
  case row(@Sendable ([Value]) throws(FunctionError) -> Value)
  /// Needs more than its arguments: the row's identity, the epoch's clock, or a lambda.
  case special(SpecialFunction)
}

/// What the executor itself computes.
public enum SpecialFunction: Sendable {
  case transform, filter, reduce
  /// UNIX_TIMESTAMP() and UNIX_DATE(): the clock that the epoch recorded.
  case epochTimestamp, epochDate
  /// RANDOM() and UUID(): from the query's seed and the row's position.
  case random, uuid
}

public struct VectorCall: Sendable {
  public var arguments: [Column]
  public var argumentTypes: [DataType]
  public var resultType: DataType
  public var count: Int

  public init(
    arguments: [Column], argumentTypes: [DataType], resultType: DataType, count: Int
  ) {
    self.arguments = arguments
    self.argumentTypes = argumentTypes
    self.resultType = resultType
    self.count = count
  }
}

public struct VectorResult: Sendable {
  public var column: Column
  /// Rows whose evaluation failed; nil: none.
  public var errors: Bitmap?
  /// What was wrong with the first of them.
  public var message: String?

  public init(_ column: Column, errors: Bitmap? = nil, message: String? = nil) {
    self.column = column
    self.errors = errors
    self.message = message
  }
}

/// Table functions: one row in, any number of rows out.
public struct TableFunction: Sendable {
  public var name: String
  public var doc: String
  public var overloads: [TableOverload]

  public init(_ name: String, doc: String, overloads: [TableOverload]) {
    self.name = name
    self.doc = doc
    self.overloads = overloads
  }
}

public struct TableOverload: Sendable {
  /// Returns the type of one output row.
  public var signature: Signature
  public var rows: @Sendable ([Value]) throws(FunctionError) -> [Value]

  public init(
    _ signature: Signature, rows: @escaping @Sendable ([Value]) throws(FunctionError) -> [Value]
  ) {
    self.signature = signature
    self.rows = rows
  }
}
