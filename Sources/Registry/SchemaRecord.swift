// Records of a registry's topic, as Confluent's registry writes and reads them: keys and values are
// JSON, keys are compared as bytes by compaction, so their fields stand in one order.
//
// Source: the `_schemas` topic of Confluent Schema Registry.

import HeadraceFormats
import HeadraceFoundations
package import HeadraceFunctions

public enum SchemaRecord: Sendable, Hashable {
  case schema(SchemaVersion)
  /// For good.
  case removed(subject: String, version: Int)
  /// Softly: all versions up to one.
  case deletedSubject(String, upTo: Int)
  /// `subject` nil: of the registry; `level` nil: as if nobody had said it.
  case level(subject: String?, CompatibilityLevel?)
}

extension SchemaRecord {
  public var key: [UInt8] {
    switch self {
    case .schema(let entry): return Self.key(entry.subject, entry.version)
    case .removed(let subject, let version): return Self.key(subject, version)
    case .deletedSubject(let subject, _):
      return Self.text([
        ("keytype", .string("DELETE_SUBJECT")), ("subject", .string(subject)),
        ("magic", .number("0")),
      ])
    case .level(let subject, _):
      return Self.text([
        ("keytype", .string("CONFIG")), ("subject", subject.map { .string($0) } ?? .null),
        ("magic", .number("0")),
      ])
    }
  }

  /// nil: a tombstone.
  public var value: [UInt8]? {
    switch self {
    case .schema(let entry): return Self.value(entry)
    case .removed: return nil
    case .deletedSubject(let subject, let version):
      return Self.text([("subject", .string(subject)), ("version", .number("\(version)"))])
    case .level(_, nil): return nil
    case .level(let subject, let level?):
      let name: [(String, JSONNode)] = subject.map { [("subject", .string($0))] } ?? []
      return Self.text(name + [("compatibilityLevel", .string(level.rawValue))])
    }
  }

  /// nil: a record without meaning to this registry (NOOP, modes, aliases, and what may come).
  public init?(key: [UInt8], value: [UInt8]?) {
    guard let head = JSONNode(String(decoding: key, as: UTF8.self)) else { return nil }
    let subject = head["subject"]?.text
    let body = value.flatMap { JSONNode(String(decoding: $0, as: UTF8.self)) }
    switch head["keytype"]?.text {
    case "SCHEMA":
      guard let subject, let version = head["version"]?.integer else { return nil }
      guard value != nil else {
        self = .removed(subject: subject, version: version)
        return
      }
      guard let body, let entry = Self.version(subject, version, body) else { return nil }
      self = .schema(entry)
    case "CONFIG":
      let level = body?["compatibilityLevel"]?.text.flatMap { CompatibilityLevel(rawValue: $0) }
      if value != nil, level == nil { return nil }
      self = .level(subject: subject, level)
    case "DELETE_SUBJECT":
      guard let subject, let version = body?["version"]?.integer else { return nil }
      self = .deletedSubject(subject, upTo: version)
    default: return nil
    }
  }

  private static func version(
    _ subject: String, _ version: Int, _ body: JSONNode
  ) -> SchemaVersion? {
    guard let id = body["id"]?.integer, let text = body["schema"]?.text else { return nil }
    var references: [SchemaContent.Reference] = []
    for node in body["references"]?.elements ?? [] {
      guard let name = node["name"]?.text, let other = node["subject"]?.text,
        let number = node["version"]?.integer
      else { return nil }
      references.append(.init(name: name, subject: other, version: number))
    }
    var isDeleted = false
    if case .boolean(true)? = body["deleted"] { isDeleted = true }
    return SchemaVersion(
      subject: subject, version: version, id: Int64(id),
      content: SchemaContent(
        language: body["schemaType"]?.text ?? RecordFormats.unnamedSchemaLanguage, text: text,
        references: references), isDeleted: isDeleted)
  }

  private static func key(_ subject: String, _ version: Int) -> [UInt8] {
    text([
      ("keytype", .string("SCHEMA")), ("subject", .string(subject)),
      ("version", .number("\(version)")), ("magic", .number("1")),
    ])
  }

  private static func value(_ entry: SchemaVersion) -> [UInt8] {
    var fields: [(String, JSONNode)] = [
      ("subject", .string(entry.subject)), ("version", .number("\(entry.version)")),
      ("id", .number("\(entry.id)")),
    ]
    if entry.content.language != RecordFormats.unnamedSchemaLanguage {
      fields.append(("schemaType", .string(entry.content.language)))
    }
    if !entry.content.references.isEmpty {
      fields.append(("references", .array(entry.content.references.map(\.node))))
    }
    fields += [("schema", .string(entry.content.text)), ("deleted", .boolean(entry.isDeleted))]
    return text(fields)
  }

  private static func text(_ fields: [(String, JSONNode)]) -> [UInt8] {
    let node = JSONNode.object(fields.map { JSONField(name: $0.0, value: $0.1) })
    return Array(node.description.utf8)
  }
}

extension SchemaContent.Reference {
  package var node: JSONNode {
    .object([
      JSONField(name: "name", value: .string(name)),
      JSONField(name: "subject", value: .string(subject)),
      JSONField(name: "version", value: .number("\(version)")),
    ])
  }
}
