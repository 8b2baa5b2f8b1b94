// What a declared file says that there is: its statements as items, each with a name by which it is
// known when the file changes. SET and DEFINE hold for what stands behind them.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

struct DeclaredItem {
  enum Kind {
    /// Derived: a query writes it.
    case source(SourceKind, isDerived: Bool)
    case insert
    case type
  }

  /// What it is known by, within its file.
  var key: String
  var kind: Kind
  /// Of the source, the type, or the target.
  var name: String
  var statement: Statement
  var text: SourceText
  /// The properties that hold for it.
  var properties: [TextKey: String]
  /// Equal to that of an earlier version: nothing has changed. However it is laid out.
  var content: String
  var settings: String

  var isDerived: Bool {
    if case .source(_, isDerived: true) = kind { return true }
    return false
  }

  var isTable: Bool {
    if case .source(.table, _) = kind { return true }
    return false
  }

  /// The statement that takes it away. `query`: the one of an INSERT.
  func dropText(query: String?, deletesTopic: Bool) -> String {
    let quoted = "`" + name.replacing("`", with: "``") + "`"
    switch kind {
    case .source(let kind, _):
      return "DROP \(kind.rawValue) \(quoted)" + (deletesTopic ? " DELETE TOPIC;" : ";")
    case .insert: return "TERMINATE `\(query ?? "")`;"
    case .type: return "DROP TYPE \(quoted);"
    }
  }
}

extension Session {
  /// Throws: the first statement that declares nothing, or a name that is declared twice. The
  /// session's variables and properties change as the script says.
  func declaredItems(_ source: SourceText) throws(EngineError) -> [DeclaredItem] {
    var items: [DeclaredItem] = []
    var inserts = 0
    for range in Self.statements(source) {
      let (statement, text) = try parse(source.part(range))
      do throws(StatementFailure) {
        guard let (key, name, kind) = try declares(statement, &inserts) else { continue }
        guard !items.contains(where: { $0.key == key }) else {
          throw .plan(.declaredTwice(name, at: statement.span))
        }
        let settings = changedProperties.sorted().map { "\($0.text)=\(properties[$0] ?? "")" }
        items.append(
          DeclaredItem(
            key: key, kind: kind, name: name, statement: statement, text: text,
            properties: properties, content: Printer.print(statement),
            settings: settings.joined(separator: "\n")))
      } catch {
        throw error.located(text)
      }
    }
    return items
  }

  /// nil: it is for the statements behind it.
  private func declares(
    _ statement: Statement, _ inserts: inout Int
  ) throws(StatementFailure) -> (key: String, name: String, kind: DeclaredItem.Kind)? {
    switch statement {
    case .createSource(let node):
      let name = node.name.name
      return ("source \(name)", name, .source(node.kind, isDerived: false))
    case .createSourceAs(let node):
      let name = node.name.name
      return ("source \(name)", name, .source(node.kind, isDerived: true))
    case .insertSelect(let node):
      inserts += 1
      return ("insert \(inserts) \(node.target.name)", node.target.name, .insert)
    case .createType(let node): return ("type \(node.name.name)", node.name.name, .type)
    case .setProperty(let node): _ = try set(node)
    case .unsetProperty(let node): try unset(node)
    case .defineVariable(let node): define(node.name.name, node.value.value)
    case .undefineVariable(let node): undefine(node.name.name)
    case .query, .insertValues, .dropSource, .alterSource, .dropType, .controlQuery, .createSchema,
      .alterSchema, .dropSchema, .explain, .describe, .show, .printTopic, .alterSystem,
      .assertTopic, .assertSchema, .assertValues, .assertSource, .createConnector,
      .dropConnector, .runScript, .copyFrom, .copyTo, .checkSchema:
      throw .plan(.declaresNothing(at: statement.span))
    }
    return nil
  }
}
