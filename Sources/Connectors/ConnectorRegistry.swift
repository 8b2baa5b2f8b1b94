// The connectors that an engine has: one line a kind.

import HeadraceFoundations
import HeadracePlanner

struct ConnectorRegistry: Sendable {
  static let builtin = ConnectorRegistry([
    FileConnector(),
    FileCopy(),
    SQLiteConnector(),
  ])

  private let connectors: [any Connector]

  init(_ connectors: [any Connector]) { self.connectors = connectors }

  /// These and more.
  func adding(_ more: any Connector...) -> ConnectorRegistry {
    ConnectorRegistry(connectors + more)
  }

  /// What a source may declare.
  var kinds: [ConnectorTraits] { connectors.map(\.kind).filter { $0.role != .copy } }

  func input(_ spec: ConnectorSpec) -> any InputConnector { find(spec.kind.name) }

  func follower(_ spec: ConnectorSpec) -> any FollowerConnector { find(spec.kind.name) }

  /// The one registered last of those that take the place; that of files takes every place.
  func copy(_ place: String?) -> any CopyConnector {
    let all = connectors.compactMap { $0 as? any CopyConnector }
    guard let found = all.last(where: { $0.handles(place) }) else {
      preconditionFailure("a registry has a connector for COPY of files")
    }
    return found
  }

  /// Sources are planned with `kinds`, so what they declare is there.
  private func find<Wanted>(_ name: String) -> Wanted {
    for connector in connectors where connector.kind.name == name {
      if let found = connector as? Wanted { return found }
    }
    preconditionFailure("connector \(name) was declared and is not registered")
  }
}
