// What a statement changes, as a value: the steps on what is defined, and what its commit writes
// beside them. It is planned once (`StatementPlanner`), and applied by one function
// (`Definitions.apply`), whether the statement is executed, checked as part of a submitted file, or
// read from the statement log.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceTopics

struct CatalogChange: Sendable {
  enum Step: Sendable {
    case addSource(SourceDefinition)
    case removeSource(String)
    case addType(String, DataType)
    case removeType(String)
    /// A new query, or another plan for the query of that id.
    case defineQuery(QueryDefinition)
    /// A rebuilt query in the place of the old one, which ends.
    case takePlace(of: String, QueryDefinition)
    case endQuery(String)
    case pause([String])
    case resume([String])
    case schema(SchemaRecord)
  }

  var steps: [Step] = []
  var topicsCreated: [TopicCreation] = []
  var topicsDeleted: [String] = []
  /// Sources that go: what was said of their bad records goes with them.
  var sourcesEnded: [SourceDefinition] = []
  /// The query that goes on under another plan with the state of the old one.
  var refilled: QueryDefinition?
  /// The entry of the statement log; nil: the statement is not logged.
  var entry: MetadataRecord?
  /// What the statement answers.
  var message = ""
  /// What who has written the statement should know.
  var warnings: [String] = []

  /// All that is told of it.
  var messages: [String] { [message] + warnings.map { "warning: " + $0 } }

  var schemaRecords: [SchemaRecord] {
    steps.compactMap { if case .schema(let record) = $0 { record } else { nil } }
  }

  init(message: String = "") { self.message = message }

  /// Nothing is to be committed.
  var isEmpty: Bool { steps.isEmpty && entry == nil }
}
