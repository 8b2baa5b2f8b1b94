// Function calls: choosing the overload, casting the arguments, typing lambdas.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

extension ExpressionBinder {
  func bind(_ node: FunctionCall) throws(PlanError) -> Typed {
    let functions = context.catalog.functions
    let name = node.name.name.uppercased()
    let expressionText = text(of: .call(node))
    if name == "GROUPING" {
      guard let bindGrouping else { throw .groupingWithoutSets(at: node.span) }
      return Typed(try bindGrouping(node), text: expressionText)
    }
    if node.nulls != nil, node.over == nil { throw .nullTreatment(name, at: node.span) }
    if let over = node.over {
      guard let bindOver else { throw .misplacedOver(name, clause: clause, at: node.span) }
      return Typed(try bindOver(node, over), text: expressionText)
    }
    if let aggregate = functions.aggregates[name] {
      guard let bindAggregate else {
        throw .misplacedAggregate(name, clause: clause, at: node.span)
      }
      return Typed(try bindAggregate(node, aggregate), text: expressionText)
    }
    let isAggregate =
      node.isDistinct || node.filter != nil || !node.order.isEmpty || !node.withinGroup.isEmpty
    if isAggregate,
      functions.scalars[name] != nil || functions.tables[name] != nil
    {
      throw inClause(.aggregateExpected(name, at: node.span))
    }
    if let table = functions.tables[name] {
      guard let bindTableFunction else {
        throw .misplacedTableFunction(name, at: node.span)
      }
      return Typed(try bindTableFunction(node, table), text: expressionText)
    }
    guard functions.scalars[name] != nil else {
      if OverFunction.named(name) != nil { throw .withoutOver(name, at: node.span) }
      throw .unknownFunction(node.name.name, candidates: functions.names, at: node.name.span)
    }
    return try call(name, node.arguments, at: node.span, text: expressionText)
  }

  /// An argument that is no lambda, or a time unit.
  private enum Argument {
    case value(Typed)
    case lambda(LambdaExpression)
    case unit(String)
  }

  func call(
    _ name: String, _ expressions: [Expression], at span: Span, text: String
  ) throws(PlanError) -> Typed {
    var arguments: [Argument] = []
    let unitPositions = unitParameters(of: name)
    for (index, expression) in expressions.enumerated() {
      switch expression {
      case .lambda(let lambda): arguments.append(.lambda(lambda))
      case .intervalUnit(let node): arguments.append(.unit(node.unit.rawValue))
      case .column(let column)
      where unitPositions.contains(index) && column.source == nil
        && IntervalUnit.named(column.name.name) != nil
        && !scope.entries.contains { $0.column.name == column.name.name }:
        arguments.append(.unit(IntervalUnit.named(column.name.name)?.rawValue ?? ""))
      default: arguments.append(.value(try bind(expression)))
      }
    }
    return try resolveCall(name, arguments, at: span, text: text)
  }

  func call(
    _ name: String, _ arguments: [Typed], at span: Span, text: String, strict: Bool
  ) throws(PlanError) -> Typed {
    let typed = try resolveCall(name, arguments.map { .value($0) }, at: span, text: text)
    // `a + b` is NULL where a side is, unlike CONCAT.
    guard strict, case .call(var call) = typed.expression else { return typed }
    call.isStrict = true
    return Typed(.call(call), text: text)
  }

  private func unitParameters(of name: String) -> Set<Int> {
    var result: Set<Int> = []
    for overload in context.catalog.functions.scalars[name]?.overloads ?? [] {
      for (index, parameter) in overload.signature.parameters.enumerated()
      where parameter == .unit {
        result.insert(index)
      }
    }
    return result
  }

  private func resolveCall(
    _ name: String, _ arguments: [Argument], at span: Span, text: String
  ) throws(PlanError) -> Typed {
    guard let function = context.catalog.functions.scalars[name] else {
      throw .unknownFunction(name, candidates: [], at: span)
    }
    let types = arguments.map { argument -> ArgumentType in
      switch argument {
      case .value(let typed): return .value(typed.type)
      case .lambda(let lambda): return .lambda(parameters: lambda.parameters.count)
      case .unit: return .unit
      }
    }
    let signatures = function.overloads.map(\.signature)
    let resolution: Resolution
    switch resolve(signatures, types) {
    case .success(let found): resolution = found
    case .failure(let failure):
      let texts = arguments.map { argument in
        if case .value(let typed) = argument { typed.text } else { "" }
      }
      throw callError(failure, name, types, signatures, at: span, texts: texts)
    }
    var bindings = resolution.bindings
    var bound: [BoundExpression] = []
    for (argument, parameter) in zip(arguments, resolution.parameters) {
      switch argument {
      case .value(let typed): bound.append(argumentCast(typed, parameter, bindings))
      case .unit(let unit): bound.append(.literal(.string(unit), .string))
      case .lambda(let lambda):
        guard case .lambda(let inputs, let output) = parameter else {
          throw callError(.noMatch, name, types, signatures, at: span, texts: [])
        }
        bound.append(try bindLambda(lambda, inputs, output, &bindings))
      }
    }
    let type = try resultType(
      function.overloads[resolution.overload].signature, bound, types, bindings, name, span)
    let call = BoundCall(
      function: name, overload: resolution.overload, arguments: bound, type: type,
      site: function.overloads[resolution.overload].kernel.isRandom ? context.newSite() : 0)
    return Typed(.call(call), text: text)
  }

