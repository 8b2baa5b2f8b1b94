// Schemas that ksqlDB registers for the columns of a case's sources, and those that the engine has registered.

import Headrace

final class SchemaTexts {
  private(set) var same = 0
  private(set) var all = 0
  private(set) var differences: [String] = []

  /// What the case registers itself is not looked at.
  func compare(_ testCase: Case, _ engine: Engine) {
    guard let schemas = try? CaseSchemas(engine) else { return }
    let given = (testCase.json["topics"]?.array ?? []).flatMap { topic in
      ["key", "value"].filter { topic["\($0)Schema"] != nil }.map {
        "\(topic["name"]?.string ?? "")-\($0)"
      }
    }
    let topics = Set(engine.sources.map(\.topic))
    for topic in testCase.json["golden"]?["topics"]?.array ?? [] {
      guard let name = topic["name"]?.string, topics.contains(name) else { continue }
      for side in ["key", "value"] {
        guard !given.contains("\(name)-\(side)"), let wanted = topic["\(side)Schema"],
          !wanted.isNull, let found = schemas.latestText("\(name)-\(side)")
        else { continue }
        all += 1
        // JSON and Avro are compared without the order of their fields.
        if JSONText.parse(found).map({ $0.sorted == wanted.sorted }) ?? (found == wanted.string) {
          same += 1
        } else {
          differences.append(
            "SCHEMA \(testCase.name)\n     \(name)-\(side): \(wanted.text)\n  got \(found)")
        }
      }
    }
  }
}

extension JSONText {
  /// With the fields of all objects by their names.
  fileprivate var sorted: JSONText {
    switch self {
    case .object(let fields):
      .object(
        fields.map { Field(key: $0.key, value: $0.value.sorted) }.sorted { $0.key < $1.key })
    case .array(let items): .array(items.map(\.sorted))
    case .null, .boolean, .number, .string: self
    }
  }
}
