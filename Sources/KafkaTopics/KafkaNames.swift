// Names on the cluster: what the engine keeps for itself bears its service's name there, so that access by prefix suffices
// and several services share a cluster.

import HeadraceFoundations

struct KafkaNames: Sendable {
  /// What stands before the engine's own topics above the seam.
  private static let above = "_headrace-"
  /// Before all services' topics.
  private static let anyService = "_headrace_"
  private let prefix: String?

  /// nil: no service, so nothing is ours.
  init(service: String?) { prefix = service.map { "\(Self.anyService)\($0)_" } }

  var statements: String { (prefix ?? "") + "statements" }
  var positions: String { (prefix ?? "") + "positions" }
  var shares: String { (prefix ?? "") + "shares" }
  var group: String { String((prefix ?? "_").dropLast()) }
  func transactionalID(_ process: String) -> String { (prefix ?? "") + process }
  func producer(_ name: String) -> String { "\(prefix ?? "")producer-\(name)" }

  /// A topic's name on the cluster.
  func outside(_ name: String) -> String {
    guard let prefix, name.hasPrefix(Self.above) else { return name }
    return prefix + name.dropFirst(Self.above.count)
  }

  /// A topic's name as the engine has it.
  func inside(_ name: String) -> String {
    guard let prefix, name.hasPrefix(prefix), !isStores(name) else { return name }
    return Self.above + name.dropFirst(prefix.count)
  }

  /// Kept by the store itself.
  private func isStores(_ name: String) -> Bool {
    name == statements || name == positions || name == shares
  }

  /// Not shown among the users' topics.
  func isInternal(_ outside: String) -> Bool {
    outside.hasPrefix(Self.anyService) || outside.hasPrefix("__")
  }
}
