// Fields of the STRUCTs that INSERT VALUES and ASSERT VALUES name: a cast would leave out those
// that the column has not.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

enum StructFields {
  /// Throws: unknown-field, at the field where it is written.
  static func check(
    _ expression: Expression, _ from: DataType, _ to: DataType, column: String
  ) throws(PlanError) {
    switch (expression, to) {
    case (.structure(let node), .structure(let fields)):
      for entry in node.fields {
        guard let field = fields.first(where: { $0.name == entry.name.name }) else {
          throw unknown(entry.name.name, fields, column, at: entry.name.span)
        }
        let own = from.field(entry.name.name) ?? field.type
        try check(entry.value, own, field.type, column: column)
      }
    case (.array(let node), .array(let element)):
      for part in node.elements {
        try check(part, from.element ?? element, element, column: column)
      }
    case (.map(let node), .map(_, let value)):
      for entry in node.entries {
        try check(entry.value, from.element ?? value, value, column: column)
      }
    default: try check(from, to, column: column, at: expression.span)
    }
  }

  /// The same of a value whose constructor is not in sight.
  private static func check(
    _ from: DataType, _ to: DataType, column: String, at span: Span
  ) throws(PlanError) {
    switch (from, to) {
    case (.structure(let own), .structure(let fields)):
      for part in own {
        guard let field = fields.first(where: { $0.name == part.name }) else {
          throw unknown(part.name, fields, column, at: span)
        }
        try check(part.type, field.type, column: column, at: span)
      }
    case (.array(let own), .array(let element)):
      try check(own, element, column: column, at: span)
    case (.map(_, let own), .map(_, let value)): try check(own, value, column: column, at: span)
    default: return
    }
  }

  private static func unknown(
    _ name: String, _ fields: [StructField], _ column: String, at span: Span
  ) -> PlanError {
    let names = fields.map(\.name)
    return .unknownStructField(name, column: column, fields: names, at: span)
  }
}

extension DataType {
  fileprivate func field(_ name: String) -> DataType? {
    guard case .structure(let fields) = self else { return nil }
    return fields.first { $0.name == name }?.type
  }

  /// Of an ARRAY its elements' type, of a MAP its values'.
  fileprivate var element: DataType? {
    switch self {
    case .array(let element), .map(_, let element): element
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp,
      .structure:
      nil
    }
  }
}
