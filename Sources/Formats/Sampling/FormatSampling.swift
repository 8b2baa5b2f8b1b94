// Columns out of records that nobody has described.

public import HeadraceColumns
import HeadraceFoundations

/// The first records of a topic or a file.
public struct FormatSample {
  /// Values, or lines; more may be there.
  public var records: RawRecords
  /// What a header calls the fields of a line; nil: there is none.
  public var names: [String]?
  /// What a file of the format's own kind says of its records; nil: there is none.
  public var schema: RegisteredSchema?
  /// How text of times is read; nil: text is no time.
  public var times: TimeTextReader?

  public init(
    records: RawRecords, names: [String]? = nil, schema: RegisteredSchema? = nil,
    times: TimeTextReader? = nil
  ) {
    self.records = records
    self.schema = schema
    self.names = names
    self.times = times
  }
}

extension RecordFormat {
  /// Whether records say what they hold.
  public var canSample: Bool { sampled != nil || container != nil }

  /// The columns that the records have, in the order of their first fields. Empty: they have none
  /// that could be named.
  public func columns(_ sample: FormatSample, _ spec: FormatSpec) -> [FormatField] {
    sampled?(sample, spec) ?? []
  }
}
