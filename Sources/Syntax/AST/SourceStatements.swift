// Statements that make, fill, change and drop streams and tables.

import HeadraceFoundations

public enum SourceKind: String, Hashable, Sendable {
  case stream = "STREAM"
  case table = "TABLE"
}

/// A column of CREATE STREAM or CREATE TABLE.
public struct TableElement: Hashable, Sendable {
  public enum Constraint: Hashable, Sendable {
    case key
    case primaryKey
    case headers
    case header(StringLiteral)
  }

  public let name: Identifier
  public let type: TypeName
  public let constraint: Constraint?
  /// `.none` without a constraint.
  public let constraintSpan: Span
  public let span: Span
}

/// `name = value` in WITH (...).
public struct Property: Hashable, Sendable {
  /// The name after the case rules; compare by `key`.
  public let name: Identifier
  /// The name in upper case, since property names are case-insensitive.
  package let key: String
  /// True if the name was written as a string `'...'`.
  public let isStringName: Bool
  /// A literal or an unresolved variable.
  public let value: Expression
  public let span: Span

  init(name: Identifier, isStringName: Bool, value: Expression, span: Span) {
    self.name = name
    key = name.name.uppercased()
    self.isStringName = isStringName
    self.value = value
    self.span = span
  }
}

/// The list after WITH, in order and possibly with repetitions.
public struct Properties: Hashable, Sendable {
  public let items: [Property]
  public let span: Span

  /// The last property of that name, given in upper case.
  public subscript(key: String) -> Property? {
    items.indices.last { haveSameBytes(items[$0].key, key) }.map { items[$0] }
  }
}

/// `CREATE [OR REPLACE] [SOURCE] STREAM|TABLE [IF NOT EXISTS] name [(elements)] [WITH (...)]`.
public struct CreateSource: Hashable, Sendable {
  public let kind: SourceKind
  public let orReplace: Bool
  /// True for `CREATE SOURCE STREAM|TABLE`.
  public let isReadOnly: Bool
  public let ifNotExists: Bool
  public let name: Identifier
  /// Nil if no list was written.
  public let elements: [TableElement]?
  public let properties: Properties?
  public let span: Span
}

/// `CREATE [OR REPLACE] STREAM|TABLE [IF NOT EXISTS] name [WITH (...)] AS query`.
public struct CreateSourceAs: Hashable, Sendable {
  public let kind: SourceKind
  public let orReplace: Bool
  public let ifNotExists: Bool
  public let name: Identifier
  public let properties: Properties?
  public let query: Query
  public let span: Span
}

/// `INSERT INTO target [WITH (...)] query`.
public struct InsertSelect: Hashable, Sendable {
  public let target: Identifier
  public let properties: Properties?
  public let query: Query
  public let span: Span
}

/// One parenthesised row of values.
public struct ValuesRow: Hashable, Sendable {
  public let values: [Expression]
  public let span: Span
}

/// `IF NOT EXISTS` or `IF VERSION = n`: what must hold of the rows' keys when they are inserted.
public struct InsertCondition: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case notExists
    case version(Int64)
  }

  public let kind: Kind
  public let span: Span
}

/// `INSERT INTO target [(columns)] VALUES (...), ... [condition]`.
public struct InsertValues: Hashable, Sendable {
  public let target: Identifier
  /// Empty if no list was written.
  public let columns: [Identifier]
  public let rows: [ValuesRow]
  public let condition: InsertCondition?
  public let span: Span
}

/// `DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]`.
public struct DropSource: Hashable, Sendable {
  public let kind: SourceKind
  public let ifExists: Bool
  public let name: Identifier
  public let deleteTopic: Bool
  public let span: Span
}

/// `ALTER STREAM|TABLE name ADD [COLUMN] column type, ...`.
public struct AlterSource: Hashable, Sendable {
  public struct Addition: Hashable, Sendable {
    public let name: Identifier
    public let type: TypeName
    public let span: Span
  }

  public let kind: SourceKind
  public let name: Identifier
  public let additions: [Addition]
  public let span: Span
}

/// `COPY target [(columns)] FROM 'file'|STDIN [WITH (...)]`.
public struct CopyFrom: Hashable, Sendable {
  public let target: Identifier
  /// Empty if no list was written.
  public let columns: [Identifier]
  /// Nil for STDIN.
  public let file: StringLiteral?
  public let properties: Properties?
  public let span: Span
}

/// `COPY source|(query) TO 'file'|STDOUT [WITH (...)]`.
public struct CopyTo: Hashable, Sendable {
  public enum Origin: Hashable, Sendable {
    case source(Identifier)
    case query(Query)
  }

  public let origin: Origin
  /// Nil for STDOUT.
  public let file: StringLiteral?
  public let properties: Properties?
  public let span: Span
}
