// Statements about the session, the catalog's listings, and the assertions of test scripts.

/// `SHOW` or `LIST` and what is listed.
public struct Show: Hashable, Sendable {
  public enum Subject: Hashable, Sendable {
    case properties
    case topics(includingHidden: Bool)
    case streams
    case tables
    case functions
    case queries
    case types
    case variables
    case connectors(ConnectorKind?)
    case connectorPlugins
    case processes
    /// `SHOW ERRORS [FOR source]`.
    case errors(of: Identifier?)
    case schemas
  }

  public let subject: Subject
  public let isExtended: Bool
  public let span: Span
}

/// `DESCRIBE ...`.
public struct Describe: Hashable, Sendable {
  public enum Subject: Hashable, Sendable {
    case source(Identifier)
    case streams
    case function(Identifier)
    case connector(Identifier)
    /// A subject's latest version unless it says another one.
    case schema(Identifier, version: CountClause?)
  }

  public let subject: Subject
  public let isExtended: Bool
  public let span: Span
}

/// `SET 'name' = 'value'`.
public struct SetProperty: Hashable, Sendable {
  public let name: StringLiteral
  public let value: StringLiteral
  public let span: Span
}

/// `UNSET 'name'`.
public struct UnsetProperty: Hashable, Sendable {
  public let name: StringLiteral
  public let span: Span
}

/// `ALTER SYSTEM 'name' = 'value'`.
public struct AlterSystem: Hashable, Sendable {
  public let name: StringLiteral
  public let value: StringLiteral
  public let span: Span
}

/// `DEFINE name = 'value'`.
public struct DefineVariable: Hashable, Sendable {
  public let name: Identifier
  public let value: StringLiteral
  public let span: Span
}

/// `UNDEFINE name`.
public struct UndefineVariable: Hashable, Sendable {
  public let name: Identifier
  public let span: Span
}

public enum ConnectorKind: String, Hashable, Sendable {
  case source = "SOURCE"
  case sink = "SINK"
}

/// `CREATE SINK|SOURCE CONNECTOR [IF NOT EXISTS] name WITH (...)`.
public struct CreateConnector: Hashable, Sendable {
  public let kind: ConnectorKind
  public let ifNotExists: Bool
  public let name: Identifier
  public let properties: Properties
  public let span: Span
}

/// `DROP CONNECTOR [IF EXISTS] name`.
public struct DropConnector: Hashable, Sendable {
  public let ifExists: Bool
  public let name: Identifier
  public let span: Span
}

/// `ASSERT [NOT EXISTS] TOPIC t [WITH (...)] [TIMEOUT n unit]`.
public struct AssertTopic: Hashable, Sendable {
  public let isNegated: Bool
  /// A name or a string; a topic written as a string counts as quoted.
  public let topic: Identifier
  public let properties: Properties?
  public let timeout: DurationLiteral?
  public let span: Span
}

/// `ASSERT [NOT EXISTS] SCHEMA [SUBJECT s] [ID n] [TIMEOUT n unit]`.
public struct AssertSchema: Hashable, Sendable {
  public let isNegated: Bool
  /// A name or a string; a subject written as a string counts as quoted.
  public let subject: Identifier?
  public let id: CountClause?
  public let timeout: DurationLiteral?
  public let span: Span
}

/// `ASSERT VALUES s [(columns)] VALUES (...)` or `ASSERT NULL VALUES s [(columns)] KEY (...)`.
public struct AssertValues: Hashable, Sendable {
  /// True for the NULL form: the record is a tombstone and `row` is its key.
  public let isTombstone: Bool
  public let source: Identifier
  /// Empty if no list was written.
  public let columns: [Identifier]
  public let row: ValuesRow
  public let span: Span
}

/// `ASSERT STREAM|TABLE name [(elements)] [WITH (...)]`.
public struct AssertSource: Hashable, Sendable {
  public let kind: SourceKind
  public let name: Identifier
  /// Nil if no list was written.
  public let elements: [TableElement]?
  public let properties: Properties?
  public let span: Span
}

/// `CREATE | CHECK  SCHEMA subject [WITH (...)] AS 'text' | FROM FILE 'path'`.
public struct SchemaDeclaration: Hashable, Sendable {
  /// A name or a string; a subject written as a string counts as quoted.
  public let subject: Identifier
  public let properties: Properties?
  /// The schema, or the file that holds it.
  public let text: StringLiteral
  public let isInFile: Bool
  public let span: Span
}

/// `ALTER SCHEMA subject | ALL  SET COMPATIBILITY [=] 'level'`.
public struct AlterSchema: Hashable, Sendable {
  /// nil for ALL: what holds for subjects that say nothing.
  public let subject: Identifier?
  public let level: StringLiteral
  public let span: Span
}

/// `DROP SCHEMA [IF EXISTS] subject [VERSION n]`.
public struct DropSchema: Hashable, Sendable {
  public let ifExists: Bool
  public let subject: Identifier
  /// nil: all of them.
  public let version: CountClause?
  public let span: Span
}
