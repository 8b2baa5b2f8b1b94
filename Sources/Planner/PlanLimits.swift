// The bounds of what a statement may plan. `Docs/Limits.md` lists them all.

import HeadraceColumns
import HeadraceSyntax

public enum PlanLimits {
  /// Of a source and of a SELECT.
  public static let columnsMax = 4096
  /// That a query reads, however they are joined, united or nested. Positions keep eight bits for
  /// them.
  public static let sourcesMax = 256
  /// That are looked at while a query is bound: a common table is bound again wherever it is named.
  static let boundSourcesMax = 4096
  public static let partitionsMax = 10_000
  /// That GROUPING SETS, ROLLUP and CUBE come to: each row is taken once for each.
  public static let groupingSetsMax = 64
  /// Overlapping windows that a row falls into; a week by the minute has 10,080.
  public static let windowsOfRowMax: Int64 = 20_000
  /// That a frame reaches behind or ahead of its row.
  public static let frameRowsMax: Int64 = 1_000_000
  /// ARRAY, MAP and STRUCT within each other.
  public static let typeDepthMax = 64
}

extension PlanError {
  /// Throws: too-many-columns.
  static func check(columns count: Int, of what: String, at span: Span) throws(PlanError) {
    guard count > PlanLimits.columnsMax else { return }
    throw .tooManyColumns(of: what, at: span)
  }
}

extension DataType {
  /// 0 for a plain type.
  var depth: Int {
    switch self {
    case .array(let element): element.depth + 1
    case .map(let key, let value): max(key.depth, value.depth) + 1
    case .structure(let fields): (fields.map(\.type.depth).max() ?? 0) + 1
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp: 0
    }
  }

  /// Types and fields within it, itself included. Named types are bounded each, so this comes to an
  /// end.
  var parts: Int {
    switch self {
    case .array(let element): element.parts + 1
    case .map(let key, let value): key.parts + value.parts + 1
    case .structure(let fields): fields.reduce(1) { $0 + $1.type.parts }
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp: 1
    }
  }
}
