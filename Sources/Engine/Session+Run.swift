// Which statement does what.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func run(
    _ statement: Statement, text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    switch statement {
    case .query(let node): try run(node, text, handler)
    case .controlQuery(let node):
      // A submitted file is planned under the engine's lock, and push queries are no part of what
      // it defines.
      if draft == nil, try control(pushOf: node, handler) { break }
      try define(statement, text, handler)
    case .createSource, .createSourceAs, .insertSelect, .dropSource, .alterSource, .createType,
      .dropType, .createSchema, .alterSchema, .dropSchema:
      try define(statement, text, handler)
    case .insertValues(let node): try insert(node, handler)
    case .explain(let node): try explain(node, text, handler)
    case .describe(let node): try describe(node, handler)
    case .show(let node): try show(node, handler)
    case .printTopic(let node): try printTopic(node, handler)
    case .setProperty(let node):
      let (value, isIdle) = try set(node)
      handler.message(
        "Property '\(node.name.value)' set to '\(Secret.shown(value, of: node.name.value))'"
          + (isIdle ? "; it has no effect in Headrace" : ""))
    case .unsetProperty(let node):
      try unset(node)
      handler.message("Property '\(node.name.value)' unset")
    case .alterSystem(let node):
      throw refused("ALTER SYSTEM", "there is one user; use SET", node.span)
    case .defineVariable(let node):
      define(node.name.name, node.value.value)
    case .undefineVariable(let node):
      undefine(node.name.name)
    case .assertTopic(let node): try assert(node, handler)
    case .checkSchema(let node): try checkSchema(node, handler)
    case .assertSchema(let node): try assert(node, handler)
    case .assertValues(let node): try assert(node, handler)
    case .assertSource(let node): try assert(node, handler)
    case .createConnector(let node):
      throw refused("CREATE CONNECTOR", "there is no Kafka Connect; use COPY or produce", node.span)
    case .dropConnector(let node):
      throw refused("DROP CONNECTOR", "there is no Kafka Connect", node.span)
    case .runScript(let node): try runScript(node, text, handler)
    case .copyFrom(let node): try copy(node, handler)
    case .copyTo(let node): try copy(node, handler)
    }
  }

  func refused(_ what: String, _ why: String, _ span: Span) -> StatementFailure {
    .plan(.refused(what, because: why, at: span))
  }

  func unsupported(_ what: String, _ span: Span) -> StatementFailure {
    .plan(.unsupported(what, at: span))
  }
}
