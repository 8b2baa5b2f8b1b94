// One registry of all functions of an engine: the built-in ones and what its user adds.
// Overloads are chosen as ksqlDB's UdfIndex does: exact types first, then by implicit casts, a
// variadic overload last; NULL matches anything.

public import Columns

public struct FunctionRegistry: Sendable {
  public private(set) var scalars: [String: ScalarFunction] = [:]
  public private(set) var aggregates: [String: AggregateFunction] = [:]
  public private(set) var tables: [String: TableFunction] = [:]

  public init() {}

  public mutating func add(_ function: ScalarFunction) { scalars[function.name] = function }
  public mutating func add(_ function: AggregateFunction) { aggregates[function.name] = function }
  public mutating func add(_ function: TableFunction) { tables[function.name] = function }

  /// All names, sorted.
  public var names: [String] {
    (Array(scalars.keys) + Array(aggregates.keys) + Array(tables.keys)).sorted()
  }
}

/// The type of an argument as far as overload resolution knows it.
public enum ArgumentType: Hashable, Sendable {
  /// nil: a NULL literal, whose type nobody knows.
  case value(DataType?)
  /// A lambda with so many parameters; its types follow from the other arguments.
  case lambda(parameters: Int)
  case unit
}

/// What resolution found.
public struct Resolution: Sendable {
  /// Index among the overloads.
  public var overload: Int
  /// One for each argument; a lambda has that of its result once known.
  public var parameters: [ParameterType]
  public var bindings: [String: DataType]
}

public enum ResolutionFailure: Error, Sendable {
  case noMatch
  case ambiguous
}

/// Chooses among `signatures` for the given arguments.
public func resolve(
  _ signatures: [Signature], _ arguments: [ArgumentType]
) -> Result<Resolution, ResolutionFailure> {
  var best: (score: [Int], resolution: Resolution)?
  var tied = false
  for (index, signature) in signatures.enumerated() {
    guard let parameters = signature.expanded(count: arguments.count) else { continue }
    var bindings: [String: DataType] = [:]
    var score = [0, signature.variadic == nil ? 0 : 1, 0, 0]
    var matches = true
    for (argument, parameter) in zip(arguments, parameters) {
      guard let cost = match(argument, parameter, &bindings) else {
        matches = false
        break
      }
      score[0] += cost == 0 ? 0 : 1
      score[2] += cost
      switch parameter {
      case .variable, .any: score[3] += 1
      default: break
      }
    }
    guard matches else { continue }
    let resolution = Resolution(overload: index, parameters: parameters, bindings: bindings)
    guard let (bestScore, _) = best else {
      best = (score, resolution)
      continue
    }
    if score.lexicographicallyPrecedes(bestScore) {
      best = (score, resolution)
      tied = false
    } else if score == bestScore {
      tied = true
    }
  }
  guard let best else { return .failure(.noMatch) }
  // A NULL literal fits several overloads equally well; the first one is taken then only if all
  // of its candidates agree in everything but the NULL.
  if tied && arguments.contains(.value(nil)) && best.score[2] == 0 && arguments.count == 1 {
    return .failure(.ambiguous)
  }
  return .success(best.resolution)
}

private func width(_ type: DataType) -> Int? {
  switch type {
  case .int: return 0
  case .bigint: return 1
  case .decimal: return 2
  case .double: return 3
  case .boolean, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure: return nil
  }
}

/// 0 for an exact match, more for each step of widening, nil for none.
private func match(
  _ argument: ArgumentType, _ parameter: ParameterType, _ bindings: inout [String: DataType]
) -> Int? {
  switch (argument, parameter) {
  case (.unit, .unit): return 0
  case (.lambda(let count), .lambda(let inputs, _)): return count == inputs.count ? 0 : nil
  case (.value(nil), .lambda), (.value(nil), .unit): return nil
  case (.value(nil), _): return 0
  case (.value(let type?), _): return match(type, parameter, &bindings)
  default: return nil
  }
}

private func match(
  _ type: DataType, _ parameter: ParameterType, _ bindings: inout [String: DataType]
) -> Int? {
  switch parameter {
  case .exact(let wanted):
    if type == wanted { return 0 }
    if case .decimal = wanted, case .decimal = type { return 1 }
    if let from = width(type), let to = width(wanted), from < to { return to - from }
    return nil
  case .any: return 0
  case .anyDecimal:
    if case .decimal = type { return 0 }
    if type == .int { return 2 }
    if type == .bigint { return 1 }
    return nil
  case .variable(let name):
    guard let bound = bindings[name] else {
      bindings[name] = type
      return 0
    }
    if bound == type { return 0 }
    if let from = width(type), let to = width(bound) {
      // A later, wider number widens the variable; the earlier arguments are cast.
      if from > to { bindings[name] = type }
      if case (.decimal, .decimal) = (type, bound) { return 1 }
      return abs(from - to)
    }
    return nil
  case .array(let element):
    guard case .array(let inner) = type else { return nil }
    return match(inner, element, &bindings)
  case .map(let key, let value):
    guard case .map(let innerKey, let innerValue) = type,
      let first = match(innerKey, key, &bindings),
      let second = match(innerValue, value, &bindings)
    else { return nil }
    return first + second
  case .anyStruct:
    if case .structure = type { return 0 }
    return nil
  case .lambda, .unit: return nil
  }
}

/// The concrete type of a parameter under bindings; nil while a variable is free.
public func concrete(_ parameter: ParameterType, _ bindings: [String: DataType]) -> DataType? {
  switch parameter {
  case .exact(let type): return type
  case .variable(let name): return bindings[name]
  case .array(let element): return concrete(element, bindings).map { .array($0) }
  case .map(let key, let value):
    guard let key = concrete(key, bindings), let value = concrete(value, bindings) else {
      return nil
    }
    return .map(key: key, value: value)
  case .any, .anyDecimal, .anyStruct, .lambda, .unit: return nil
  }
}
