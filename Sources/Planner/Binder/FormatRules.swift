// Which types and how many columns each format can carry, and when a single column may stand unwrapped.

package import HeadraceColumns
import HeadraceFoundations
package import HeadraceSyntax

extension FormatSpec {
  /// `isFile`: lines of a file, where DELIMITED holds nested values as JSON.
  /// Throws: unsupported-type, single-field, none-format, map-key.
  package func check(
    _ columns: [SchemaColumn], isKey: Bool, at span: Span, isFile: Bool = false
  ) throws(PlanError) {
    if isKey { try Self.checkMapKeys(columns, at: span) }
    let side = isKey ? "Key" : "Value"
    switch name {
    case .kafka:
      guard columns.count <= 1 else {
        throw .kafkaFields(side: side, columns: listed(columns), at: span)
      }
    case .none:
      guard columns.isEmpty else {
        throw .noneFormatColumns(side: side, columns: listed(columns), at: span)
      }
    case .json, .delimited, .avro, .protobuf, .protobufNoSR, .jsonSR: break
    }
    let nestsJSON = isFile && name == .delimited
    for column in columns {
      if !nestsJSON, let unsupported = unsupportedType(column.type) {
        throw .formatType(
          unsupported, side: side, format: name.rawValue, column: column.name, at: span)
      }
      if name == .json || nestsJSON, let key = nonStringMapKey(column.type) {
        throw .mapKeyInJSON(key, side: side, column: column.name, at: span)
      }
    }
  }

  static func checkMapKeys(_ keys: [SchemaColumn], at span: Span) throws(PlanError) {
    for column in keys where column.type.containsMap {
      throw .mapKey(column.name, type: column.type, at: span)
    }
  }

  private func listed(_ columns: [SchemaColumn]) -> String {
    Schema(columns).description
  }

  /// The base type that the format cannot carry.
  private func unsupportedType(_ type: DataType) -> String? {
    switch name {
    case .kafka:
      switch type {
      case .int, .bigint, .double, .string, .bytes: return nil
      case .boolean, .decimal, .date, .time, .timestamp, .array, .map, .structure:
        return kindWord(type)
      }
    case .delimited: return type.isNested ? kindWord(type) : nil
    case .json, .none, .avro, .protobuf, .protobufNoSR, .jsonSR: return nil
    }
  }

  private func kindWord(_ type: DataType) -> String {
    switch type {
    case .array: return "ARRAY"
    case .map: return "MAP"
    case .structure: return "STRUCT"
    case .decimal: return "DECIMAL"
    case .boolean, .int, .bigint, .double, .string, .bytes, .date, .time, .timestamp:
      return type.description
    }
  }

  private func nonStringMapKey(_ type: DataType) -> DataType? {
    switch type {
    case .map(let key, let value): return key == .string ? nonStringMapKey(value) : key
    case .array(let element): return nonStringMapKey(element)
    case .structure(let fields):
      return fields.lazy.compactMap { nonStringMapKey($0.type) }.first
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return nil
    }
  }

  /// Whether a single value column can be written with / without an object around it.
  func supportsWrapping(_ wrap: Bool) -> Bool {
    switch name {
    case .json, .avro, .jsonSR: return true
    case .protobuf, .protobufNoSR: return wrap
    case .delimited, .kafka: return !wrap
    case .none: return false
    }
  }
}

extension WithProperties {
  /// The value format with its wrapping decided.
  func wrapping(
    _ format: FormatSpec, valueCount: Int, properties session: [TextKey: String]
  ) throws(PlanError) -> FormatSpec {
    var result = format
    if let wrap = try boolean("WRAP_SINGLE_VALUE") {
      guard valueCount == 1 else {
        throw .wrappingOfSeveral(at: span(of: "WRAP_SINGLE_VALUE"))
      }
      guard format.supportsWrapping(wrap) else {
        throw .wrappingRefused(
          wrap, format: format.name.rawValue, at: span(of: "WRAP_SINGLE_VALUE"))
      }
      // Formats that know only one way do not show it as a feature.
      result.wrapSingle = format.supportsWrapping(!wrap) ? wrap : nil
    } else if valueCount == 1, session["ksql.persistence.wrap.single.values"] == "false",
      format.supportsWrapping(false), format.supportsWrapping(true)
    {
      result.wrapSingle = false
    } else {
      result.wrapSingle = nil
    }
    return result
  }
}
