// The bounds that keep hostile and machine-made statements from exhausting the stack.

/// Bounds of one parse.
public struct ParserLimits: Hashable, Sendable {
  /// Units: bytes.
  public var textBytesMax = 1 << 20
  /// How deep parentheses, calls, types, CASE, NOT, signs, derived tables and EXPLAIN may nest,
  /// all counted together.
  public var nestingMax = 256
  /// How many operators may lie above one operand, as in a long chain of `+` or OR. Everything
  /// that walks a tree recurses at most this deep.
  public var heightMax = 1_000
  /// How many joins one FROM may hold.
  public var joinsMax = 256
  /// How many diagnostics of a script are worth reading.
  public var diagnosticsMax = 100

  public static let standard = ParserLimits()

  public init() {}
}
