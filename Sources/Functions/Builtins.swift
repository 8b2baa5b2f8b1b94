// The built-in functions: one line each family.

extension FunctionRegistry {
  /// Everything that ships with the engine.
  public static let builtin: FunctionRegistry = {
    var registry = FunctionRegistry()
    for function in NumberAggregates.all { registry.add(function) }
    for function in ListAggregates.all { registry.add(function) }
    for function in OffsetAggregates.all { registry.add(function) }
    for function in StatisticAggregates.all { registry.add(function) }
    for function in DistinctAggregates.all { registry.add(function) }
    for function in ReservationAggregates.all { registry.add(function) }
    for function in MomentAggregates.all { registry.add(function) }
    for function in LogicAggregates.all { registry.add(function) }
    for function in QuantileAggregates.all { registry.add(function) }
    for function in RowAggregates.all { registry.add(function) }
    for function in RealFunctions.all { registry.add(function) }
    for function in RoundingFunctions.all { registry.add(function) }
    for function in ExtremeFunctions.all { registry.add(function) }
    for function in StringFunctions.all { registry.add(function) }
    for function in MaskFunctions.all { registry.add(function) }
    for function in EncodingFunctions.all { registry.add(function) }
    for function in ByteFunctions.all { registry.add(function) }
    for function in URLFunctions.all { registry.add(function) }
    for function in RegexFunctions.all { registry.add(function) }
    for function in DateFunctions.all { registry.add(function) }
    for function in DateArithmetic.all { registry.add(function) }
    for function in JSONFunctions.all { registry.add(function) }
    for function in NullFunctions.all { registry.add(function) }
    for function in ArrayFunctions.all { registry.add(function) }
    for function in MapFunctions.all { registry.add(function) }
    for function in LambdaFunctions.all { registry.add(function) }
    for function in OtherFunctions.all { registry.add(function) }
    for function in ArrayTables.all { registry.add(function) }
    return registry
  }()
}
