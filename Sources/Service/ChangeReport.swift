// What a change of definitions means, in words: for --check, and for the log of a declared file.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

/// What a change of definitions means, in words.
struct ChangeReport {
  private(set) var lines: [String] = []
  private let change: CatalogChange
  private let before: Definitions
  private let draft: StatementDraft
  private let engine: Engine

  init(
    _ change: CatalogChange, _ before: Definitions, _ draft: StatementDraft, _ engine: Engine
  ) {
    self.change = change
    self.before = before
    self.draft = draft
    self.engine = engine
    guard !change.isEmpty else {
      lines = [change.message.isEmpty ? "nothing changes" : "nothing changes: \(change.message)"]
      return
    }
    var effects: [String] = []
    for step in change.steps { tell(step, &effects) }
    for name in change.topicsDeleted {
      effects.append("topic \(name) is deleted with its \(records(name))")
    }
    lines += effects
  }

  private mutating func tell(_ step: CatalogChange.Step, _ effects: inout [String]) {
    switch step {
    case .addSource(let source): tell(source, &effects)
    case .removeSource(let name):
      let source = before.catalog.sources[name]
      lines.append("drops \(source.map(noun) ?? "source") \(name)")
      if let topic = source?.topic, source?.hasTopic ?? false,
        !change.topicsDeleted.contains(topic)
      {
        effects.append("topic \(topic) stays, with its \(records(topic))")
      }
    case .addType(let name, let type): lines.append("creates type \(name): \(type)")
    case .removeType(let name): lines.append("drops type \(name)")
    case .defineQuery(let query): tell(query, &effects)
    case .takePlace(let id, let query):
      effects.append("query \(query.id) takes the place of \(id)")
    case .endQuery(let id): effects.append("query \(id) ends, and its state goes")
    case .pause(let ids): lines.append("pauses \(ids.joined(separator: ", "))")
    case .resume(let ids): lines.append("resumes \(ids.joined(separator: ", "))")
    case .schema: lines.append("registers: " + change.message)
    }
  }

  private mutating func tell(_ source: SourceDefinition, _ effects: inout [String]) {
    guard let old = before.catalog.sources[source.name] else {
      lines.append("creates \(noun(source)) \(source.name)")
      if let input = source.input {
        effects.append("over a \(input.kind.noun)")
      } else if change.topicsCreated.contains(where: { $0.name == source.topic }) {
        let partitions = counted(source.partitions, "partition")
        effects.append("topic \(source.topic) is made, with \(partitions)")
      } else {
        effects.append("over topic \(source.topic), which holds \(records(source.topic))")
      }
      return
    }
    // Where the query is told of, the source has nothing more to say.
    lines.insert("replaces \(noun(source)) \(source.name)", at: 0)
    let columns = old.schema.columns.map { "\($0.name) \($0.type)" }
    let now = source.schema.columns.map { "\($0.name) \($0.type)" }
    for column in now where !columns.contains(column) { effects.append("new column \(column)") }
    for column in columns where !now.contains(column) { effects.append("without column \(column)") }
  }

  private mutating func tell(_ query: QueryDefinition, _ effects: inout [String]) {
    if let old = before.query(query.id) {
      effects += difference(plan(old), plan(query))
      effects.append("query \(query.id) keeps its state and its positions: nothing is read again")
      return
    }
    if query.isInsert { lines.append("inserts into \(query.plan.sink.name) by query \(query.id)") }
    if let rebuilt = query.rebuilt {
      lines.append("rebuilds \(noun(rebuilt.sink)) \(rebuilt.sink.name)")
      if let id = before.catalog.sources[rebuilt.sink.name]?.queryID, let old = before.query(id) {
        effects += difference(plan(old.plan), plan(rebuilt))
      }
      effects.append("its state is built anew by query \(query.id), beside the one that goes on")
    } else {
      effects += ["query \(query.id)"] + plan(query).map { "  " + $0 }
    }
    let isLatest = query.properties["auto.offset.reset"] == "latest"
    for name in query.plan.sources {
      guard let source = before.catalog.sources[name] else { continue }
      let what =
        source.input.map { "all of the \($0.kind.noun)" }
        ?? (isLatest ? "what comes from now on" : records(source.topic))
      effects.append("reads \(what) of \(name)\(query.rebuilt == nil ? "" : ", again")")
    }
  }

  // MARK: - Words

  private func noun(_ source: SourceDefinition) -> String { source.kind.rawValue.lowercased() }

  /// Of the store, and of the statements before.
  private func records(_ topic: String) -> String {
    let partitions = (try? engine.log.topic(topic))?.partitions ?? []
    let stored = Int(partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset })
    return counted(stored + draft.recordCount(topic), "record")
  }

  private func plan(_ query: QueryDefinition) -> [String] { plan(query.plan) }

  private func plan(_ query: PersistentQuery) -> [String] {
    let disabled = engine.options.disabledRules
    let (optimized, _) = Optimizer(disabled: disabled).optimize(query.query.plan)
    return PhysicalPlanner(disabled: disabled).plan(optimized).root.explained()
  }

  /// The new plan, with what is new and what has gone.
  private func difference(_ old: [String], _ new: [String]) -> [String] {
    let difference = new.difference(from: old)
    guard !difference.isEmpty else { return ["the plan stays as it is"] }
    var removed: [Int: String] = [:]
    var inserted: Set<Int> = []
    for step in difference {
      switch step {
      case .remove(let offset, let line, _): removed[offset] = line
      case .insert(let offset, _, _): inserted.insert(offset)
      }
    }
    var lines = ["the plan changes:"]
    var (before, after) = (0, 0)
    while before < old.count || after < new.count {
      if let line = removed[before] {
        lines.append("- " + line)
        before += 1
      } else if inserted.contains(after) {
        lines.append("+ " + new[after])
        after += 1
      } else {
        lines.append("  " + new[after])
        before += 1
        after += 1
      }
    }
    return lines
  }
}
