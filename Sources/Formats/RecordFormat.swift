// A format of records: everything that the engine knows of it. Planning asks what it holds and
// which properties it takes, running asks for its decoder and encoder, and both hand it the schema
// registry. One value in the format's own folder, and one line in `RecordFormats.all`.
// Invariant: no code outside that folder asks which format it has; it asks what the format can do.

public import HeadraceColumns
import HeadraceFoundations

/// Identity: there is one value for each format.
public final class RecordFormat: Sendable {
  /// As SQL writes it, in upper case.
  public let name: String
  public let holds: FormatCapacity
  public let wrapping: SingleWrapping
  public let keys: FormatKeys
  /// Those of WITH that it takes, beside WRAP_SINGLE_VALUE, which follows from `wrapping`.
  public let properties: [FormatProperty]
  /// How its records stand in a text file; nil: they cannot.
  public let lines: LineRules?
  /// How its records stand in a file of its own kind; nil: there is none.
  public let container: ContainerRules?
  /// nil: its records have no schema that could be registered.
  public let schemas: FormatSchemas?
  /// The columns that records have that nobody has described; nil: records do not say.
  let sampled: (@Sendable (FormatSample, FormatSpec) -> [FormatField])?
  let shows: RecordDisplay
  let codec: FormatCodec

  init(
    _ name: String, holds: FormatCapacity = FormatCapacity(), wrapping: SingleWrapping = .either,
    keys: FormatKeys = FormatKeys(), properties: [FormatProperty] = [], lines: LineRules? = nil,
    container: ContainerRules? = nil, schemas: FormatSchemas? = nil,
    sampled: (@Sendable (FormatSample, FormatSpec) -> [FormatField])? = nil,
    shows: RecordDisplay = .decoded, codec: FormatCodec
  ) {
    self.name = name
    self.holds = holds
    self.wrapping = wrapping
    self.keys = keys
    self.properties = properties
    self.lines = lines
    self.container = container
    self.schemas = schemas
    self.sampled = sampled
    self.shows = shows
    self.codec = codec
  }

  /// Whether its records stand in files.
  public var isInFiles: Bool { lines != nil || container != nil }

  /// Whether the schemas of its records lie in a registry.
  public var usesRegistry: Bool { schemas?.areRegistered ?? false }

  /// Whether an exchange may write keys of these types in it, so that they come to lie where a
  /// topic's keys do.
  public func placesRows(by types: [DataType]) -> Bool {
    guard keys.placeRows, types.allSatisfy({ holds.unsupported(in: $0) == nil }) else {
      return false
    }
    return holds.columns == .several || holds.columns == .one && types.count == 1
  }
}

extension RecordFormat: Hashable {
  public static func == (left: RecordFormat, right: RecordFormat) -> Bool { left === right }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// Whether a single column of the values stands alone or as the one field of a record.
public enum SingleWrapping: Sendable {
  /// As WRAP_SINGLE_VALUE says.
  case either
  case always, never
  /// There are no columns.
  case meaningless

  public func supports(_ isWrapped: Bool) -> Bool {
    switch self {
    case .either: return true
    case .always: return isWrapped
    case .never: return !isWrapped
    case .meaningless: return false
    }
  }
}

/// What the bytes of keys are good for.
public struct FormatKeys: Sendable {
  /// Equal keys have equal bytes, DOUBLEs apart, whoever writes them: a key is found by its bytes.
  public var areComparable: Bool
  /// The exchange between two stages writes keys in this format, where it holds them.
  public var placeRows: Bool

  public init(areComparable: Bool = true, placeRows: Bool = false) {
    self.areComparable = areComparable
    self.placeRows = placeRows
  }
}

/// What PRINT shows of a record.
enum RecordDisplay: Sendable {
  /// The bytes are text.
  case text
  /// What the decoder makes of them, as JSON.
  case decoded
  /// nil: the bytes are not of this type. The type is that of the only column, nil where there are
  /// more or none.
  case custom(@Sendable (UnsafeRawBufferPointer, DataType?) -> String?)
}
