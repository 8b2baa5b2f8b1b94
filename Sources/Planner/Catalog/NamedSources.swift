// Sources by name. Each statement makes a catalog of the one before, which others still read: what
// does not change is shared by both (a tree of hashes), so that a statement costs the same however
// many sources there are.

public import HeadraceFoundations
internal import HashTreeCollections

public struct NamedSources: Sendable {
  /// In a box, as nodes of the tree are copied with what they hold.
  private final class Box: Sendable {
    let source: SourceDefinition
    init(_ source: SourceDefinition) { self.source = source }
  }

  private var tree = TreeDictionary<TextKey, Box>()
  /// Names of the sources over each topic.
  private var byTopic = TreeDictionary<TextKey, [TextKey]>()
  /// Those of them that are public.
  private var publicByTopic = TreeDictionary<TextKey, [TextKey]>()
  /// How many of them declare connectors that follow their topics.
  private var followedCount = 0

  public init() {}

  public subscript(name: String) -> SourceDefinition? { tree[TextKey(name)]?.source }

  /// Order: any.
  public var values: some Sequence<SourceDefinition> { tree.values.lazy.map(\.source) }
  public var names: some Sequence<TextKey> { tree.keys }
  /// In the order of their bytes.
  public var sortedNames: [String] { tree.keys.sorted().map(\.text) }

  /// Some source declares a connector that follows its topic.
  public var hasFollowers: Bool { followedCount > 0 }

  /// The sources over a topic, by name.
  public func over(topic: String) -> [SourceDefinition] {
    sources(byTopic[TextKey(topic)])
  }

  /// The public sources over a topic, by name.
  public func publicOnes(over topic: String) -> [SourceDefinition] {
    sources(publicByTopic[TextKey(topic)])
  }

  private func sources(_ names: [TextKey]?) -> [SourceDefinition] {
    (names ?? []).sorted().compactMap { tree[$0]?.source }
  }

  mutating func add(_ source: SourceDefinition) {
    remove(source.name)
    let name = TextKey(source.name)
    tree[name] = Box(source)
    if source.hasTopic {
      let topic = TextKey(source.topic)
      byTopic[topic, default: []].append(name)
      if source.visibility == .public { publicByTopic[topic, default: []].append(name) }
    }
    if !source.followers.isEmpty { followedCount += 1 }
  }

  mutating func remove(_ name: String) {
    guard let source = tree.removeValue(forKey: TextKey(name))?.source else { return }
    if source.hasTopic {
      let topic = TextKey(source.topic)
      byTopic[topic] = byTopic[topic]?.without(name)
      publicByTopic[topic] = publicByTopic[topic]?.without(name)
    }
    if !source.followers.isEmpty { followedCount -= 1 }
  }
}

extension [TextKey] {
  /// nil: nothing is left.
  fileprivate func without(_ name: String) -> [TextKey]? {
    let others = filter { $0.text != name }
    return others.isEmpty ? nil : others
  }
}
