// Text: whatever it is, it is parsed or diagnosed; what parses prints, and what is printed parses to the same
// tree. Statements that parse are bound against a small catalog.

import HeadraceColumns
import Headrace
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

final class ParserTarget: FuzzTarget {
  static let name = "parser"

  func run(_ input: UnsafeRawBufferPointer) {
    let source = SourceText(name: "input", text: Array(input))
    let (statements, diagnostics) = Parser.parse(script: source)
    // Drawing an excerpt takes longer than all the rest: one input in eight has its turn.
    let isDrawn = input.reduce(0) { $0 &+ $1 } & 7 == 0
    for diagnostic in diagnostics.prefix(isDrawn ? 2 : 0) {
      let rendered = diagnostic.rendered(in: source)
      for byte in rendered.utf8 where byte != 0x0A && (byte < 0x20 || byte == 0x7F) {
        broken("a diagnostic holds a control byte", rendered)
      }
    }
    for statement in statements {
      let text = Printer.print(statement)
      do {
        let again = try Parser.parse(statement: SourceText(name: "printed", text))
        guard again == statement else { broken("what is printed means something else", text) }
      } catch {
        broken("what is printed does not parse", text)
      }
    }
  }
}

final class PlannerTarget: FuzzTarget {
  static let name = "planner"

  static let sources = """
    CREATE STREAM s (k INT KEY, a INT, b BIGINT, d DOUBLE, t VARCHAR, m DECIMAL(9, 2), \
    l ARRAY<INT>, p MAP<VARCHAR, INT>, r STRUCT<x INT, y VARCHAR>, ts TIMESTAMP, dd DATE, f BOOLEAN) \
    WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE STREAM u (k INT KEY, a INT, t VARCHAR) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE TABLE v (k INT PRIMARY KEY, a INT, t VARCHAR) \
    WITH (KAFKA_TOPIC='v', VALUE_FORMAT='JSON', PARTITIONS=2);
    """
  private let catalog: Catalog

  init() {
    var catalog = Catalog(
      functions: .builtin, connectors: EngineOptions().connectorTraits)
    for statement in Parser.parse(script: SourceText(name: "catalog", Self.sources)).statements {
      guard case .createSource(let node) = statement else { continue }
      do {
        let context = BindingContext(catalog: catalog, properties: [:])
        catalog.add(
          try SourceBinder(context: context).bind(node, text: "", topicPartitions: { _ in 2 }))
      } catch {
        broken("the catalog", "\(error)")
      }
    }
    self.catalog = catalog
  }

  func run(_ input: UnsafeRawBufferPointer) {
    let source = SourceText(name: "input", text: Array(input))
    var catalog = catalog
    for statement in Parser.parse(script: source).statements {
      do {
        try plan(statement, &catalog)
      } catch {
        _ = Diagnostic(error).rendered(in: source)
      }
    }
  }

  private func plan(_ statement: Statement, _ catalog: inout Catalog) throws(PlanError) {
    let context = BindingContext(catalog: catalog, properties: [:])
    let partitions: (String) -> Int? = { _ in 2 }
    switch statement {
    case .query(let node):
      let purpose: QueryPurpose = node.query.emit == nil ? .pull : .push
      optimize(try QueryBinder(context: context, purpose: purpose).bind(node.query).plan)
    case .createSource(let node):
      catalog.add(
        try SourceBinder(context: context).bind(node, text: "", topicPartitions: partitions))
    case .createSourceAs(let node):
      let plan = try SinkBinder(context: context).bind(
        node, text: "", topicPartitions: partitions)
      catalog.add(plan.sink)
      optimize(plan.query.plan)
    case .insertSelect(let node):
      optimize(try SinkBinder(context: context).bind(node).query.plan)
    case .createType(let node): catalog.addType(node.name.name, try catalog.type(node.type))
    default: break
    }
  }

  private func optimize(_ plan: LogicalPlan) {
    let (optimized, _) = Optimizer(disabled: []).optimize(plan)
    _ = PhysicalPlanner().plan(optimized)
  }
}
