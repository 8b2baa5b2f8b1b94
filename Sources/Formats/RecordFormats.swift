// The formats that there are, and those that the engine chooses where a statement names none.

import HeadraceFoundations

public enum RecordFormats {
  public static let all: [RecordFormat] = [
    .delimited,
    .json,
    .kafka,
    .noColumns,
    .avro,
    .protobuf,
    .protobufNoSR,
    .jsonSR,
  ]

  /// By its name as SQL writes it, in any case; nil: there is none of that name.
  public static func named(_ text: String) -> RecordFormat? {
    let name = text.uppercased()
    return all.first { $0.name == name }
  }

  /// Of keys for which neither the statement nor the session names one.
  public static let standardKey = RecordFormat.kafka
  /// Of the values of a query that reads no source.
  public static let standardValue = RecordFormat.json
  /// In which the exchange between two stages writes keys that the topics' format does not place.
  public static let exchange = RecordFormat.json
  /// Of a side that has no columns.
  public static let empty = RecordFormat.noColumns

  /// In which schemas are registered that say nothing of it.
  public static var unnamedSchemaLanguage: String { SchemaLanguage.avro.name }

  /// In which schemas may be registered, each once.
  public static let schemaLanguages: [SchemaLanguage] = {
    var known: Set<TextKey> = []
    return all.compactMap { $0.schemas?.language }.filter { known.insert($0.name).inserted }
  }()

  public static func schemaLanguage(named name: String) -> SchemaLanguage? {
    schemaLanguages.first { $0.name == name }
  }

  /// Of files with this extension.
  public static func schemaLanguage(ofFiles fileExtension: String) -> SchemaLanguage? {
    schemaLanguages.first { $0.fileExtension == fileExtension }
  }

  /// The properties of WITH that belong to formats, each once.
  public static let properties: [FormatProperty] = {
    var known: Set<TextKey> = []
    return all.flatMap(\.properties).filter { known.insert(TextKey($0.name)).inserted }
  }()

  /// What COPY reads and writes; the first is meant where nothing says which, so DELIMITED comes
  /// first of all.
  public static let fileKinds: [FileKind] = all.flatMap(\.fileKinds)
}
