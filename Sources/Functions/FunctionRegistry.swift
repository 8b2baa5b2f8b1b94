// One registry of all functions of an engine: the built-in ones and what its user adds.
// Overloads are chosen as ksqlDB's UdfIndex does: exact types first, then by implicit casts, a
// variadic overload last; NULL matches anything.

public import Columns
public import Foundations

public struct FunctionRegistry: Sendable {
  public private(set) var scalars: [TextKey: ScalarFunction] = [:]
  public private(set) var aggregates: [TextKey: AggregateFunction] = [:]
  public private(set) var tables: [TextKey: TableFunction] = [:]

  public init() {}

  public mutating func add(_ function: ScalarFunction) { scalars[function.name] = function }
  public mutating func add(_ function: AggregateFunction) { aggregates[function.name] = function }
  public mutating func add(_ function: TableFunction) { tables[function.name] = function }

  /// All names, sorted.
  public var names: [String] {
    (scalars.sortedNames + aggregates.sortedNames + tables.sortedNames).sorted()
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
  public var bindings: [TextKey: DataType]
}

public enum ResolutionFailure: Error, Sendable {
  case noMatch
  case ambiguous
}

/// Chooses among `signatures` for the given arguments, as ksqlDB does: overloads that fit without a
/// cast first, then those that fit with casts; in each round a variadic overload is the worst
/// choice, then fewer parameters, then more type variables. Equally good ones are an ambiguity.
public func resolve(
  _ signatures: [Signature], _ arguments: [ArgumentType]
) -> Result<Resolution, ResolutionFailure> {
  let found = signatures.enumerated().compactMap { index, signature in
    candidate(index, signature, arguments)
  }
  for round in [found.filter { !$0.needsCast }, found] {
    guard let best = round.max(by: { $0.rank.lexicographicallyPrecedes($1.rank) }) else { continue }
    if round.count(where: { $0.rank == best.rank }) > 1 { return .failure(.ambiguous) }
    return .success(best.resolution)
  }
  return .failure(.noMatch)
}

private struct Candidate {
  var resolution: Resolution
  var needsCast: Bool
  /// Higher is better.
  var rank: [Int]
}

private func candidate(
  _ index: Int, _ signature: Signature, _ arguments: [ArgumentType]
) -> Candidate? {
  guard let parameters = signature.expanded(count: arguments.count) else { return nil }
  var bindings: [TextKey: DataType] = [:]
  var needsCast = false
  for (argument, parameter) in zip(arguments, parameters) {
    guard let cost = match(argument, parameter, &bindings) else { return nil }
    if cost > 0 { needsCast = true }
  }
  let variables = signature.parameters.count { parameter in
    switch parameter {
    case .variable, .any: return true
    default: return false
    }
  }
  return Candidate(
    resolution: Resolution(overload: index, parameters: parameters, bindings: bindings),
    needsCast: needsCast,
    rank: [signature.variadic == nil ? 1 : 0, signature.parameters.count, -variables])
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
  _ argument: ArgumentType, _ parameter: ParameterType, _ bindings: inout [TextKey: DataType]
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
  _ type: DataType, _ parameter: ParameterType, _ bindings: inout [TextKey: DataType]
) -> Int? {
  switch parameter {
  case .exact(let wanted):
    if type == wanted { return 0 }
    if case .decimal = wanted, case .decimal = type { return 1 }
    if let from = width(type), let to = width(wanted), from < to { return to - from }
    if type == .string, wanted == .date || wanted == .time || wanted == .timestamp { return 1 }
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
public func concrete(_ parameter: ParameterType, _ bindings: [TextKey: DataType]) -> DataType? {
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
