// The last step of a SELECT: which items are the key, and whether the projection is allowed.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// Puts the projection on top of the plan.
  func finish(_ items: [BoundItem], _ step: Step) throws(PlanError) -> BoundQuery {
    var keyOf: [Int: Int] = [:]
    var missing: [KeySlot] = []
    for (slotIndex, slot) in step.keys.enumerated() {
      var found: [Int] = []
      for equivalent in [slot.column.reference] + slot.equivalents.map(\.expression) {
        found = items.indices.filter {
          items[$0].expression == equivalent && keyOf[$0] == nil
        }
        if !found.isEmpty { break }
      }
      if found.isEmpty {
        missing.append(slot)
      } else if found.count > 1, isPersistent {
        throw duplicateKey(slot, found.map { items[$0] }, step)
      }
      if let first = found.first { keyOf[first] = slotIndex }
    }
    if isPersistent, !missing.isEmpty {
      guard context.properties["ksql.new.query.planner.enabled"] == "true", !step.plan.isTable
      else { throw missingKey(missing, step, items) }
      // ksqlDB's other planner lets a stream go without its key.
      var keyless = step
      keyless.plan = .rekey(Rekey(input: step.plan, keys: [], dropsNullKeys: false))
      keyless.keys = []
      return try finish(items, keyless)
    }
    var projected: [Project.Item] = []
    var keys = [ColumnID?](repeating: nil, count: step.keys.count)
    for (index, item) in items.enumerated() {
      guard let type = item.type ?? (isPersistent ? nil : .string) else {
        throw .untypedNull(at: item.span)
      }
      let column = context.newColumn(item.name, type)
      var expression = item.expression
      if let slot = keyOf[index] {
        keys[slot] = column.id
        expression = step.keys[slot].column.reference
      }
      projected.append(Project.Item(column: column, expression: expression))
    }
    try checkNames(items, keyOf)
    let complete = keys.allSatisfy { $0 != nil } ? keys.compactMap { $0 } : []
    if isPersistent, keyOf.count == items.count, !allowsKeysAlone {
      throw .noValueColumns(at: items.first?.span ?? .none)
    }
    var project = Project(input: step.plan, items: projected, keys: complete)
    if let bounds = step.plan.windowBounds {
      for (id, name) in zip([bounds.start, bounds.end], SystemColumn.windowBounds) {
        project.windowItems.append(
          Project.Item(
            column: context.newColumn(name, .bigint), expression: .column(id, .bigint)))
      }
    }
    var result = BoundQuery(
      plan: .project(project), keys: complete, emit: nil, limit: nil,
      columns: projected.map(\.column))
    let bounds = Set(project.windowItems.map(\.expression))
    result.windowKeys = projected.filter { bounds.contains($0.expression) }.map(\.column.id)
    return result
  }

  private func checkNames(_ items: [BoundItem], _ keyOf: [Int: Int]) throws(PlanError) {
    guard isPersistent else { return }
    var seen: [TextKey: Int] = [:]
    for (index, item) in items.enumerated() {
      if seen[item.name] != nil {
        let role = keyOf[index] != nil ? "key" : "value"
        throw .duplicateProjection(
          item.name, type: item.type?.description ?? "", role: role, at: item.span)
      }
      seen[item.name] = index
    }
  }

  private func duplicateKey(_ slot: KeySlot, _ items: [BoundItem], _ step: Step) -> PlanError {
    let names = items.map { $0.name }
    if step.keyWord == "grouping expression" {
      return .groupingKeyTwice(names, at: items[1].span)
    }
    return .keyTwice(slot.column.name, names: names, at: items[1].span)
  }

  private func missingKey(_ missing: [KeySlot], _ step: Step, _ items: [BoundItem]) -> PlanError {
    let span = items.first?.span ?? .none
    if step.isForeignKeyJoin {
      let source = step.plan.scans.first?.alias ?? ""
      let plural = missing.count > 1 ? "s" : ""
      let names = missing.map { "`\($0.equivalents.first?.text ?? $0.column.name)`" }
      return .foreignKeyWithoutPrimary(names, source: source, plural: plural, at: span)
    }
    let names: String
    let example: String
    var plural = ""
    if step.keyWord == "join expression" {
      let texts = missing[0].equivalents.map(\.text)
      names = listed(texts, conjunction: "or")
      example = texts.first ?? ""
      plural = texts.count > 1 ? "s" : ""
    } else {
      let texts = step.keys.map { $0.equivalents.first?.text ?? $0.column.name }
      names = listed(texts, conjunction: "and")
      example = texts.joined(separator: ", ")
      plural = texts.count > 1 ? "s" : ""
    }
    return .missingKey(
      names, kind: step.keyWord + plural, example: example, sink: sinkName,
      isSynthetic: missing[0].isSynthetic, at: span)
  }
}
