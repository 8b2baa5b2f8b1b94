// Which types and how many columns each format can carry, and when a single column may stand
// unwrapped.

package import HeadraceColumns
package import HeadraceFormats
import HeadraceFoundations
package import HeadraceSyntax

extension FormatSpec {
  /// `isLine`: whole rows, lines of a file, where DELIMITED holds nested values as JSON.
  /// Throws: unsupported-type, single-field, none-format, map-key.
  package func check(
    _ columns: [SchemaColumn], isKey: Bool, at span: Span, isLine: Bool = false
  ) throws(PlanError) {
    if isKey { try Self.checkMapKeys(columns, at: span) }
    let side = isKey ? "Key" : "Value"
    try checkCount(columns, side, at: span)
    for column in columns {
      try Self.check(column, in: format, side, at: span, isLine: isLine)
    }
  }

  private func checkCount(
    _ columns: [SchemaColumn], _ side: String, at span: Span
  ) throws(PlanError) {
    var listed: String { Schema(columns).description }
    switch format.holds.columns {
    case .one where columns.count > 1:
      throw .severalFields(side: side, format: format.name, columns: listed, at: span)
    case .none where !columns.isEmpty:
      throw .noneFormatColumns(side: side, format: format.name, columns: listed, at: span)
    case .none, .one, .several: return
    }
  }

  private static func check(
    _ column: SchemaColumn, in format: RecordFormat, _ side: String, at span: Span, isLine: Bool
  ) throws(PlanError) {
    if isLine, TypeKind.nested.contains(column.type.typeKind), let nested = format.lines?.nested {
      return try check(column, in: nested, side, at: span, isLine: false)
    }
    if let unsupported = format.holds.unsupported(in: column.type) {
      throw .formatType(
        unsupported.rawValue, side: side, format: format.name, column: column.name, at: span)
    }
    if let refusal = format.holds.refusal(column.type) {
      throw .formatRefusal(
        refusal, side: side, format: format.name, column: column.name, at: span)
    }
  }

  static func checkMapKeys(_ keys: [SchemaColumn], at span: Span) throws(PlanError) {
    for column in keys where column.type.containsMap {
      throw .mapKey(column.name, type: column.type, at: span)
    }
  }
}

extension WithProperties {
  /// The value format with its wrapping decided.
  func wrapping(
    _ format: FormatSpec, valueCount: Int, properties session: [TextKey: String]
  ) throws(PlanError) -> FormatSpec {
    let supports = format.format.wrapping.supports
    var result = format
    if let wrap = try boolean("WRAP_SINGLE_VALUE") {
      guard valueCount == 1 else {
        throw .wrappingOfSeveral(at: span(of: "WRAP_SINGLE_VALUE"))
      }
      guard supports(wrap) else {
        throw .wrappingRefused(
          wrap, format: format.format.name, at: span(of: "WRAP_SINGLE_VALUE"))
      }
      // Formats that know only one way do not show it as a feature.
      result.wrapSingle = supports(!wrap) ? wrap : nil
    } else if valueCount == 1, session["ksql.persistence.wrap.single.values"] == "false",
      supports(false), supports(true)
    {
      result.wrapSingle = false
    } else {
      result.wrapSingle = nil
    }
    return result
  }
}
