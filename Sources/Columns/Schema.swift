// The columns of a source or of a plan node: names, types and roles.

import HeadraceFoundations

/// A named column and where it lives in a record.
public struct SchemaColumn: Hashable, Sendable {
  public enum Role: Hashable, Sendable {
    case key
    case value
    /// All headers (`key` nil), or the last one with that key.
    case headers(key: String?)
  }

  public var name: String
  public var type: DataType
  public var role: Role

  public init(_ name: String, _ type: DataType, _ role: Role = .value) {
    self.name = name
    self.type = type
    self.role = role
  }

  public var isKey: Bool { role == .key }
}

/// Invariant: names are unique.
public struct Schema: Hashable, Sendable {
  public var columns: [SchemaColumn]

  public init(_ columns: [SchemaColumn]) { self.columns = columns }

  public var keys: [SchemaColumn] { columns.filter(\.isKey) }
  public var values: [SchemaColumn] { columns.filter { $0.role == .value } }

  public func index(of name: String) -> Int? { columns.firstIndex { $0.name == name } }

  public subscript(name: String) -> SchemaColumn? { columns.first { $0.name == name } }
}

extension Schema: CustomStringConvertible {
  /// KSQL's text, keys first, then headers: `` `ID` BIGINT KEY, `NAME` STRING ``.
  public var description: String {
    let ordered = keys + columns.filter { !$0.isKey && $0.role != .value } + values
    return ordered.map { column in
      let suffix: String
      switch column.role {
      case .key: suffix = " KEY"
      case .value: suffix = ""
      case .headers(key: nil): suffix = " HEADERS"
      case .headers(let key?): suffix = " HEADER('\(key)')"
      }
      return "\(quotedIdentifier(column.name)) \(column.type)\(suffix)"
    }.joined(separator: ", ")
  }
}
