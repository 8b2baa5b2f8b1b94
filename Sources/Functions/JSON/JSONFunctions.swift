// Functions over texts that hold JSON.

import HeadraceColumns
import HeadraceFoundations

enum JSONFunctions {
  static let all: [ScalarFunction] = [
    extract, isJSON, contains, length, concat, items, keys, records, toText,
  ]

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String), _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(name, family: "JSON", doc: doc, example: example, overloads: overloads)
  }

  private static let extract = function(
    "EXTRACTJSONFIELD",
    "What a path such as `$.a.b[0]` finds in a JSON text: the text of a string or number, the "
      + "JSON text of "
      + "anything else; NULL if there is nothing.",
    ("EXTRACTJSONFIELD('{\"a\": [{\"b\": 1.50}]}', '$.a[0].b')", "1.50"),
    [
      ScalarOverload([.string, .string], .string, vector: extracted)
    ])

  @Sendable private static func extracted(_ call: VectorCall) -> VectorResult {
    let (texts, paths) = (call.texts(0), call.texts(1))
    var memo = Memo<[JSONPath.Step]>()
    return fill(call) { (row, result) throws(FunctionError) in
      let steps = try memo.made(from: paths.view(row)) { (text) throws(FunctionError) in
        try JSONPath(text).steps
      }
      let view = texts.view(row)
      var found: JSONTextReader.Found?
      guard JSONTextReader.follow(steps[...], in: view, to: &found) else {
        throw FunctionError("Invalid JSON format: \(texts.string(row).prefix(200))")
      }
      guard let found else { return result.appendNull() }
      if found.isPlain { return result.appendPart(found.range, of: row, texts) }
      let node = JSONTextReader.first(ByteView(rebasing: view[found.range]))
      if let node { result.append(string: node.content) } else { result.appendNull() }
    }
  }

  private static let isJSON = function(
    "IS_JSON_STRING", "Whether a text is one JSON value.", ("IS_JSON_STRING('[1, 2]')", "true"),
    [
      ScalarOverload([.string], .boolean, isStrict: false) { row in
        .boolean(row[0].stringValue.map { JSONNode($0) != nil } ?? false)
      }
    ])

  private static func array(_ value: Value) -> [JSONNode]? {
    if case .array(let nodes)? = JSONNode(startOf: value.text) { return nodes }
    return nil
  }

  private static func object(_ value: Value) -> [JSONField]? {
    if case .object(let fields)? = JSONNode(startOf: value.text) { return fields }
    return nil
  }

  private static let contains = function(
    "JSON_ARRAY_CONTAINS", "Whether a JSON array has an element that equals the value.",
    ("JSON_ARRAY_CONTAINS('[1, 2]', 2)", "true"),
    [
      ScalarOverload([.string, .T], .boolean, isStrict: false) { row in
        guard !row[0].isNull, let nodes = array(row[0]) else { return .boolean(false) }
        return .boolean(nodes.contains { equals($0, row[1]) })
      }
    ])

  private static func equals(_ node: JSONNode, _ value: Value) -> Bool {
    switch (node, value) {
    case (.null, .null): return true
    case (.boolean(let flag), .boolean(let wanted)): return flag == wanted
    case (.string(let text), .string(let wanted)): return text == wanted
    case (.number(let digits), .int), (.number(let digits), .bigint):
      return Int64(digits) == value.integerValue
    case (.number(let digits), .double(let wanted)):
      return Int64(digits) == nil && Double(digits) == wanted
    case (.number(let digits), .decimal(let wanted)):
      return Decimal(digits).map { $0.compare(wanted) == 0 } ?? false
    default: return false
    }
  }

  private static let length = function(
    "JSON_ARRAY_LENGTH", "How many elements a JSON array has; NULL for anything else.",
    ("JSON_ARRAY_LENGTH('[1, [2, 3]]')", "2"),
    [
      ScalarOverload([.string], .int) { row in
        array(row[0]).map { .int(Int32(truncatingIfNeeded: $0.count)) } ?? .null
      }
    ])

  private static let concat = function(
    "JSON_CONCAT",
    "Objects joined into one, a later field winning; anything else joined into one array. NULL "
      + "if an "
      + "argument is NULL or no JSON.",
    ("JSON_CONCAT('{\"a\": 1}', '{\"b\": 2}')", "{\"a\":1,\"b\":2}"),
    [
      ScalarOverload([.string], variadic: 0, .string, isStrict: false) { row in
        var nodes: [JSONNode] = []
        for value in row {
          guard let text = value.stringValue, let node = JSONNode(startOf: text) else {
            return .null
          }
          nodes.append(node)
        }
        return nodes.isEmpty ? .null : .string(joined(nodes).description)
      }
    ])

  private static func joined(_ nodes: [JSONNode]) -> JSONNode {
    if nodes.count == 1 { return nodes[0] }
    var fields: [JSONField] = []
    var places: [TextKey: Int] = [:]
    for node in nodes {
      guard case .object(let own) = node else {
        return .array(
          nodes.flatMap { node -> [JSONNode] in
            if case .array(let elements) = node { return elements }
            return [node]
          })
      }
      for field in own {
        if let place = places[field.name] {
          fields[place].value = field.value
        } else {
          places[field.name] = fields.count
          fields.append(field)
        }
      }
    }
    return .object(fields)
  }

  private static let items = function(
    "JSON_ITEMS",
    "The elements of a JSON array: the text of a string, the JSON text of anything else.",
    ("JSON_ITEMS('[1, {\"a\": 2}]')", "[1, {\"a\":2}]"),
    [
      ScalarOverload([.string], .array(.string)) { row in
        array(row[0]).map { .array($0.map { .string($0.content) }) } ?? .null
      }
    ])

  private static let keys = function(
    "JSON_KEYS", "The names of the fields of a JSON object; NULL for anything else.",
    ("JSON_KEYS('{\"a\": 1, \"b\": 2}')", "[a, b]"),
    [
      ScalarOverload([.string], .array(.string)) { row in
        object(row[0]).map { .array($0.map { .string($0.name) }) } ?? .null
      }
    ])

  private static let records = function(
    "JSON_RECORDS",
    "The fields of a JSON object as a map from names: to the text of a string, the JSON text of "
      + "anything else.",
    ("JSON_RECORDS('{\"a\": \"x\", \"b\": [1]}')", "{a=x, b=[1]}"),
    [
      ScalarOverload([.string], .map(.string, .string)) { row in
        object(row[0]).map { fields in
          .map(fields.map { MapEntry(.string($0.name), .string($0.value.content)) })
        } ?? .null
      }
    ])

  private static let toText = function(
    "TO_JSON_STRING",
    "Any value as JSON text; dates and times as ISO texts, bytes as base64, NULL as null.",
    ("TO_JSON_STRING(ARRAY[1, 2])", "[1,2]"),
    [
      ScalarOverload(
        [.T], .string, isStrict: false,
        vector: { call in
          rowByRow(call, isStrict: false) { (row) throws(FunctionError) in
            .string(node(row[0], call.argumentTypes[0]).description)
          }
        })
    ])

  static func node(_ value: Value, _ type: DataType) -> JSONNode {
    switch value {
    case .null: return .null
    case .boolean(let flag): return .boolean(flag)
    case .int, .bigint, .decimal: return .number(HeadraceFunctions.text(of: value, type))
    case .double(let number):
      return number.isFinite ? .number(javaText(of: number)) : .string(javaText(of: number))
    case .string, .bytes, .date, .time, .timestamp:
      return .string(HeadraceFunctions.text(of: value, type))
    case .array(let values):
      guard case .array(let element) = type else { return .null }
      return .array(values.map { node($0, element) })
    case .map(let entries):
      guard case .map(let key, let inner) = type else { return .null }
      return .object(
        entries.map {
          JSONField(name: HeadraceFunctions.text(of: $0.key, key), value: node($0.value, inner))
        })
    case .structure(let values):
      guard case .structure(let fields) = type else { return .null }
      return .object(
        zip(fields, values).map { JSONField(name: $0.name, value: node($1, $0.type)) })
    }
  }
}

extension JSONNode {
  /// The text of a string, the JSON text of anything else.
  fileprivate var content: String {
    if case .string(let text) = self { return text }
    return description
  }
}
