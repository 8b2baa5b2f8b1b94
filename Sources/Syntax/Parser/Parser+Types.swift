// Types as written in column definitions, CAST and CREATE TYPE.

import HeadraceFoundations

extension Parser {
  /// Production `type`.
  mutating func parseType() throws(DiagnosticError) -> TypeName {
    let entered = depth
    defer { depth = entered }
    try enter()
    let start = current.start
    var type = try parseTypePrimary()
    // `T ARRAY ARRAY` nests like `ARRAY<ARRAY<T>>`, so each word counts as a level.
    while at(.array), peek().kind != .less {
      try enter()
      advance()
      type = .array(ArrayTypeName(element: type, span: span(from: start)))
    }
    return type
  }

  /// Production `type_primary`.
  mutating func parseTypePrimary() throws(DiagnosticError) -> TypeName {
    hint(.type)
    if at(.array), peek().kind == .less { return .array(try parseArrayType()) }
    if at(.map), peek().kind == .less { return .map(try parseMapType()) }
    if at(.struct), peek().kind == .less || peek().kind == .notEqual {
      return .structure(try parseStructType())
    }
    if at(.decimal) { return .decimal(try parseDecimalType()) }
    return .named(try parseNamedType())
  }

  /// Production `array_type`.
  mutating func parseArrayType() throws(DiagnosticError) -> ArrayTypeName {
    let start = current.start
    try expect(.array)
    try expect(.less)
    let element = try parseType()
    try expect(.greater)
    return ArrayTypeName(element: element, span: span(from: start))
  }

  /// Production `map_type`.
  mutating func parseMapType() throws(DiagnosticError) -> MapTypeName {
    let start = current.start
    try expect(.map)
    try expect(.less)
    let key = try parseType()
    try expect(.comma)
    let value = try parseType()
    try expect(.greater)
    return MapTypeName(key: key, value: value, span: span(from: start))
  }

  /// Production `struct_type`.
  mutating func parseStructType() throws(DiagnosticError) -> StructTypeName {
    let start = current.start
    try expect(.struct)
    var fields: [StructTypeName.Field] = []
    // `<>` is one token.
    if !take(.notEqual) {
      try expect(.less)
      if !at(.greater) {
        repeat { fields.append(try parseStructTypeField()) } while take(.comma)
      }
      try expect(.greater)
    }
    return StructTypeName(fields: fields, span: span(from: start))
  }

  /// Production `struct_type_field`.
  mutating func parseStructTypeField() throws(DiagnosticError) -> StructTypeName.Field {
    let start = current.start
    let name = try parseIdentifier()
    let type = try parseType()
    return StructTypeName.Field(name: name, type: type, span: span(from: start))
  }

  /// Production `decimal_type`.
  mutating func parseDecimalType() throws(DiagnosticError) -> DecimalTypeName {
    let start = current.start
    try expect(.decimal)
    try expect(.leftParen)
    let precision = try parseSignedInteger()
    try expect(.comma)
    let scale = try parseSignedInteger()
    try expect(.rightParen)
    return DecimalTypeName(precision: precision, scale: scale, span: span(from: start))
  }

  /// Production `signed_integer`; its bounds are the planner's concern.
  mutating func parseSignedInteger() throws(DiagnosticError) -> Int64 {
    let isInteger = current.kind == .minus ? peek().kind == .integerLiteral : at(.integerLiteral)
    guard isInteger, case .integer(let value) = try parseNumber().value else {
      throw syntaxError()
    }
    return value
  }

  /// Production `named_type`.
  mutating func parseNamedType() throws(DiagnosticError) -> NamedTypeName {
    let start = current.start
    if current.keyword == .struct || current.keyword == .map || current.keyword == .array {
      // Without its brackets this is the beginning of a nested type, not a name.
      advance()
      _ = at(.less)
      throw syntaxError()
    }
    let name = try parseIdentifier()
    if at(.leftParen) { try skipTypeParameter(of: name) }
    return NamedTypeName(name: name, span: span(from: start))
  }

  /// `VARCHAR(STRING)` was how old versions printed STRING; any other parameter is refused.
  private mutating func skipTypeParameter(of name: Identifier) throws(DiagnosticError) {
    let start = current.start
    try expect(.leftParen)
    let isLegacy = name.name == "VARCHAR" && current.keyword == .string
    guard isLegacy || current.kind == .integerLiteral else {
      _ = (at(.stringLiteral), at(.integerLiteral))
      throw syntaxError()
    }
    advance()
    try expect(.rightParen)
    if !isLegacy {
      throw DiagnosticError(.typeParameters(name.name, at: span(from: start)))
    }
  }
}
