// Statements: one case and one struct for each kind.
//
// Statements that this engine refuses (connectors) are parsed all the same, so that the refusal
// can name them and point at them.

/// One statement of a script, without its semicolon.
public indirect enum Statement: Hashable, Sendable {
  case query(QueryStatement)
  case createSource(CreateSource)
  case createSourceAs(CreateSourceAs)
  case insertSelect(InsertSelect)
  case insertValues(InsertValues)
  case dropSource(DropSource)
  case alterSource(AlterSource)
  case createType(CreateType)
  case dropType(DropType)
  case controlQuery(ControlQuery)
  case explain(Explain)
  case describe(Describe)
  case show(Show)
  case printTopic(PrintTopic)
  case setProperty(SetProperty)
  case unsetProperty(UnsetProperty)
  case alterSystem(AlterSystem)
  case defineVariable(DefineVariable)
  case undefineVariable(UndefineVariable)
  case assertTopic(AssertTopic)
  case assertSchema(AssertSchema)
  case assertValues(AssertValues)
  case assertSource(AssertSource)
  case createConnector(CreateConnector)
  case dropConnector(DropConnector)
  case runScript(RunScript)
  case copyFrom(CopyFrom)
  case copyTo(CopyTo)
  case createSchema(SchemaDeclaration)
  case checkSchema(SchemaDeclaration)
  case alterSchema(AlterSchema)
  case dropSchema(DropSchema)

  public var span: Span {
    switch self {
    case .query(let statement): statement.span
    case .createSource(let statement): statement.span
    case .createSourceAs(let statement): statement.span
    case .insertSelect(let statement): statement.span
    case .insertValues(let statement): statement.span
    case .dropSource(let statement): statement.span
    case .alterSource(let statement): statement.span
    case .createType(let statement): statement.span
    case .dropType(let statement): statement.span
    case .controlQuery(let statement): statement.span
    case .explain(let statement): statement.span
    case .describe(let statement): statement.span
    case .show(let statement): statement.span
    case .printTopic(let statement): statement.span
    case .setProperty(let statement): statement.span
    case .unsetProperty(let statement): statement.span
    case .alterSystem(let statement): statement.span
    case .defineVariable(let statement): statement.span
    case .undefineVariable(let statement): statement.span
    case .assertTopic(let statement): statement.span
    case .assertSchema(let statement): statement.span
    case .assertValues(let statement): statement.span
    case .assertSource(let statement): statement.span
    case .createConnector(let statement): statement.span
    case .dropConnector(let statement): statement.span
    case .runScript(let statement): statement.span
    case .copyFrom(let statement): statement.span
    case .copyTo(let statement): statement.span
    case .createSchema(let statement), .checkSchema(let statement): statement.span
    case .alterSchema(let statement): statement.span
    case .dropSchema(let statement): statement.span
    }
  }
}

/// A query on its own: push if it has EMIT, else pull. `WAIT` lets a pull query wait for its first
/// row.
public struct QueryStatement: Hashable, Sendable {
  public let query: Query
  public let wait: WaitClause?
  public let span: Span
}

/// `WAIT duration`, `WAIT FOR WRITES TIMEOUT duration`, `WAIT FOR source OFFSET n TIMEOUT
/// duration`.
public struct WaitClause: Hashable, Sendable {
  public enum Target: Hashable, Sendable {
    /// The first row of the answer.
    case row
    /// What the session has written.
    case writes
    case record(Identifier, offset: Int64, partition: Int64)
  }

  public let target: Target
  public let duration: DurationLiteral
  public let span: Span
}

/// `TERMINATE | PAUSE | RESUME  query | ALL`.
public struct ControlQuery: Hashable, Sendable {
  public enum Action: String, Hashable, Sendable {
    case terminate = "TERMINATE"
    case pause = "PAUSE"
    case resume = "RESUME"
  }

  public let action: Action
  /// Nil for ALL.
  public let query: Identifier?
  public let span: Span
}

/// `EXPLAIN [WHY | ANALYZE [DOT|MERMAID] | [AST|LOGICAL|OPTIMIZED|PHYSICAL] [DOT|MERMAID]]`, then
/// a statement or a query's id.
public struct Explain: Hashable, Sendable {
  /// What is asked besides the plan.
  public enum Question: String, Hashable, Sendable, CaseIterable {
    /// What the query has done: it is run, or runs.
    case analyze = "ANALYZE"
    /// Why it gives no rows.
    case why = "WHY"
  }

  /// The language of a drawing.
  public enum Drawing: String, Hashable, Sendable, CaseIterable {
    case dot = "DOT"
    case mermaid = "MERMAID"
  }

  public enum Stage: String, Hashable, Sendable, CaseIterable {
    case ast = "AST"
    case logical = "LOGICAL"
    case optimized = "OPTIMIZED"
    case physical = "PHYSICAL"
  }

  public enum Target: Hashable, Sendable {
    case statement(Statement)
    case query(Identifier)
  }

  /// Nil if not written, as the next two.
  public let question: Question?
  /// Nil where there is a question.
  public let stage: Stage?
  /// Nil: indented text.
  public let drawing: Drawing?
  public let target: Target
  public let span: Span
}

/// `PRINT topic [FROM BEGINNING] [INTERVAL|SAMPLE n] [LIMIT n]`.
public struct PrintTopic: Hashable, Sendable {
  /// A name or a string; a topic written as a string counts as quoted.
  public let topic: Identifier
  public let isFromBeginning: Bool
  public let interval: CountClause?
  public let limit: CountClause?
  public let span: Span
}

/// `RUN SCRIPT 'file'`.
public struct RunScript: Hashable, Sendable {
  public let file: StringLiteral
  public let span: Span
}

public struct CreateType: Hashable, Sendable {
  public let ifNotExists: Bool
  public let name: Identifier
  public let type: TypeName
  public let span: Span
}

public struct DropType: Hashable, Sendable {
  public let ifExists: Bool
  public let name: Identifier
  public let span: Span
}
