// The catalog: sources, custom types and functions, by name. A value, so that a script can be
// planned against a trial copy.

public import HeadraceColumns
public import HeadraceFoundations
public import HeadraceFunctions
public import HeadraceSyntax

public struct Catalog: Sendable {
  public private(set) var sources = NamedSources()
  public private(set) var types: [TextKey: DataType] = [:]
  public var functions: FunctionRegistry
  /// The connectors that a source may declare.
  public let connectors: [ConnectorTraits]
  /// What WITH may name of a source, and of what a query writes.
  package let sourceProperties: Set<TextKey>
  let sinkProperties: Set<TextKey>

  public init(functions: FunctionRegistry, connectors: [ConnectorTraits] = []) {
    self.functions = functions
    self.connectors = connectors
    sourceProperties = WithProperties.sourceNames(connectors)
    sinkProperties = WithProperties.sinkNames(connectors)
  }

  public mutating func add(_ source: SourceDefinition) { sources.add(source) }
  public mutating func removeSource(_ name: String) { sources.remove(name) }
  public mutating func addType(_ name: String, _ type: DataType) { types[name] = type }
  public mutating func removeType(_ name: String) { types[name] = nil }

  /// All sources by name.
  public var sortedSources: [SourceDefinition] {
    sources.values.sorted { $0.name < $1.name }
  }

  /// Throws: unknown-source, with the nearest name.
  public func source(_ name: Identifier) throws(PlanError) -> SourceDefinition {
    if let source = sources[name.name] { return source }
    throw .unknownSource(name, candidates: sources.sortedNames)
  }
}

/// The names that no column of a user may have.
public enum SystemColumn {
  public static let rowtime = "ROWTIME"
  public static let partition = "ROWPARTITION"
  public static let offset = "ROWOFFSET"
  public static let windowStart = "WINDOWSTART"
  public static let windowEnd = "WINDOWEND"

  public static let pseudo = [rowtime, partition, offset]
  public static let windowBounds = [windowStart, windowEnd]
  public static let all = pseudo + windowBounds

  public static func isOne(_ name: String) -> Bool {
    // A loop: `contains` is not specialized here, and every column of every source is asked for.
    for column in all where column == name { return true }
    return false
  }
}
