// What a CREATE STREAM or TABLE came to, kept in its entry of the statement log beside the text: a
// catalog of thousands opens without parsing and binding each of them again. Entries without it, of
// earlier versions or with what is not written here, go by their text.
//
// A text of fields, each as its length in bytes, a colon and its bytes.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

enum BoundSource {
  /// Of the log's entry.
  static let field = "bound"
  private static let version = "1"

  /// nil: it has parts that are found again by planning its statement: connectors, schemas, a
  /// query.
  static func text(_ source: SourceDefinition) -> String? {
    guard source.input == nil, source.followers.isEmpty, source.writtenSchemas.isEmpty,
      source.queryID == nil
    else { return nil }
    var writer = Writer()
    writer.put(version)
    writer.put(source.name)
    writer.put(source.kind.rawValue)
    writer.put(source.topic)
    writer.put(String(source.partitions))
    writer.put(source.isReadOnly ? "source" : "")
    writer.put(source.visibility?.rawValue ?? "")
    writer.put(source.keyFormat)
    writer.put(source.valueFormat)
    writer.put(optional: source.timestamp?.column)
    writer.put(optional: source.timestamp?.format)
    writer.put(optional: source.window?.kind.rawValue)
    writer.put(optional: source.window?.sizeMs.map { String($0) })
    writer.put(String(source.schema.columns.count))
    for column in source.schema.columns {
      writer.put(column.name)
      writer.put(column.type)
      writer.put(column.role)
    }
    return writer.text
  }

  /// nil: the text is not of this version.
  static func definition(_ text: String, statement: String) -> SourceDefinition? {
    var text = text
    return text.withUTF8 { bytes in
      var reader = Reader(bytes: bytes)
      let source = reader.source(statement)
      return reader.isAtEnd ? source : nil
    }
  }
}

extension BoundSource {
  private struct Writer {
    private(set) var text = ""

    mutating func put(_ field: String) { text += "\(field.utf8.count):\(field)" }

    mutating func put(optional field: String?) { put(field.map { "=" + $0 } ?? "") }

    mutating func put(_ spec: FormatSpec) {
      put(spec.format.name)
      put(spec.wrapSingle.map { $0 ? "wrapped" : "unwrapped" } ?? "")
      put(String(spec.settings.count))
      for name in spec.settings.sortedNames {
        put(name)
        switch spec.settings[name] {
        case .integer(let number): put("#\(number)")
        case .text(let text): put("=\(text)")
        case nil: put("")
        }
      }
    }

    mutating func put(_ role: SchemaColumn.Role) {
      switch role {
      case .value: put("")
      case .key: put("key")
      case .headers(key: nil): put("headers")
      case .headers(let key?): put("=\(key)")
      }
    }

    mutating func put(_ type: DataType) {
      switch type {
      case .boolean, .int, .bigint, .double, .string, .bytes, .date, .time, .timestamp:
        put(type.description)
      case .decimal(let precision, let scale):
        put("DECIMAL")
        put(String(precision))
        put(String(scale))
      case .array(let element):
        put("ARRAY")
        put(element)
      case .map(let key, let value):
        put("MAP")
        put(key)
        put(value)
      case .structure(let fields):
        put("STRUCT")
        put(String(fields.count))
        for field in fields {
          put(field.name)
          put(field.type)
        }
      }
    }
  }

  private struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    mutating func source(_ statement: String) -> SourceDefinition? {
      guard let found = string(), found == version, let name = string(),
        let kind = string().flatMap({ SourceKind(rawValue: $0) }), let topic = string(),
        let partitions = number(), let source = string(), let seen = string(),
        let key = format(), let value = format(),
        let column = optional(), let pattern = optional(), let window = optional(),
        let size = optional(), let count = number()
      else { return nil }
      var columns: [SchemaColumn] = []
      for _ in 0..<count {
        guard let column = self.column() else { return nil }
        columns.append(column)
      }
      var definition = SourceDefinition(
        name: name, kind: kind, schema: Schema(columns), topic: topic, keyFormat: key,
        valueFormat: value, partitions: partitions,
        timestamp: column.map { TimestampSpec(column: $0, format: pattern) },
        isReadOnly: !source.isEmpty, statement: statement)
      if !seen.isEmpty {
        guard let visibility = Visibility(rawValue: seen) else { return nil }
        definition.visibility = visibility
      }
      if let window {
        guard let kind = WindowInfo.Kind(rawValue: window) else { return nil }
        definition.window = WindowInfo(kind: kind, sizeMs: size.flatMap { Int64($0) })
      }
      return definition
    }

