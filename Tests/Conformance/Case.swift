// One case of the suite, as the normalised files give it.

import HeadraceFoundations

struct Case {
  let json: JSONText

  var name: String { json["name"]?.string ?? "" }
  var group: String { json["group"]?.string ?? "" }
  var suite: String { json["suite"]?.string ?? "" }
  var isEnabled: Bool { json["enabled"] != .boolean(false) }
  var statements: [String] { json["statements"]?.array.compactMap(\.string) ?? [] }
  var formats: Set<String> { Set(json["formats"]?.array.compactMap(\.string) ?? []) }
  var caps: [String] { json["caps"]?.array.compactMap(\.string) ?? [] }
  var expectsError: Bool { json["expectedException"] != nil }
  var expectedMessage: String { json["expectedException"]?["message"]?.string ?? "" }

  var properties: [TextKey: String] {
    var result: [TextKey: String] = [:]
    for field in json["properties"]?.fields ?? [] {
      result[field.key] = field.value.string ?? field.value.text.lowercased()
    }
    return result
  }

  var inputs: [Record] { (json["inputs"]?.array ?? []).map { Record(json: $0) } }
  var outputs: [Record] { (json["outputs"]?.array ?? []).map { Record(json: $0) } }
  var goldenSources: [JSONText] { json["golden"]?["sources"]?.array ?? [] }

  struct Record {
    let json: JSONText

    var topic: String { json["topic"]?.string ?? "" }
    var key: JSONText { json["key"] ?? .null }
    var value: JSONText { json["value"] ?? .null }
    var timestamp: Int64? { json["timestamp"]?.integer }
    var window: (start: Int64, end: Int64, type: String)? {
      guard let window = json["window"], let start = window["start"]?.integer,
        let end = window["end"]?.integer
      else { return nil }
      return (start, end, window["type"]?.string?.lowercased() ?? "time")
    }
    var headers: [(key: String, value: [UInt8]?)]? {
      guard case .array(let list)? = json["headers"] else { return nil }
      return list.map { header in
        (header["KEY"]?.string ?? "", header["VALUE"]?.string.flatMap { base64($0) })
      }
    }
  }
}
