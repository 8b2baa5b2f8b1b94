// One line of a fixture of vectors: a record in bytes, its schema, and the value that other libraries read from it.

import Foundation
import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas

@testable import HeadraceFormats

struct FormatVector: CustomStringConvertible, Sendable {
  let node: JSONNode
  var id: String { node["id"]?.text ?? "" }
  var schema: String? { node["schema"]?.text }
  var description: String { id }

  static func all(_ name: String) -> [FormatVector] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/\(name).jsonl")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { JSONNode(String($0)).map(FormatVector.init) }
  }

  var framed: [UInt8] { Self.bytes((node["framed"]?.text ?? "")[...]) }

  static func bytes(_ hex: Substring) -> [UInt8] {
    func digit(_ byte: UInt8) -> UInt8 { byte < 0x3A ? byte - 0x30 : byte - 0x57 }
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).map {
      digit(digits[$0]) << 4 | digit(digits[$0 + 1])
    }
  }

  var encodes: Bool { if case .boolean(true)? = node["encode"] { true } else { false } }

  /// The schema and what it imports.
  var registered: RegisteredSchema {
    var references: [RegisteredSchema.Reference] = []
    if case .object(let fields)? = node["schemas"] {
      references = fields.map { .init(name: $0.name, text: $0.value.text ?? "") }
    }
    return RegisteredSchema(text: schema ?? "", references: references)
  }

  func expected(_ fields: [FormatField], isWrapped: Bool) -> [Value] {
    guard let value = node["value"] else { return [] }
    guard isWrapped else { return [Self.value(value, fields[0].type, node["branch"]?.text)] }
    return fields.map { Self.value(value[$0.name] ?? .null, $0.type, nil) }
  }

  /// Where its schema is registered under its id, for both directions.
  func layout(_ spec: FormatSpec, isWrapped: Bool) -> FormatLayout {
    let registry = MemoryRegistry(registersWhatIsWritten: false)
    var layout = FormatLayout(spec, isWrapped: isWrapped)
    layout.schemas = SchemaSubject(registry, topic: "t")
    guard schema != nil, let id = node["schemaId"]?.integer else { return layout }
    registry.add(registered, id: Int64(id))
    layout.schemas.written = WrittenSchema(id: Int64(id), schema: registered)
    return layout
  }

  static func value(_ node: JSONNode, _ type: DataType, _ branch: String?) -> Value {
    switch (type, node) {
    case (_, .null): return .null
    case (.structure(let fields), .object) where node["$branch"] != nil:
      let name = node["$branch"]?.text
      return .structure(
        fields.map { $0.name == name ? value(node["value"] ?? .null, $0.type, nil) : .null })
    case (.boolean, .boolean(let flag)): return .boolean(flag)
    case (.int, .number(let text)): return .int(Int32(text) ?? 0)
    case (.date, .number(let text)): return .date(Int32(text) ?? 0)
    case (.time, .number(let text)): return .time(Int32(text) ?? 0)
    case (.bigint, .number(let text)):
      // Numbers without sign keep their bits.
      return .bigint(Int64(text) ?? Int64(bitPattern: UInt64(text) ?? 0))
    case (.timestamp, .number(let text)): return .timestamp(Int64(text) ?? 0)
    case (.double, .number(let text)): return .double(Double(text) ?? 0)
    case (.double, .string(let text)): return .double(Double(text) ?? 0)
    case (.string, .string(let text)): return .string(text)
    case (.decimal, .string(let text)): return Decimal(text).map { .decimal($0) } ?? .null
    case (.bytes, .string(let text)): return .bytes(bytes(text.dropFirst(2)))
    case (.array(let element), .array(let nodes)):
      return .array(nodes.map { value($0, element, nil) })
    case (.map(_, let inner), .object(let fields)):
      return .map(fields.map { MapEntry(.string($0.name), value($0.value, inner, nil)) })
    case (.structure(let fields), .object) where branch == nil:
      return .structure(fields.map { value(node[$0.name] ?? .null, $0.type, nil) })
    case (.structure(let fields), _):
      // A union of several: the branch that such a value has.
      return .structure(
        fields.map { field in
          let isTaken =
            switch node {
            case .number: field.name == "int"
            case .string: field.name == "string"
            default: field.name == branch
            }
          return isTaken ? value(node, field.type, nil) : .null
        })
    default: return .null
    }
  }
}
