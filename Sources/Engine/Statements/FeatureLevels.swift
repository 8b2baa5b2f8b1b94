// What processes of different versions in one service may say to each other. Each version has a
// level, and each entry of the statement log the lowest level that understands it. A process that
// meets a higher one than its own stops, since it would plan something else than the others or
// nothing; and so that this does not happen while a service is upgraded process by process, a
// statement that needs a level is taken only when all of them have it.

import HeadraceFoundations
import HeadraceSyntax

struct FeatureLevels: Sendable {
  struct Feature: Sendable {
    /// The first level that has it; from 2 on.
    var level: Int
    /// As a message names it.
    var name: String
    var isUsed: @Sendable (Statement) -> Bool
  }

  /// Of this version.
  var own: Int
  /// What came after level 1.
  var features: [Feature]

  static let standard = FeatureLevels(
    own: 2,
    features: [
      Feature(level: 2, name: "a statement about registered schemas") { statement in
        switch statement {
        case .createSchema, .alterSchema, .dropSchema: true
        default: false
        }
      }
    ])

  /// The feature of a statement with the highest level; nil: every version has what it needs.
  func needed(_ statement: Statement) -> Feature? {
    features.filter { $0.isUsed(statement) }.max { $0.level < $1.level }
  }
}
