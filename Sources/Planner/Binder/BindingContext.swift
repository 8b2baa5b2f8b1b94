// What one statement's binding shares: the catalog, the session's properties, and the counters that
// number columns and calls.

package import HeadraceColumns
public import HeadraceFormats
public import HeadraceFoundations
package import HeadraceSyntax

public final class BindingContext {
  public let catalog: Catalog
  public let properties: [TextKey: String]
  /// Where columns come from that a statement does not name.
  public let registry: any SchemaRegistry
  /// The schemas that columns are taken from. A statement that is planned again means the same only
  /// by those of the first time, so they are given to it.
  public var inferred: [RecordSide: RegisteredSchema] = [:]
  /// Looks at records for the columns of a source that has neither columns nor a registered schema.
  /// Throws: what cannot be read. Empty: the records do not say.
  package var sample: ((ColumnSampling) throws(PlanError) -> [FormatField])?
  /// What was found like that; nil: nothing was looked at.
  package internal(set) var sampled: [SchemaColumn]?
  /// The statement was accepted before and is planned again, at a start: checks that came later do
  /// not apply to it, and what they would refuse means what it meant.
  public var isReplay = false
  /// The statement gives settings to a format that the session names for it.
  public var setsDefaults = false
  private var nextColumn = 0
  private var nextSite = 0
  private var boundSources = 0

  public init(
    catalog: Catalog, properties: [TextKey: String],
    registry: any SchemaRegistry = EmptySchemaRegistry()
  ) {
    self.catalog = catalog
    self.registry = registry
    self.properties = properties
  }

  /// One number of partitions for every topic, whatever WITH says; tests that compare order set it.
  var forcedPartitions: Int? { properties["headrace.force.partitions"].flatMap { Int($0) } }

  func newColumn(_ name: String, _ type: DataType) -> PlanColumn {
    defer { nextColumn += 1 }
    return PlanColumn(ColumnID(nextColumn), name, type)
  }

  /// One more place where a source is read. Throws: too-many-sources.
  func countSource(at span: Span) throws(PlanError) {
    boundSources += 1
    if boundSources > PlanLimits.boundSourcesMax { throw .tooManySources(at: span) }
  }

  func newSite() -> Int {
    defer { nextSite += 1 }
    return nextSite
  }
}

/// Where the columns of a source are to be looked for.
package struct ColumnSampling {
  package var topic: String
  /// nil: the topic's records.
  package var input: ConnectorSpec?
  package var format: FormatSpec
  /// Where the statement names the topic or the input.
  package var span: Span
  /// Of the source.
  package var name: Span
}

/// The columns that an expression may name.
struct Scope {
  struct Entry {
    var qualifier: String
    var column: PlanColumn
    var isSystem: Bool
    var isKey = false
  }

  /// In the order of FROM.
  var entries: [Entry] = []
  /// Aliases of the sources, in the order of FROM.
  var qualifiers: [String] = []
  /// The query has no FROM.
  var hasNoSource = false
  var isJoin: Bool { qualifiers.count > 1 }

  static func + (left: Scope, right: Scope) -> Scope {
    Scope(
      entries: left.entries + right.entries, qualifiers: left.qualifiers + right.qualifiers)
  }

  /// Whether more than one source has a column of that name.
  func isAmbiguous(_ name: String) -> Bool {
    entries.filter { $0.column.name == name }.count > 1
  }

  func resolve(_ reference: ColumnReference, clause: String) throws(PlanError) -> Entry {
    let name = reference.name.name
    if let source = reference.source {
      guard qualifiers.contains(source.name) else {
        let isStructure = entries.contains {
          if case .structure = $0.column.type { $0.column.name == source.name } else { false }
        }
        throw .unknownQualifier(
          source.name, field: isStructure ? name : nil, candidates: qualifiers,
          hasNoSource: hasNoSource, at: source.span)
      }
      if let entry = entries.first(where: {
        $0.qualifier == source.name && $0.column.name == name
      }) {
        return entry
      }
      throw .unknownColumn(
        "\(source.name).\(name)", clause: clause,
        candidates: entries.filter { $0.qualifier == source.name }.map(\.column.name),
        at: reference.name.span)
    }
    let found = entries.filter { $0.column.name == name }
    if found.count > 1 {
      let options = found.map { "\($0.qualifier).\(name)" }
      throw .ambiguousColumn(name, options: options, at: reference.span)
    }
    guard let entry = found.first else {
      throw .unknownColumn(
        name, clause: clause,
        candidates: entries.filter { !$0.isSystem }.map(\.column.name),
        hasNoSource: hasNoSource, isLikeString: reference.name.quote == .doubleQuote,
        at: reference.span)
    }
    return entry
  }
}

/// `A`, `A or B`, `A, B or C`.
func listed(_ names: [String], conjunction: String) -> String {
  guard names.count > 1, let last = names.last else { return names.first ?? "" }
  return names.dropLast().joined(separator: ", ") + " \(conjunction) " + last
}
