// A format as a statement asks for it: with the settings that WITH gives to one side of a source.
// Properties belong to formats: each says what it is called, how its text is read, and what a
// statement is told that gives it to a format which does not take it.

public import HeadraceFoundations
import HeadraceColumns

/// A format with its settings for one side (key or value) of a source.
public struct FormatSpec: Hashable, Sendable {
  public var format: RecordFormat
  /// By the properties' own names; what the statement does not say is absent.
  public private(set) var settings: [TextKey: FormatSetting] = [:]
  /// nil: not said; true: a single column is wrapped in an object; false: it stands alone.
  public var wrapSingle: Bool?

  public init(_ format: RecordFormat) { self.format = format }

  public subscript(property: FormatProperty) -> FormatSetting? {
    get { settings[property.name] }
    set { settings[property.name] = newValue }
  }

  /// What a sink takes over of the format of the source that it selects from.
  public var inherited: FormatSpec {
    var result = FormatSpec(format)
    for property in format.properties where property.isInherited {
      result[property] = self[property]
    }
    return result
  }

  /// Takes over what it does not say itself.
  public mutating func inherit(from other: FormatSpec) {
    settings.merge(other.settings) { own, _ in own }
  }
}

/// For people, and compared by CREATE OR REPLACE.
extension FormatSpec: CustomStringConvertible {
  public var description: String {
    var text = format.name
    for property in format.properties {
      if let setting = self[property] { text += " \(property.name) \(setting)" }
    }
    if let wrapSingle { text += wrapSingle ? " wrapped" : " unwrapped" }
    return text
  }
}

/// The value of a property.
public enum FormatSetting: Hashable, Sendable, CustomStringConvertible {
  case integer(Int64)
  case text(String)

  public var description: String {
    switch self {
    case .integer(let number): return "\(number)"
    case .text(let text): return text
    }
  }
}

/// Why the text of a property is refused.
public struct FormatPropertyFault: Error {
  public var message: String
  init(_ message: String) { self.message = message }
}

/// A property of WITH that belongs to formats.
public struct FormatProperty: Sendable {
  public enum Kind: Sendable {
    case integer
    case text(@Sendable (String) throws(FormatPropertyFault) -> FormatSetting)
  }

  /// As ksqlDB calls the setting.
  public let name: String
  /// What WITH calls it; of several the first that is given counts.
  public let keyNames: [String]
  public let valueNames: [String]
  public let kind: Kind
  /// A sink takes it over from the source that it selects from.
  public let isInherited: Bool
  /// What a statement is told that gives the property, by one of its names, to a format that does
  /// not take it; nil: it is ignored.
  public let refusal: @Sendable (_ format: RecordFormat, _ given: String) -> String?

  init(
    _ name: String, keys: [String], values: [String], _ kind: Kind, isInherited: Bool = false,
    refusal: @escaping @Sendable (RecordFormat, String) -> String?
  ) {
    self.name = name
    keyNames = keys
    valueNames = values
    self.kind = kind
    self.isInherited = isInherited
    self.refusal = refusal
  }

  /// As one that sinks take over.
  var inherited: FormatProperty {
    FormatProperty(
      name, keys: keyNames, values: valueNames, kind, isInherited: true, refusal: refusal)
  }

  public func names(_ side: RecordSide) -> [String] { side == .key ? keyNames : valueNames }
}

// MARK: - Which schema of a registry is meant

extension FormatProperty {
  public static let schemaID = FormatProperty(
    "schemaId", keys: ["KEY_SCHEMA_ID"], values: ["VALUE_SCHEMA_ID"], .integer
  ) { format, given in
    "\(given.prefix { $0 != "_" })_FORMAT should support schema inference when \(given) is provided."
      + " Current format is \(format.name)."
  }

  public static let fullName = FormatProperty(
    "fullSchemaName", keys: ["KEY_SCHEMA_FULL_NAME"],
    values: ["VALUE_AVRO_SCHEMA_FULL_NAME", "VALUE_SCHEMA_FULL_NAME"], .text { .text($0) }
  ) { format, _ in "\(format.name) does not support the following configs: [fullSchemaName]" }
}

extension FormatSpec {
  public var schemaID: Int64? {
    if case .integer(let id) = self[.schemaID] { id } else { nil }
  }

  public var fullName: String? {
    if case .text(let name) = self[.fullName] { name } else { nil }
  }
}
