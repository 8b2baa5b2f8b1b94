// What the catalog knows of a stream or table.

public import HeadraceColumns
public import HeadraceFormats
import HeadraceFoundations
public import HeadraceSyntax

/// Windows of a windowed key.
public struct WindowInfo: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case tumbling = "TUMBLING"
    case hopping = "HOPPING"
    case session = "SESSION"
  }

  public var kind: Kind
  /// Milliseconds; nil for sessions.
  public var sizeMs: Int64?

  public init(kind: Kind, sizeMs: Int64?) {
    self.kind = kind
    self.sizeMs = sizeMs
  }
}

/// The column that gives a record's time, and how its text is read.
public struct TimestampSpec: Hashable, Sendable {
  public var column: String
  /// A date-time pattern for STRING columns.
  public var format: String?

  public init(column: String, format: String? = nil) {
    self.column = column
    self.format = format
  }
}

public struct SourceDefinition: Hashable, Sendable {
  public var name: String
  public var kind: SourceKind
  /// Invariant: keys first, headers last.
  public var schema: Schema
  public var topic: String
  public var keyFormat: FormatSpec
  public var valueFormat: FormatSpec
  public var partitions: Int
  public var timestamp: TimestampSpec?
  public var window: WindowInfo?
  /// CREATE SOURCE STREAM/TABLE: nothing may be written to it.
  public var isReadOnly: Bool
  /// The connector that its rows come from; nil: they come from its topic.
  public var input: ConnectorSpec?
  /// The connectors that write out what its topic holds.
  public var followers: [ConnectorSpec] = []
  /// What new records of its sides are written with; none: the registry knows the schema of its
  /// columns, or has none.
  public var writtenSchemas: [RecordSide: WrittenSchema] = [:]
  /// Whose topic it is; nil: nobody has said.
  public var visibility: Visibility?
  /// The persistent query that fills it, for CSAS and CTAS.
  public var queryID: String?
  /// The text that made it, after substitution.
  public var statement: String

  public init(
    name: String, kind: SourceKind, schema: Schema, topic: String, keyFormat: FormatSpec,
    valueFormat: FormatSpec, partitions: Int, timestamp: TimestampSpec? = nil,
    window: WindowInfo? = nil, isReadOnly: Bool = false, input: ConnectorSpec? = nil,
    queryID: String? = nil, statement: String = ""
  ) {
    self.name = name
    self.kind = kind
    self.schema = Schema(
      schema.keys + schema.values
        + schema.columns.filter { $0.role != .key && $0.role != .value })
    self.topic = topic
    self.keyFormat = keyFormat
    self.valueFormat = valueFormat
    self.partitions = partitions
    self.timestamp = timestamp
    self.window = window
    self.isReadOnly = isReadOnly
    self.input = input
    self.queryID = queryID
    self.statement = statement
  }

  /// The columns of a record that holds the whole row. `order`: as the input names them; nil: as
  /// the statement does.
  public func lineColumns(order: [String]?) -> [SchemaColumn] {
    let columns =
      valueFormat.format.holds.columns == .one && !schema.values.isEmpty
      ? schema.values : schema.keys + schema.values
    let names = order ?? input?.fieldOrder ?? []
    return names.compactMap { name in columns.first { $0.name == name } }
      + columns.filter { !names.contains($0.name) }
  }
}
