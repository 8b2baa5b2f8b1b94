// Names of the topics that the engine keeps for itself. Names of sources and queries may have any
// characters and any length, those of topics may not, so what does not fit is written in other
// characters; other names stay as they are.

import HeadraceFoundations
import HeadraceTopics

enum InternalTopics {
  static let prefix = "_headrace-"
  /// Where a schema registry keeps its schemas.
  static let registry = "_schemas"
  static let schemas = "\(prefix)schemas"
  /// What stands before the names of a query's stores.
  static func prefix(ofQuery id: String) -> String { "\(prefix)\(fitting(id))-" }
  static func errors(of source: String) -> String { errorsPrefix + fitting(source) }
  static let errorsPrefix = "\(prefix)errors-"
  static func changelog(ofQuery id: String, store: String) -> String {
    "\(prefix(ofQuery: id))\(store)-changelog"
  }
  static func exchange(ofQuery id: String, stage: Int) -> String {
    "\(prefix(ofQuery: id))stage-\(stage)-repartition"
  }
  static func rebuild(ofQuery id: String) -> String { "\(prefix(ofQuery: id))rebuild" }

  /// Whether a topic is a changelog or an exchange of a query, or what it writes to while it is
  /// rebuilt.
  static func isOwn(_ name: String, ofQuery id: String, among ids: [String]) -> Bool {
    guard name.hasPrefix(prefix(ofQuery: id)) else { return false }
    // An id may begin with another one.
    return !ids.contains { other in
      other != id && other.hasPrefix("\(id)-") && name.hasPrefix(prefix(ofQuery: other))
    }
  }

  /// With room for the name of a store.
  private static let lengthMax = 150
  private static let escapedPrefix = "x."

  /// Different for different names. A byte that no topic name may have, and a dot, becomes a dot
  /// and two digits; a long name ends with its hash.
  static func fitting(_ name: String) -> String {
    guard !TopicName.isLegal(name) || name.hasPrefix(escapedPrefix) || name.utf8.count > lengthMax
    else { return name }
    var text = escapedPrefix
    for byte in name.utf8 {
      let scalar = Unicode.Scalar(byte)
      if TopicName.isLegal(String(scalar)), scalar != "." {
        text.unicodeScalars.append(scalar)
      } else {
        text += byte < 16 ? ".0" + String(byte, radix: 16) : "." + String(byte, radix: 16)
      }
    }
    guard text.utf8.count > lengthMax else { return text }
    return text.prefix(lengthMax - 20) + ".." + String(stableHash(of: name), radix: 16)
  }
}
