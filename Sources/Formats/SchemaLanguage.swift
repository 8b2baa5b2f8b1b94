// The languages in which schemas are registered. A registry keeps texts and ids; what a text means,
// which other texts it needs and whether one can read what another has written is known here, by
// language.

import HeadraceFoundations

public struct SchemaLanguage: Sendable {
  /// As registries name it.
  public let name: String
  /// Of files that hold schemas in it.
  public let fileExtension: String
  /// Refuses what is no schema. May need the texts that it refers to.
  let check: @Sendable (RegisteredSchema) throws(SchemaProblem) -> Void
  /// The same for texts that differ in their layout only; nil: it is no schema.
  let reprinted: @Sendable (String) -> String?
  /// Names of what a text takes from others.
  let outside: @Sendable (String) throws(SchemaProblem) -> [String]
  /// What keeps a reader with the first schema from reading what was written with the second.
  let compared: @Sendable (RegisteredSchema, RegisteredSchema) -> [SchemaDifference]

  public func check(_ schema: RegisteredSchema) throws(SchemaProblem) { try check(schema) }
  public func canonical(_ text: String) -> String? { reprinted(text) }
  public func outside(_ text: String) throws(SchemaProblem) -> [String] { try outside(text) }

  public func differences(
    reader: RegisteredSchema, writer: RegisteredSchema
  ) -> [SchemaDifference] {
    compared(reader, writer)
  }
}

/// One thing that a reader's schema cannot read of what a writer's schema describes.
public struct SchemaDifference: Sendable, Hashable {
  /// Names of fields from the root on, joined by points; empty at the root.
  public var path: String
  public var reason: String

  public init(path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }
}
