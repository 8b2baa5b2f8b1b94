// Signatures: what types an overload takes and gives. Type variables bind to the first argument
// that fixes them; numbers widen where the overload asks for a wider one.

public import HeadraceColumns
import HeadraceFoundations

/// The type of a parameter, possibly with type variables.
public indirect enum ParameterType: Hashable, Sendable {
  case exact(DataType)
  /// Any type at all; each argument may have another.
  case any
  /// A DECIMAL of any precision and scale.
  case anyDecimal
  /// A type variable; the same name binds to the same type in one call.
  case variable(String)
  case array(ParameterType)
  case map(ParameterType, ParameterType)
  /// A STRUCT of any fields.
  case anyStruct
  case lambda([ParameterType], ParameterType)
  /// A time unit word: DAYS, HOURS, ...
  case unit

  public static let boolean = ParameterType.exact(.boolean)
  public static let int = ParameterType.exact(.int)
  public static let bigint = ParameterType.exact(.bigint)
  public static let double = ParameterType.exact(.double)
  public static let string = ParameterType.exact(.string)
  public static let bytes = ParameterType.exact(.bytes)
  public static let date = ParameterType.exact(.date)
  public static let time = ParameterType.exact(.time)
  public static let timestamp = ParameterType.exact(.timestamp)
  public static let T = ParameterType.variable("T")
}

extension ParameterType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .exact(let type): return type.description
    case .any: return "ANY"
    case .anyDecimal: return "DECIMAL"
    case .variable(let name): return name
    case .array(let element): return "ARRAY<\(element)>"
    case .map(let key, let value): return "MAP<\(key), \(value)>"
    case .anyStruct: return "STRUCT"
    case .lambda(let inputs, let output):
      return "LAMBDA (\(inputs.map(\.description).joined(separator: ", "))) => \(output)"
    case .unit: return "INTERVALUNIT"
    }
  }
}

/// How the type of the result follows from those of the arguments.
public enum ReturnType: Sendable {
  case pattern(ParameterType)
  /// Gets the argument types and, where an argument is a literal, its value; a thrown
  /// `FunctionError` is shown at the call.
  case computed(@Sendable ([DataType?], [Value?]) throws(FunctionError) -> DataType)
}

public struct Signature: Sendable {
  public var parameters: [ParameterType]
  /// Index of the parameter that may occur any number of times (0 included); nil: none.
  public var variadic: Int?
  public var returns: ReturnType

  public init(_ parameters: [ParameterType], variadic: Int? = nil, returns: ReturnType) {
    self.parameters = parameters
    self.variadic = variadic
    self.returns = returns
  }

  public init(_ parameters: [ParameterType], variadic: Int? = nil, _ result: ParameterType) {
    self.init(parameters, variadic: variadic, returns: .pattern(result))
  }

  /// The parameters as they stand for a call with `count` arguments; nil when no call has so many.
  public func expanded(count: Int) -> [ParameterType]? {
    guard let variadic else { return count == parameters.count ? parameters : nil }
    let repeats = count - (parameters.count - 1)
    guard repeats >= 0 else { return nil }
    return Array(parameters[..<variadic])
      + Array(repeating: parameters[variadic], count: repeats)
      + Array(parameters[(variadic + 1)...])
  }
}

extension Signature: CustomStringConvertible {
  public var description: String {
    let texts = parameters.enumerated().map { index, parameter in
      parameter.description + (index == variadic ? "..." : "")
    }
    return "(" + texts.joined(separator: ", ") + ")"
  }
}

/// A failed evaluation of one row, or a call that cannot be planned. In a row it makes the whole
/// expression NULL and is counted; the text goes to the processing log.
public struct FunctionError: Error, Sendable, Hashable {
  public var message: String

  public init(_ message: String) { self.message = message }
}
