// Statements back to text, kind by kind.

import HeadraceFoundations

extension Printer {
  mutating func statement(_ statement: Statement) {
    switch statement {
    case .query(let node):
      query(node.query)
      if let wait = node.wait { self.wait(wait) }
    case .createSource(let node): createSource(node)
    case .createSourceAs(let node): createSourceAs(node)
    case .insertSelect(let node): insertSelect(node)
    case .insertValues(let node): insertValues(node)
    case .dropSource(let node): dropSource(node)
    case .alterSource(let node): alterSource(node)
    case .createType(let node):
      text += node.ifNotExists ? "CREATE TYPE IF NOT EXISTS " : "CREATE TYPE "
      identifier(node.name)
      text += " AS "
      type(node.type)
    case .dropType(let node):
      text += node.ifExists ? "DROP TYPE IF EXISTS " : "DROP TYPE "
      identifier(node.name)
    case .controlQuery(let node):
      text += node.action.rawValue + " "
      if let query = node.query { identifier(query) } else { text += "ALL" }
    case .explain(let node): explain(node)
    case .describe(let node): describe(node)
    case .show(let node): show(node)
    case .printTopic(let node): printTopic(node)
    case .setProperty(let node): assignment("SET ", node.name, node.value)
    case .unsetProperty(let node):
      text += "UNSET "
      string(node.name)
    case .alterSystem(let node): assignment("ALTER SYSTEM ", node.name, node.value)
    case .defineVariable(let node):
      text += "DEFINE "
      identifier(node.name)
      text += " = "
      string(node.value)
    case .undefineVariable(let node):
      text += "UNDEFINE "
      identifier(node.name)
    case .assertTopic(let node): assertTopic(node)
    case .assertSchema(let node): assertSchema(node)
    case .assertValues(let node): assertValues(node)
    case .assertSource(let node): assertSource(node)
    case .createConnector(let node): createConnector(node)
    case .dropConnector(let node):
      text += node.ifExists ? "DROP CONNECTOR IF EXISTS " : "DROP CONNECTOR "
      identifier(node.name)
    case .runScript(let node):
      text += "RUN SCRIPT "
      string(node.file)
    case .copyFrom(let node): copyFrom(node)
    case .copyTo(let node): copyTo(node)
    case .createSchema(let node): declaration("CREATE SCHEMA ", node)
    case .checkSchema(let node): declaration("CHECK SCHEMA ", node)
    case .alterSchema(let node):
      text += "ALTER SCHEMA "
      if let subject = node.subject { resourceName(subject) } else { text += "ALL" }
      text += " SET COMPATIBILITY "
      string(node.level)
    case .dropSchema(let node):
      text += node.ifExists ? "DROP SCHEMA IF EXISTS " : "DROP SCHEMA "
      resourceName(node.subject)
      if let version = node.version { text += " VERSION \(version.count)" }
    }
  }

  private mutating func declaration(_ words: String, _ node: SchemaDeclaration) {
    text += words
    resourceName(node.subject)
    properties(node.properties)
    text += node.isInFile ? " FROM FILE " : " AS "
    string(node.text)
  }

  private mutating func assignment(
    _ words: String, _ name: StringLiteral, _ value: StringLiteral
  ) {
    text += words
    string(name)
    text += " = "
    string(value)
  }

  // MARK: - Sources

  private mutating func createSource(_ node: CreateSource) {
    text += node.orReplace ? "CREATE OR REPLACE " : "CREATE "
    if node.isReadOnly { text += "SOURCE " }
    text += node.kind.rawValue + (node.ifNotExists ? " IF NOT EXISTS " : " ")
    identifier(node.name)
    elements(node.elements)
    properties(node.properties)
  }

  private mutating func createSourceAs(_ node: CreateSourceAs) {
    text += node.orReplace ? "CREATE OR REPLACE " : "CREATE "
    text += node.kind.rawValue + (node.ifNotExists ? " IF NOT EXISTS " : " ")
    identifier(node.name)
    properties(node.properties)
    text += " AS "
    query(node.query)
  }

  private mutating func elements(_ elements: [TableElement]?) {
    guard let elements else { return }
    text += " "
    parenthesized { printer in
      printer.list(elements) { $0.element($1) }
    }
  }

  private mutating func element(_ element: TableElement) {
    identifier(element.name)
    text += " "
    type(element.type)
    switch element.constraint {
    case nil: break
    case .key: text += " KEY"
    case .primaryKey: text += " PRIMARY KEY"
    case .headers: text += " HEADERS"
    case .header(let key): text += " HEADER(\(Printer.literal(key.value)))"
    }
  }