    private mutating func format() -> FormatSpec? {
      guard let format = string().flatMap({ RecordFormats.named($0) }), let wrapping = string(),
        let count = number()
      else { return nil }
      var spec = FormatSpec(format)
      if !wrapping.isEmpty { spec.wrapSingle = wrapping == "wrapped" }
      for _ in 0..<count {
        guard let name = string(), let text = string(),
          let property = format.properties.first(where: { $0.name == name })
        else { return nil }
        let content = String(text.dropFirst())
        if text.hasPrefix("=") {
          spec[property] = .text(content)
        } else {
          guard let number = Int64(content) else { return nil }
          spec[property] = .integer(number)
        }
      }
      return spec
    }

    private mutating func column() -> SchemaColumn? {
      guard let name = string(), let type = type(depth: 0), let role = string() else { return nil }
      switch role {
      case "": return SchemaColumn(name, type)
      case "key": return SchemaColumn(name, type, .key)
      case "headers": return SchemaColumn(name, type, .headers(key: nil))
      default: return SchemaColumn(name, type, .headers(key: String(role.dropFirst())))
      }
    }

    /// `depth`: a damaged text does not exhaust the stack.
    private mutating func type(depth: Int) -> DataType? {
      guard depth < 300, let name = string() else { return nil }
      switch name {
      case "BOOLEAN": return .boolean
      case "INTEGER": return .int
      case "BIGINT": return .bigint
      case "DOUBLE": return .double
      case "STRING": return .string
      case "BYTES": return .bytes
      case "DATE": return .date
      case "TIME": return .time
      case "TIMESTAMP": return .timestamp
      case "DECIMAL":
        guard let precision = number(), let scale = number() else { return nil }
        return .decimal(precision: precision, scale: scale)
      case "ARRAY": return type(depth: depth + 1).map { .array($0) }
      case "MAP":
        guard let key = type(depth: depth + 1), let value = type(depth: depth + 1) else {
          return nil
        }
        return .map(key: key, value: value)
      case "STRUCT":
        guard let count = number() else { return nil }
        var fields: [StructField] = []
        for _ in 0..<count {
          guard let name = string(), let type = type(depth: depth + 1) else { return nil }
          fields.append(StructField(name, type))
        }
        return .structure(fields)
      default: return nil
      }
    }

    /// Of a field; nil: there is none.
    private mutating func content() -> UnsafeBufferPointer<UInt8>? {
      var length = 0
      while place < bytes.count, bytes[place] != UInt8(ascii: ":") {
        let digit = Int(bytes[place]) - Int(UInt8(ascii: "0"))
        guard (0...9).contains(digit), length <= bytes.count else { return nil }
        length = length * 10 + digit
        place += 1
      }
      guard bytes.count - place > length else { return nil }
      defer { place += 1 + length }
      return UnsafeBufferPointer(rebasing: bytes[(place + 1)..<(place + 1 + length)])
    }

    private mutating func string() -> String? {
      content().map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func optional() -> String?? {
      string().map { $0.isEmpty ? nil : String($0.dropFirst()) }
    }

    private mutating func number() -> Int? {
      guard let content = content(), !content.isEmpty, content.count <= 9 else { return nil }
      var number = 0
      for byte in content {
        let digit = Int(byte) - Int(UInt8(ascii: "0"))
        guard (0...9).contains(digit) else { return nil }
        number = number * 10 + digit
      }
      return number
    }
  }
}
