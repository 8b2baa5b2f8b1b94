// What the planner knows of connectors, which move rows between the log and something outside of
// it. A kind is declared by the property of WITH that bears its name, FILE or SQLITE, and says by
// its traits what may be planned over it; the connector itself lies above, in Sources/Connectors,
// and is found by that name.

import HeadraceColumns
import HeadraceFormats
public import HeadraceFoundations
import HeadraceSyntax

public struct ConnectorTraits: Hashable, Sendable {
  /// Of a source whose rows do not come from a topic.
  public struct Input: Hashable, Sendable {
    /// A record's value holds the whole row, its key columns too, and times as text: a line of a
    /// file.
    public var hasWholeRows: Bool
    /// Records with equal keys lie in one partition.
    public var isPartitionedByKey: Bool
    /// It can be read again from any position, so that queries may go on where they stood.
    public var isRestartable: Bool

    public init(hasWholeRows: Bool, isPartitionedByKey: Bool, isRestartable: Bool) {
      self.hasWholeRows = hasWholeRows
      self.isPartitionedByKey = isPartitionedByKey
      self.isRestartable = isRestartable
    }
  }

  public enum Role: Hashable, Sendable {
    /// Rows come from it; there is no topic, and nothing can be inserted.
    case input(Input)
    /// It follows the topic.
    case follower
    /// It is used by COPY.
    case copy
  }

  /// A switch that goes with the property of the kind.
  public struct Option: Hashable, Sendable {
    public var name: String
    /// It is for values in formats whose lines may begin with the names of columns.
    public var isOfHeaders: Bool
    /// What it is for, as a message says it.
    public var purpose: String

    public init(_ name: String, isOfHeaders: Bool = false, purpose: String) {
      self.name = name
      self.isOfHeaders = isOfHeaders
      self.purpose = purpose
    }
  }

  /// In capitals.
  public var name: String
  /// What it is, as messages say it: file.
  public var noun: String
  public var role: Role
  public var options: [Option]

  public init(_ name: String, noun: String, role: Role, options: [Option] = []) {
    self.name = name
    self.noun = noun
    self.role = role
    self.options = options
  }

  public var input: Input? {
    if case .input(let input) = role { return input }
    return nil
  }

  public var isFollower: Bool { role == .follower }
}

/// A connector as a source declares it.
public struct ConnectorSpec: Hashable, Sendable {
  public var kind: ConnectorTraits
  /// What the property says: a path, a glob.
  public var target: String
  /// The options that are on.
  public var options: Set<TextKey> = []
  /// The columns as the statement declares them: how they stand in a record that does not name
  /// them.
  public var fieldOrder: [String]
  /// Directories below which its files must lie, as they were for whoever declared it; nil:
  /// anywhere.
  public var roots: [String]?

  public init(_ kind: ConnectorTraits, target: String, fieldOrder: [String]) {
    self.kind = kind
    self.target = target
    self.fieldOrder = fieldOrder
  }

  public func has(_ option: String) -> Bool { options.contains(TextKey(option)) }
}

extension SourceDefinition {
  /// Its rows come from a topic of the log.
  public var hasTopic: Bool { input == nil }
  /// A record's value is the whole row.
  public var hasWholeRows: Bool { input?.kind.input?.hasWholeRows ?? false }
  /// Records with equal keys lie in one partition, as they do in a topic.
  public var isPartitionedByKey: Bool { input?.kind.input?.isPartitionedByKey ?? true }
  /// Where its rows come from, as people know it: the topic, or the file.
  public var origin: String { input?.target ?? topic }

  /// Those of its connectors: one statement declares them all.
  public var roots: [String]? { input?.roots ?? followers.first?.roots }

  public mutating func setRoots(_ roots: [String]?) {
    input?.roots = roots
    for index in followers.indices { followers[index].roots = roots }
  }
}

extension WithProperties {
  /// The connector that the rows come from. Throws: conflicting-connectors.
  func input(_ kinds: [ConnectorTraits]) throws(PlanError) -> ConnectorSpec? {
    var found: ConnectorSpec?
    for kind in kinds where kind.input != nil {
      guard let target = try string(kind.name) else { continue }
      if let found {
        throw .conflictingConnectors(found.kind.name, kind.name, at: span(of: kind.name))
      }
      found = ConnectorSpec(kind, target: target, fieldOrder: [])
    }
    return found
  }

  /// The connectors that follow the topic.
  func followers(
    _ kinds: [ConnectorTraits], _ schema: Schema
  ) throws(PlanError) -> [ConnectorSpec] {
    var result: [ConnectorSpec] = []
    for kind in kinds where kind.isFollower {
      guard let target = try string(kind.name) else { continue }
      result.append(ConnectorSpec(kind, target: target, fieldOrder: schema.columns.map(\.name)))
    }
    return result
  }

  /// Gives each declared connector those of its options that are on; several may have one of the
  /// same name.
  /// Throws: invalid-property, for one that none of them takes.
  func setOptions(
    of source: inout SourceDefinition, _ kinds: [ConnectorTraits]
  ) throws(PlanError) {
    let takesHeader = source.valueFormat.format.lines?.takesHeader ?? false
    let declared = [source.input].compactMap { $0?.kind } + source.followers.map(\.kind)
    var seen: Set<TextKey> = []
    for option in (declared + kinds).flatMap(\.options) {
      let name = TextKey(option.name)
      guard try boolean(option.name) ?? false, seen.insert(name).inserted else { continue }
      func takes(_ kind: ConnectorTraits) -> Bool {
        kind.options.contains { $0.name == option.name && (takesHeader || !$0.isOfHeaders) }
      }
      // Once an input took whatever was on.
      guard isReplay || declared.contains(where: takes) else {
        throw .misplacedOption(option.name, purpose: option.purpose, at: span(of: option.name))
      }
      if let input = source.input, isReplay || takes(input.kind) {
        source.input?.options.insert(name)
      }
      for index in source.followers.indices where takes(source.followers[index].kind) {
        source.followers[index].options.insert(name)
      }
    }
  }
}