  private mutating func properties(_ properties: Properties?) {
    guard let properties else { return }
    text += " WITH "
    parenthesized { printer in
      printer.list(properties.items) { $0.property($1) }
    }
  }

  private mutating func property(_ property: Property) {
    if property.isStringName {
      text += Printer.literal(property.name.name)
    } else {
      identifier(property.name)
    }
    text += " = "
    expression(property.value, above: .lambda)
  }

  private mutating func wait(_ wait: WaitClause) {
    switch wait.target {
    case .row: text += " WAIT "
    case .writes: text += " WAIT FOR WRITES TIMEOUT "
    case .record(let name, let offset, let partition):
      text += " WAIT FOR "
      identifier(name)
      text += " OFFSET \(offset)"
      if partition != 0 { text += " PARTITION \(partition)" }
      text += " TIMEOUT "
    }
    duration(wait.duration)
  }

  private mutating func insertSelect(_ node: InsertSelect) {
    text += "INSERT INTO "
    identifier(node.target)
    properties(node.properties)
    text += " "
    if node.properties == nil, node.query.isBare, case .values? = node.query.plainSelect?.from {
      // Without parentheses they are rows to insert.
      return parenthesized { $0.query(node.query) }
    }
    query(node.query)
  }

  private mutating func insertValues(_ node: InsertValues) {
    text += "INSERT INTO "
    identifier(node.target)
    names(node.columns)
    text += " VALUES "
    list(node.rows) { $0.row($1) }
    switch node.condition?.kind {
    case .notExists?: text += " IF NOT EXISTS"
    case .version(let version)?: text += " IF VERSION = \(version)"
    case nil: break
    }
  }

  mutating func names(_ names: [Identifier]) {
    guard !names.isEmpty else { return }
    text += " "
    parenthesized { printer in
      printer.list(names) { $0.identifier($1) }
    }
  }

  mutating func row(_ row: ValuesRow) {
    parenthesized { $0.expressions(row.values) }
  }

  private mutating func dropSource(_ node: DropSource) {
    text += "DROP " + node.kind.rawValue + (node.ifExists ? " IF EXISTS " : " ")
    identifier(node.name)
    if node.deleteTopic { text += " DELETE TOPIC" }
  }

  private mutating func alterSource(_ node: AlterSource) {
    text += "ALTER " + node.kind.rawValue + " "
    identifier(node.name)
    text += " "
    list(node.additions) { printer, addition in
      printer.text += "ADD COLUMN "
      printer.identifier(addition.name)
      printer.text += " "
      printer.type(addition.type)
    }
  }

  private mutating func copyFrom(_ node: CopyFrom) {
    text += "COPY "
    identifier(node.target)
    names(node.columns)
    text += " FROM " + (node.file.map { Printer.literal($0.value) } ?? "STDIN")
    properties(node.properties)
  }

  private mutating func copyTo(_ node: CopyTo) {
    text += "COPY "
    switch node.origin {
    case .source(let name): identifier(name)
    case .query(let query): parenthesized { $0.query(query) }
    }
    text += " TO " + (node.file.map { Printer.literal($0.value) } ?? "STDOUT")
    properties(node.properties)
  }

  private mutating func createConnector(_ node: CreateConnector) {
    text += "CREATE " + node.kind.rawValue + " CONNECTOR "
    if node.ifNotExists { text += "IF NOT EXISTS " }
    identifier(node.name)
    properties(node.properties)
  }

  private mutating func assertSource(_ node: AssertSource) {
    text += "ASSERT " + node.kind.rawValue + " "
    identifier(node.name)
    elements(node.elements)
    properties(node.properties)
  }

  private mutating func assertTopic(_ node: AssertTopic) {
    text += node.isNegated ? "ASSERT NOT EXISTS TOPIC " : "ASSERT TOPIC "
    resourceName(node.topic)
    properties(node.properties)
    timeout(node.timeout)
  }

  private mutating func assertSchema(_ node: AssertSchema) {
    text += node.isNegated ? "ASSERT NOT EXISTS SCHEMA" : "ASSERT SCHEMA"
    if let subject = node.subject {
      text += " SUBJECT "
      resourceName(subject)
    }
    if let id = node.id { text += " ID \(id.count)" }
    timeout(node.timeout)
  }

  private mutating func assertValues(_ node: AssertValues) {
    text += node.isTombstone ? "ASSERT NULL VALUES " : "ASSERT VALUES "
    identifier(node.source)
    names(node.columns)
    text += node.isTombstone ? " KEY " : " VALUES "
    row(node.row)
  }

  private mutating func timeout(_ timeout: DurationLiteral?) {
    guard let timeout else { return }
    text += " TIMEOUT "
    duration(timeout)
  }
}