  private func resultType(
    _ signature: Signature, _ arguments: [BoundExpression], _ types: [ArgumentType],
    _ bindings: [TextKey: DataType], _ name: String, _ span: Span
  ) throws(PlanError) -> DataType {
    switch signature.returns {
    case .pattern(let pattern): return concrete(pattern, bindings) ?? .string
    case .computed(let compute):
      let known = zip(arguments, types).map { argument, type -> DataType? in
        type == .value(nil) ? nil : argument.type
      }
      let literals = arguments.map { argument -> Value? in
        if case .literal(let value, _) = argument { return value }
        return nil
      }
      do {
        return try compute(known, literals)
      } catch {
        throw inClause(.argumentRefused(by: name.lowercased(), reason: error.message, at: span))
      }
    }
  }

  func argumentCast(
    _ argument: Typed, _ parameter: ParameterType, _ bindings: [TextKey: DataType]
  ) -> BoundExpression {
    if let wanted = concrete(parameter, bindings) { return argument.cast(to: wanted) }
    if case .anyDecimal = parameter, let type = argument.type?.asDecimal {
      return argument.cast(to: type)
    }
    return argument.cast(to: argument.type ?? .string)
  }

  private func bindLambda(
    _ lambda: LambdaExpression, _ inputs: [ParameterType], _ output: ParameterType,
    _ bindings: inout [TextKey: DataType]
  ) throws(PlanError) -> BoundExpression {
    var binder = self
    var columns: [PlanColumn] = []
    for (parameter, input) in zip(lambda.parameters, inputs) {
      guard let type = concrete(input, bindings) else {
        throw inClause(.lambdaParameterType(parameter.name, at: parameter.span))
      }
      let column = context.newColumn(parameter.name, type)
      columns.append(column)
      binder.lambdaParameters.append((name: parameter.name, column: column))
    }
    binder.bindAggregate = nil
    binder.bindTableFunction = nil
    binder.bindOver = nil
    let body = try binder.bind(lambda.body)
    let type: DataType
    if case .variable(let variable) = output, bindings[variable] == nil {
      type = body.type ?? .string
      bindings[variable] = type
    } else {
      type = concrete(output, bindings) ?? body.type ?? .string
      if let bodyType = body.type, bodyType != type, !bodyType.canImplicitlyCast(to: type) {
        throw inClause(.lambdaResult(bodyType, expected: type, at: lambda.span))
      }
    }
    return .lambda(
      BoundLambda(
        parameters: columns.map(\.id), parameterTypes: columns.map(\.type),
        body: body.cast(to: type)))
  }

  /// `texts`: the arguments as they were written.
  func callError(
    _ failure: ResolutionFailure, _ name: String, _ types: [ArgumentType],
    _ signatures: [Signature], at span: Span, texts arguments: [String]
  ) -> PlanError {
    let texts = types.map { type -> String in
      switch type {
      case .value(let type): return type?.description ?? "null"
      case .lambda: return "LAMBDA"
      case .unit: return "INTERVALUNIT"
      }
    }
    let shown = "(\(texts.joined(separator: ", ")))"
    let lower = name.lowercased()
    let valid = signatures.map { "\(lower)\($0)" }.joined(separator: "\n")
    guard failure == .ambiguous else {
      return inClause(.noOverload(of: lower, with: shown, alternatives: valid, at: span))
    }
    return inClause(
      .ambiguousCall(
        of: lower, with: shown, cast: disambiguated(lower, types, signatures, arguments),
        alternatives: valid, at: span))
  }

  /// The call with the fewest casts that leave one form only.
  private func disambiguated(
    _ name: String, _ types: [ArgumentType], _ signatures: [Signature], _ arguments: [String]
  ) -> String? {
    guard types.count == arguments.count else { return nil }
    var best: (text: String, casts: Int)?
    for signature in signatures {
      guard let parameters = signature.expanded(count: types.count) else { continue }
      var texts: [String] = []
      var casts = 0
      for (index, (type, parameter)) in zip(types, parameters).enumerated() {
        guard case .value(let type) = type, case .exact(let wanted) = parameter else { break }
        guard type?.canImplicitlyCast(to: wanted) ?? true else { break }
        casts += type == wanted ? 0 : 1
        texts.append(
          type == wanted ? arguments[index] : "CAST(\(arguments[index]) AS \(wanted))")
      }
      guard texts.count == types.count, casts < best?.casts ?? .max else { continue }
      best = ("\(name.uppercased())(\(texts.joined(separator: ", ")))", casts)
    }
    return best?.text
  }
}

extension ScalarKernel {
  /// Whether two calls with the same arguments differ; all others are equal expressions.
  fileprivate var isRandom: Bool {
    switch self {
    case .special(.random), .special(.uuid): return true
    case .special, .row, .vector: return false
    }
  }
}

extension IntervalUnit {
  /// DAY and DAYS alike.
  static func named(_ text: String) -> IntervalUnit? {
    let upper = text.uppercased()
    return IntervalUnit(rawValue: upper) ?? IntervalUnit(rawValue: upper + "S")
  }
}
