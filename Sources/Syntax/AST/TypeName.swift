// Types as they are written. What a name stands for is the planner's business.
//
// `T ARRAY` and `ARRAY<T>` give the same node; `VARCHAR(STRING)` gives plain `VARCHAR`.

/// A type in a column definition, a CAST or CREATE TYPE.
public indirect enum TypeName: Hashable, Sendable {
  case named(NamedTypeName)
  case decimal(DecimalTypeName)
  case array(ArrayTypeName)
  case map(MapTypeName)
  case structure(StructTypeName)

  public var span: Span {
    switch self {
    case .named(let type): type.span
    case .decimal(let type): type.span
    case .array(let type): type.span
    case .map(let type): type.span
    case .structure(let type): type.span
    }
  }
}

/// `INT`, `STRING`, or the name of a custom type.
public struct NamedTypeName: Hashable, Sendable {
  public let name: Identifier
  public let span: Span
}

/// `DECIMAL(p, s)`; the bounds are not checked here.
public struct DecimalTypeName: Hashable, Sendable {
  public let precision: Int64
  public let scale: Int64
  public let span: Span
}

public struct ArrayTypeName: Hashable, Sendable {
  public let element: TypeName
  public let span: Span
}

public struct MapTypeName: Hashable, Sendable {
  public let key: TypeName
  public let value: TypeName
  public let span: Span
}

/// `STRUCT<a INT, ...>`; may have no field, may repeat a name.
public struct StructTypeName: Hashable, Sendable {
  public struct Field: Hashable, Sendable {
    public let name: Identifier
    public let type: TypeName
    public let span: Span
  }

  public let fields: [Field]
  public let span: Span
}
