// Statements that make, fill, change and drop streams, tables, types and connectors.

import HeadraceFoundations

extension Parser {
  /// Production `create`.
  mutating func parseCreate() throws(DiagnosticError) -> Statement {
    let start = current.start
    try expect(.create)
    let orReplace = take(.or)
    if orReplace { try expect(.replace) }
    if !orReplace {
      if at(.type) { return .createType(try parseCreateType(from: start)) }
      if at(.schema) { return .createSchema(try parseSchemaDeclaration(from: start)) }
      if at(.sink) || (at(.source) && isAhead(.connector)) {
        return .createConnector(try parseCreateConnector(from: start))
      }
    }
    let sourceSpan = current.span
    let isReadOnly = take(.source)
    let kind = try parseSourceKind()
    let ifNotExists = try ifNotExists()
    let name = try parseIdentifier()
    let listStart = current.start
    let elements = at(.leftParen) ? try parseTableElements() : nil
    let listSpan = span(from: listStart)
    let properties = at(.with) ? try parseWith() : nil
    guard at(.as) else {
      return .createSource(
        CreateSource(
          kind: kind, orReplace: orReplace, isReadOnly: isReadOnly, ifNotExists: ifNotExists,
          name: name, elements: elements, properties: properties, span: span(from: start)))
    }
    if elements != nil { throw DiagnosticError(.columnListWithQuery(at: listSpan)) }
    if isReadOnly { throw DiagnosticError(.readOnlyWithQuery(at: sourceSpan)) }
    let query = try parseAsQuery()
    return .createSourceAs(
      CreateSourceAs(
        kind: kind, orReplace: orReplace, ifNotExists: ifNotExists, name: name,
        properties: properties, query: query, span: span(from: start)))
  }

  /// Production `as_query`.
  mutating func parseAsQuery() throws(DiagnosticError) -> Query {
    try expect(.as)
    return try parseQuery()
  }

  /// Production `source_kind`.
  mutating func parseSourceKind() throws(DiagnosticError) -> SourceKind {
    if take(.table) { return .table }
    try expect(.stream)
    return .stream
  }

  /// `[IF NOT EXISTS]`; IF alone may be a name.
  private mutating func ifNotExists() throws(DiagnosticError) -> Bool {
    guard take(.if, .not) else { return false }
    try expect(.exists)
    return true
  }

  /// Production `create_type`, after CREATE.
  mutating func parseCreateType(from start: Int32) throws(DiagnosticError) -> CreateType {
    try expect(.type)
    let ifNotExists = try ifNotExists()
    let name = try parseIdentifier()
    try expect(.as)
    let type = try parseType()
    return CreateType(ifNotExists: ifNotExists, name: name, type: type, span: span(from: start))
  }

  /// Production `create_connector`, after CREATE.
  mutating func parseCreateConnector(
    from start: Int32
  ) throws(DiagnosticError) -> CreateConnector {
    let kind = take(.sink) ? ConnectorKind.sink : .source
    if kind == .source { try expect(.source) }
    try expect(.connector)
    let ifNotExists = try ifNotExists()
    let name = try parseIdentifier()
    let properties = try parseWith()
    return CreateConnector(
      kind: kind, ifNotExists: ifNotExists, name: name, properties: properties,
      span: span(from: start))
  }

  /// Production `table_elements`.
  mutating func parseTableElements() throws(DiagnosticError) -> [TableElement] {
    try expect(.leftParen)
    var elements: [TableElement] = []
    repeat { elements.append(try parseTableElement()) } while take(.comma)
    try expect(.rightParen)
    return elements
  }

  /// Production `table_element`.
  mutating func parseTableElement() throws(DiagnosticError) -> TableElement {
    let start = current.start
    let name = try parseIdentifier()
    let type = try parseType()
    let constraintStart = current.start
    var constraint: TableElement.Constraint?
    if take(.primary) {
      try expect(.key)
      constraint = .primaryKey
    } else if take(.key) {
      constraint = .key
    } else if take(.headers) {
      constraint = .headers
    } else if take(.header) {
      try expect(.leftParen)
      constraint = .header(try parseString())
      try expect(.rightParen)
    }
    return TableElement(
      name: name, type: type, constraint: constraint,
      constraintSpan: constraint == nil ? .none : span(from: constraintStart),
      span: span(from: start))
  }

  /// Production `with`.
  mutating func parseWith() throws(DiagnosticError) -> Properties {
    let start = current.start
    try expect(.with)
    try expect(.leftParen)
    var items: [Property] = []
    repeat { items.append(try parseProperty()) } while take(.comma)
    try expect(.rightParen)
    return Properties(items: items, span: span(from: start))
  }

  /// Production `property`.
  mutating func parseProperty() throws(DiagnosticError) -> Property {
    let start = current.start
    let isStringName = at(.stringLiteral)
    let name = isStringName ? try parseResourceName() : try parseIdentifier()
    try expect(.equal)
    let value: Expression =
      current.kind == .variable ? .variable(parseVariable()) : .literal(try parseLiteral())
    return Property(
      name: name, isStringName: isStringName, value: value, span: span(from: start))
  }

