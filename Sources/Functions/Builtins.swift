// The built-in functions: one line each family.

extension FunctionRegistry {
  /// Everything that ships with the engine.
  public static let builtin: FunctionRegistry = FunctionRegistry()
}
