// The schema oracle: binds a case's statements and compares every source with what ksqlDB made of them.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

struct SchemaOracle {
  let functions: FunctionRegistry

  /// nil when every source agrees, else what differs.
  func check(_ testCase: Case) -> String? {
    var catalog = Catalog(functions: functions)
    for statement in testCase.statements {
      if let problem = apply(statement, testCase, &catalog) { return problem }
    }
    for golden in testCase.goldenSources {
      guard let name = golden["name"]?.string else { continue }
      guard let source = catalog.sources[name] else { return "source \(name) was not made" }
      let wanted = golden["schema"]?.string ?? ""
      if source.schema.description != wanted {
        return "schema of \(name): wanted \(wanted), got \(source.schema)"
      }
      if golden["type"]?.string != source.kind.rawValue {
        return "type of \(name): got \(source.kind.rawValue)"
      }
      if let format = golden["keyFormat"]?["format"]?.string,
        format != source.keyFormat.format.name
      {
        return "key format of \(name): wanted \(format), got \(source.keyFormat.format.name)"
      }
      if let format = golden["valueFormat"]?.string, format != source.valueFormat.format.name {
        return "value format of \(name): wanted \(format), got \(source.valueFormat.format.name)"
      }
      let window = golden["keyFormat"]?["windowType"]?.string
      if window != source.window?.kind.rawValue {
        return
          "window of \(name): wanted \(window ?? "none"), got \(source.window?.kind.rawValue ?? "none")"
      }
    }
    return nil
  }

  private func apply(_ text: String, _ testCase: Case, _ catalog: inout Catalog) -> String? {
    let context = BindingContext(
      catalog: catalog, properties: testCase.properties, registry: CaseRegistry(testCase))
    let statement: Statement
    do {
      statement = try Parser.parse(statement: SourceText(name: "case", text))
    } catch {
      return "parse: \(error)"
    }
    do throws(PlanError) {
      switch statement {
      case .createSource(let node):
        catalog.add(
          try SourceBinder(context: context).bind(node, text: text, topicPartitions: { _ in nil }))
      case .createSourceAs(let node):
        catalog.add(
          try SinkBinder(context: context).bind(node, text: text, topicPartitions: { _ in nil })
            .sink)
      case .insertSelect(let node): _ = try SinkBinder(context: context).bind(node)
      case .createType(let node): catalog.addType(node.name.name, try catalog.type(node.type))
      case .dropType(let node): catalog.removeType(node.name.name)
      case .dropSource(let node): catalog.removeSource(node.name.name)
      case .alterSource(let node):
        var source = try catalog.source(node.name)
        for addition in node.additions {
          source.schema.columns.append(
            SchemaColumn(addition.name.name, try catalog.type(addition.type)))
        }
        catalog.add(source)
      default: break
      }
    } catch {
      return "[\(error.id)] \(error.message)"
    }
    return nil
  }
}
