// Schemas of records that lie outside of them. A registry only gives the text of a schema; what SQL
// type that text means, and which text columns have, is known to the format.

public import HeadraceColumns
import HeadraceFoundations

/// A schema as a registry holds it.
public struct RegisteredSchema: Hashable, Sendable {
  public struct Reference: Hashable, Sendable {
    public var name: String
    public var text: String

    public init(name: String, text: String) {
      self.name = name
      self.text = text
    }
  }

  public var text: String
  /// What the text imports or refers to by name.
  public var references: [Reference]

  public init(text: String, references: [Reference] = []) {
    self.text = text
    self.references = references
  }
}

/// The registry cannot be asked now, or has not answered yet: what it has is not known, and it is
/// asked again later.
public struct SchemasUnreachable: Error, Sendable, Hashable {
  /// Without secrets; people read it.
  public var message: String

  public init(_ message: String) { self.message = message }
}

/// Asked by threads that others wait for: it answers at once or nearly so, and throws where it
/// cannot.
public protocol SchemaRegistry: Sendable {
  /// The latest schema of a topic's keys or values; nil: there is none.
  func schema(topic: String, isKey: Bool) throws(SchemasUnreachable) -> RegisteredSchema?
  func schema(id: Int64) throws(SchemasUnreachable) -> RegisteredSchema?
  /// The id of a schema among those of a topic's keys or values; nil: it is not registered there.
  func id(
    of schema: RegisteredSchema, _ format: RecordFormat, topic: String, isKey: Bool
  ) throws(SchemasUnreachable) -> Int64?
}

extension SchemaRegistry {
  /// Of a registry that is only read by id.
  public func id(
    of schema: RegisteredSchema, _ format: RecordFormat, topic: String, isKey: Bool
  ) -> Int64? { nil }
}

/// A registry without schemas.
public struct EmptySchemaRegistry: SchemaRegistry {
  public init() {}
  public func schema(topic: String, isKey: Bool) -> RegisteredSchema? { nil }
  public func schema(id: Int64) -> RegisteredSchema? { nil }
}

/// The schema that new records of a side are written with.
public struct WrittenSchema: Hashable, Sendable {
  public var id: Int64
  public var schema: RegisteredSchema

  public init(id: Int64, schema: RegisteredSchema) {
    self.id = id
    self.schema = schema
  }
}

/// Whose schemas a side of a source has, and where they are registered.
public struct SchemaSubject: Sendable {
  public var registry: any SchemaRegistry
  public var side: RecordSide
  public var topic: String
  /// The source's name, after which a new schema may be named.
  public var source: String
  /// nil: the schema is made from the columns, and the registry knows its id.
  public var written: WrittenSchema?

  public init(
    _ registry: any SchemaRegistry = EmptySchemaRegistry(), _ side: RecordSide = .value,
    topic: String = "", source: String = ""
  ) {
    self.registry = registry
    self.side = side
    self.topic = topic
    self.source = source
  }
}

/// Why a registered schema has no SQL type.
public struct SchemaProblem: Error, Hashable {
  public var message: String

  init(_ message: String) { self.message = message }
}

/// How the schemas of a format's records are read and written.
public struct FormatSchemas: Sendable {
  /// They lie in a registry; else only programs outside of the engine have them.
  public let areRegistered: Bool
  /// A key whose columns are not named has one for each field of its schema; else it is one column,
  /// ROWKEY.
  public let splitsKeys: Bool
  /// `fullName`: which type of the schema; nil: the first. Names keep their case.
  let type: @Sendable (RegisteredSchema, _ fullName: String?) throws(SchemaProblem) -> DataType
  /// The schema of columns, as it is registered; nil: they come from registered schemas alone.
  let text: (@Sendable (FormatLayout, [FormatField]) throws(SchemaProblem) -> String)?
  public let language: SchemaLanguage

  init(
    _ language: SchemaLanguage, areRegistered: Bool, splitsKeys: Bool,
    type: @escaping @Sendable (RegisteredSchema, String?) throws(SchemaProblem) -> DataType,
    text: (@Sendable (FormatLayout, [FormatField]) throws(SchemaProblem) -> String)? = nil
  ) {
    self.language = language
    self.text = text
    self.areRegistered = areRegistered
    self.splitsKeys = splitsKeys
    self.type = type
  }
}

extension FormatSchemas {
  /// Columns have a schema in its language.
  public var writesColumns: Bool { text != nil }
}

extension RegisteredSchema {
  /// The schema of columns that are laid out like this; nil: their format has none to write.
  public init?(of fields: [FormatField], _ layout: FormatLayout) throws(SchemaProblem) {
    guard let text = layout.spec.format.schemas?.text else { return nil }
    self.init(text: try text(layout, fields))
  }

  /// What the schema of a format's records means in SQL.
  public func type(
    _ format: RecordFormat, fullName: String? = nil
  ) throws(SchemaProblem) -> DataType {
    guard let schemas = format.schemas else {
      throw SchemaProblem("\(format.name) has no registered schemas")
    }
    return try schemas.type(self, fullName)
  }
}

extension FormatLayout {
  /// The schema that rows of these columns are written with. Until the first of them it may not be
  /// registered yet.
  func written(_ fields: [FormatField]) throws(SchemaProblem) -> WrittenSchema {
    if let written = schemas.written { return written }
    guard let schema = try RegisteredSchema(of: fields, self) else {
      throw SchemaProblem("\(spec.format.name) has no schema for columns")
    }
    let what = "the schema of the \(schemas.side.rawValue)s of topic \(schemas.topic)"
    let found: Int64?
    do throws(SchemasUnreachable) {
      found = try schemas.registry.id(
        of: schema, spec.format, topic: schemas.topic, isKey: schemas.side == .key)
    } catch {
      throw SchemaProblem("\(what) cannot be looked up: \(error.message)")
    }
    guard let id = found else { throw SchemaProblem("\(what) is not in the registry") }
    return WrittenSchema(id: id, schema: schema)
  }
}
