// Statements about registered schemas.

import HeadraceFoundations

extension Parser {
  /// Production `schema_declaration`.
  mutating func parseSchemaDeclaration(
    from start: Int32
  ) throws(DiagnosticError) -> SchemaDeclaration {
    try expect(.schema)
    let subject = try parseResourceName()
    let properties = at(.with) ? try parseWith() : nil
    let isInFile = take(.from)
    try expect(isInFile ? .file : .as)
    let text = try parseString()
    return SchemaDeclaration(
      subject: subject, properties: properties, text: text, isInFile: isInFile,
      span: span(from: start))
  }

  /// Production `check_schema`.
  mutating func parseCheckSchema() throws(DiagnosticError) -> SchemaDeclaration {
    let start = current.start
    try expect(.check)
    return try parseSchemaDeclaration(from: start)
  }

  /// Production `alter_schema`.
  mutating func parseAlterSchema(from start: Int32) throws(DiagnosticError) -> AlterSchema {
    try expect(.schema)
    let subject = take(.all) ? nil : try parseResourceName()
    try expect(.set)
    try expect(.compatibility)
    _ = take(.equal)
    let level = try parseString()
    return AlterSchema(subject: subject, level: level, span: span(from: start))
  }

  /// Production `drop_schema`.
  mutating func parseDropSchema(from start: Int32) throws(DiagnosticError) -> DropSchema {
    try expect(.schema)
    let ifExists = take(.if, .exists)
    let subject = try parseResourceName()
    let version = take(.version) ? try parseCount() : nil
    return DropSchema(
      ifExists: ifExists, subject: subject, version: version, span: span(from: start))
  }
}
