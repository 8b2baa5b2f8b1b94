// Names on the cluster: what the engine keeps for itself bears its service's name there, so that
// access by prefix suffices and several services share a cluster. A prefix before all other names
// lets several environments share one.

import HeadraceFoundations

struct KafkaNames: Sendable {
  /// What stands before the engine's own topics above the seam.
  private static let above = "_headrace-"
  /// Before all services' topics.
  private static let anyService = "_headrace_"
  private let own: String?
  private let prefix: String

  /// `service`: nil: nothing is ours. `prefix`: before the names of all topics but the service's
  /// own; topics without it are not seen.
  init(service: String?, prefix: String) {
    own = service.map { "\(Self.anyService)\($0)_" }
    self.prefix = prefix
  }

  var statements: String { (own ?? "") + "statements" }
  var positions: String { (own ?? "") + "positions" }
  var shares: String { (own ?? "") + "shares" }
  var group: String { String((own ?? "_").dropLast()) }
  func transactionalID(_ process: String) -> String { (own ?? "") + process }
  func producer(_ name: String) -> String { "\(own ?? "")producer-\(name)" }

  /// A topic's name on the cluster.
  func outside(_ name: String) -> String {
    if name.hasPrefix(Self.anyService) || name.hasPrefix("__") { return name }
    guard let own, name.hasPrefix(Self.above) else { return prefix + name }
    return own + name.dropFirst(Self.above.count)
  }

  /// A topic's name as the engine has it; nil: it is another service's, or bears another prefix.
  func inside(_ name: String) -> String? {
    if let own, name.hasPrefix(Self.anyService) {
      guard name.hasPrefix(own) else { return nil }
      return isStores(name) ? name : Self.above + name.dropFirst(own.count)
    }
    if prefix.isEmpty || isInternal(name) { return name }
    return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
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