  /// Production `insert`.
  mutating func parseInsert() throws(DiagnosticError) -> Statement {
    let start = current.start
    try expect(.insert)
    try expect(.into)
    let target = try parseIdentifier()
    let isQuery = current.kind == .leftParen && opensQuery
    if !isQuery, at(.leftParen) || at(.values) {
      let atValues = self
      let values = try parseInsertValues(into: target, from: start)
      let clauses: [Keyword?] = [.union, .except, .intersect, .emit, .order, .limit, .offset]
      guard values.columns.isEmpty, values.condition == nil, clauses.contains(current.keyword)
      else { return .insertValues(values) }
      // They are a branch of a query.
      self = atValues
    }
    let properties = at(.with) && peek().kind == .leftParen ? try parseWith() : nil
    let query = try parseQuery()
    return .insertSelect(
      InsertSelect(target: target, properties: properties, query: query, span: span(from: start)))
  }

  /// Production `insert_values`.
  mutating func parseInsertValues(
    into target: Identifier, from start: Int32
  ) throws(DiagnosticError) -> InsertValues {
    let columns = at(.leftParen) ? try parseColumnNames() : []
    try expect(.values)
    var rows: [ValuesRow] = []
    repeat { rows.append(try parseRow()) } while take(.comma)
    let condition = at(.if) ? try parseInsertCondition() : nil
    return InsertValues(
      target: target, columns: columns, rows: rows, condition: condition, span: span(from: start))
  }

  /// Production `insert_condition`.
  mutating func parseInsertCondition() throws(DiagnosticError) -> InsertCondition {
    let start = current.start
    try expect(.if)
    if take(.not) {
      try expect(.exists)
      return InsertCondition(kind: .notExists, span: span(from: start))
    }
    try expect(.version)
    try expect(.equal)
    let count = try parseCount()
    return InsertCondition(kind: .version(count.count), span: span(from: start))
  }

  /// Production `column_names`.
  mutating func parseColumnNames() throws(DiagnosticError) -> [Identifier] {
    try expect(.leftParen)
    var names: [Identifier] = []
    repeat { names.append(try parseIdentifier()) } while take(.comma)
    try expect(.rightParen)
    return names
  }

  /// Production `row`.
  mutating func parseRow() throws(DiagnosticError) -> ValuesRow {
    let start = current.start
    try expect(.leftParen)
    let values = at(.rightParen) ? [] : try parseExpressionList()
    try expect(.rightParen)
    return ValuesRow(values: values, span: span(from: start))
  }

  /// Production `drop`.
  mutating func parseDrop() throws(DiagnosticError) -> Statement {
    let start = current.start
    try expect(.drop)
    if take(.type) {
      let ifExists = take(.if, .exists)
      let name = try parseIdentifier()
      return .dropType(DropType(ifExists: ifExists, name: name, span: span(from: start)))
    }
    if take(.connector) {
      let ifExists = take(.if, .exists)
      let name = try parseIdentifier()
      return .dropConnector(
        DropConnector(ifExists: ifExists, name: name, span: span(from: start)))
    }
    if at(.schema) { return .dropSchema(try parseDropSchema(from: start)) }
    let kind = try parseSourceKind()
    let ifExists = take(.if, .exists)
    let name = try parseIdentifier()
    let deleteTopic = take(.delete)
    if deleteTopic { try expect(.topic) }
    return .dropSource(
      DropSource(
        kind: kind, ifExists: ifExists, name: name, deleteTopic: deleteTopic,
        span: span(from: start)))
  }

  /// Production `alter`.
  mutating func parseAlter() throws(DiagnosticError) -> Statement {
    let start = current.start
    try expect(.alter)
    if take(.system) {
      let name = try parseString()
      try expect(.equal)
      let value = try parseString()
      return .alterSystem(AlterSystem(name: name, value: value, span: span(from: start)))
    }
    if at(.schema) { return .alterSchema(try parseAlterSchema(from: start)) }
    let kind = try parseSourceKind()
    let name = try parseIdentifier()
    var additions: [AlterSource.Addition] = []
    repeat { additions.append(try parseAddition()) } while take(.comma)
    return .alterSource(
      AlterSource(kind: kind, name: name, additions: additions, span: span(from: start)))
  }

  /// Production `addition`.
  mutating func parseAddition() throws(DiagnosticError) -> AlterSource.Addition {
    let start = current.start
    try expect(.add)
    // COLUMN may be the name itself: it is the keyword only if a name and a type follow it.
    if at(.column), peek().isIdentifier {
      let type = peek(2)
      let isSuffix = type.keyword == .array && peek(3).kind != .less
      if (type.isIdentifier || type.keyword == .decimal) && !isSuffix { advance() }
    }
    let name = try parseIdentifier()
    let type = try parseType()
    return AlterSource.Addition(name: name, type: type, span: span(from: start))
  }
}
