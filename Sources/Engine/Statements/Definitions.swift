// What the statements so far have defined: sources, types and persistent queries. A value: a
// statement is planned against it, a submitted file against a copy that its own statements have
// changed, and a restart makes it of the statement log.

internal import HashTreeCollections
import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceTopics

/// A persistent query as its statement defines it.
struct QueryDefinition: Sendable {
  var id: String
  /// As it was written, after substitution.
  var statement: String
  var plan: PersistentQuery
  var isInsert: Bool
  var properties: [TextKey: String]
  var isPaused = false
  /// What it will be when it has taken the place of another; until then it writes a topic of its
  /// own.
  var rebuilt: PersistentQuery?
  /// Another one for each statement that defines the query; given by `Definitions.apply`.
  var revision = 0
}

struct Definitions: Sendable {
  var catalog: Catalog
  /// In the order in which they run: a query comes after those whose output it reads.
  private(set) var queries: [QueryDefinition] = []
  /// Number of the next query that gets its id from the engine.
  private(set) var nextQuerySequence = 0
  /// Topics that changes since then make (their creation) or delete (nil), beside those of the
  /// store.
  private var topics = TreeDictionary<TextKey, TopicCreation?>()
  /// Queries that changes since then have ended: topics of their own that the store has go with
  /// them.
  private var ended: [String] = []
  private var nextRevision = 1
  /// What statements have registered.
  private(set) var schemas = SchemaStore()

  init(catalog: Catalog) { self.catalog = catalog }

  func query(_ id: String) -> QueryDefinition? { queries.first { $0.id == id } }

  /// Ids of the queries that read a source.
  func readers(of source: String) -> [String] {
    queries.filter { $0.plan.sources.contains(source) }.map(\.id)
  }

  /// Ids of the queries that write to a source.
  func writers(of source: String) -> [String] {
    queries.filter { $0.plan.sink.name == source }.map(\.id)
  }

  /// What changes since then make of a topic: its creation, or nil for its end; nil: nothing.
  func plannedTopic(_ name: String) -> TopicCreation?? { topics[TextKey(name)] }

  /// What the changes have made and deleted is in the store now.
  mutating func settleTopics() {
    if !topics.isEmpty { topics = [:] }
    ended = []
  }

  /// Whether a topic of the store goes with a query that has ended.
  func goes(_ topic: String) -> Bool {
    ended.contains { InternalTopics.isOwn(topic, ofQuery: $0, among: queries.map(\.id)) }
  }

  /// As `apply` does for a change that adds a source and nothing else.
  mutating func add(_ source: SourceDefinition) { catalog.add(source) }

  mutating func apply(_ change: CatalogChange) {
    for name in change.topicsDeleted { topics[TextKey(name)] = .some(nil) }
    for creation in change.topicsCreated { topics[TextKey(creation.name)] = creation }
    for step in change.steps { apply(step) }
  }

  private mutating func apply(_ step: CatalogChange.Step) {
    switch step {
    case .addSource(let source): add(source)
    case .removeSource(let name): catalog.removeSource(name)
    case .addType(let name, let type): catalog.addType(name, type)
    case .removeType(let name): catalog.removeType(name)
    case .defineQuery(let query): define(query)
    case .takePlace(let old, let query): replace(old, with: revised(query))
    case .endQuery(let id): end(id)
    case .pause(let ids): setPaused(ids, true)
    case .resume(let ids): setPaused(ids, false)
    case .schema(let record): schemas.apply(record)
    }
  }

  private mutating func revised(_ query: QueryDefinition) -> QueryDefinition {
    var query = query
    query.revision = nextRevision
    nextRevision += 1
    return query
  }

  /// A query whose id is known keeps its place among the others.
  private mutating func define(_ query: QueryDefinition) {
    let query = revised(query)
    if let place = queries.firstIndex(where: { $0.id == query.id }) {
      queries[place] = query
      return
    }
    queries.append(query)
    nextQuerySequence += 1
  }

  /// Puts the query where the old one stood among the others, so that readers of the table come
  /// after it; but behind the queries that it reads from.
  private mutating func replace(_ old: String, with query: QueryDefinition) {
    var place = queries.firstIndex { $0.id == old } ?? queries.count
    queries.removeAll { $0.id == query.id }
    let sources = Set(texts: query.plan.query.plan.scans.map(\.source.topic))
    if let last = queries.lastIndex(where: { sources.contains(TextKey($0.plan.sink.topic)) }) {
      place = max(place, last + 1)
    }
    queries.insert(query, at: min(place, queries.count))
    queries.removeAll { $0.id == old }
  }

  private mutating func end(_ id: String) {
    queries.removeAll { $0.id == id }
    ended.append(id)
    let ids = queries.map(\.id)
    topics = topics.filter { !InternalTopics.isOwn($0.key.text, ofQuery: id, among: ids) }
  }

  private mutating func setPaused(_ ids: [String], _ isPaused: Bool) {
    for index in queries.indices where ids.contains(queries[index].id) {
      queries[index].isPaused = isPaused
    }
  }
}
