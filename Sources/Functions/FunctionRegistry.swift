// One registry of all functions of an engine: the built-in ones and what its user adds.
// Overloads are chosen as ksqlDB's UdfIndex does: exact types first, then by implicit casts, a
// variadic overload last; NULL matches anything.

public import HeadraceColumns
public import HeadraceFoundations

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
/// choice, then fewer parameters, then more type variables. Among equally good ones, unlike there,
/// that which widens the arguments least is taken; else they are an ambiguity.
public func resolve(
  _ signatures: [Signature], _ arguments: [ArgumentType]
) -> Result<Resolution, ResolutionFailure> {
  let found = signatures.enumerated().compactMap { index, signature in
    candidate(index, signature, arguments)
  }
  for round in [found.filter { !$0.needsCast }, found] {
    guard let best = round.max(by: { $0.rank.lexicographicallyPrecedes($1.rank) }) else { continue }
    let equals = round.filter { $0.rank == best.rank }
    guard equals.count > 1 else { return .success(best.resolution) }
    // Numbers of several types go where they widen least, which is their common type.
    let least = equals.map(\.cost).min()
    let nearest = equals.filter { $0.cost == least }
    if let only = nearest.first, nearest.count == 1 { return .success(only.resolution) }
    return .failure(.ambiguous)
  }
  return .failure(.noMatch)
}

private struct Candidate {
  var resolution: Resolution
  /// Steps of widening in all arguments.
  var cost: Int
  var needsCast: Bool { cost > 0 }
  /// Higher is better.
  var rank: [Int]
}

private func candidate(
  _ index: Int, _ signature: Signature, _ arguments: [ArgumentType]
) -> Candidate? {
  guard let parameters = signature.expanded(count: arguments.count) else { return nil }
  var bindings: [TextKey: DataType] = [:]
  var total = 0
  for (argument, parameter) in zip(arguments, parameters) {
    guard let cost = match(argument, parameter, &bindings) else { return nil }
    total += cost
  }
  let variables = signature.parameters.count { parameter in
    switch parameter {
    case .variable, .any: return true
    default: return false
    }
  }
  return Candidate(
    resolution: Resolution(overload: index, parameters: parameters, bindings: bindings),
    cost: total,
    rank: [signature.variadic == nil ? 1 : 0, signature.parameters.count, -variables])
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
    if let from = type.numericRank, let to = wanted.numericRank, from < to { return to - from }
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
    // A later argument may widen the variable; the earlier ones are cast.
    guard let common = bound.widened(with: type) else { return nil }
    bindings[name] = common
    guard let from = type.numericRank, let to = bound.numericRank else { return 1 }
    return max(1, abs(from - to))
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
