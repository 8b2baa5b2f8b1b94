// The registered schemas of a case: what its topics say is registered there before its statements run, and what the
// engine has registered since, as the topic of its registry shows it.

import Headrace
import HeadraceColumns
import HeadraceFoundations
import HeadraceRegistry
import HeadraceTopics

struct CaseSchemas {
  private let store: SchemaStore

  /// As of now.
  init(_ engine: Engine) throws {
    var store = SchemaStore()
    // In a cluster, where a registry's own topic may be, it has another name.
    for topic in ["_schemas", "_headrace-schemas"] where engine.log.outline(topic) != nil {
      var scan = try PartitionScan(engine.log, topic, 0)
      while let records = try scan.next() {
        for row in 0..<records.count {
          let key = records.key(row).map { Array($0) } ?? []
          let value = records.value(row).map { Array($0) }
          if let record = SchemaRecord(key: key, value: value) { store.apply(record) }
        }
      }
    }
    self.store = store
  }

  func latestText(_ subject: String) -> String? { store.latest(subject)?.content.text }

  private func schema(_ content: SchemaContent) -> (text: String, others: [String])? {
    guard let schema = try? store.resolved(content) else { return nil }
    return (schema.text, schema.references.map(\.text))
  }

  /// By the latest schema of a topic's side. nil: the value is not of it. `name`: of the message that is meant.
  func encode(
    _ value: JSONText, topic: String, _ side: String, name: String? = nil
  ) -> [UInt8]? {
    guard let latest = store.latest("\(topic)-\(side)"),
      let (text, others) = schema(latest.content)
    else { return nil }
    let body: [UInt8]?
    switch latest.content.language {
    case "PROTOBUF":
      let codec = ProtobufText(text, name: name, others: others)
      body = codec?.encode(value).map { (codec?.prefix ?? []) + $0 }
    case "JSON": body = SchemaJSON(text)?.encode(value)
    default: body = AvroText(text, others: others)?.encode(value)
    }
    guard let body else { return nil }
    return [0] + withUnsafeBytes(of: Int32(latest.id).bigEndian) { Array($0) } + body
  }

  /// By the schema that the record names.
  func decode(_ bytes: [UInt8]) -> JSONText? {
    guard bytes.count >= 5, bytes[0] == 0 else { return nil }
    let id = bytes[1..<5].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    let body = Array(bytes[5...])
    guard let content = store.content(id: id), let (text, others) = schema(content) else {
      return nil
    }
    switch content.language {
    case "PROTOBUF":
      let isFirst = body.first == 0
      guard isFirst || body.count > 1 else { return nil }
      let place = isFirst ? 0 : Int(body[1]) / 2
      let names = ProtobufText.names(text)
      guard names.indices.contains(place) else { return nil }
      return ProtobufText(text, name: names[place], others: others)?.decode(
        Array(body.dropFirst(isFirst ? 1 : 2)))
    case "JSON": return SchemaJSON(text)?.decode(body)
    default: return AvroText(text, others: others)?.decode(body)
    }
  }

  // MARK: - Before the statements

  /// The statements of the case, and before them those that register what it says: schemas with ids of their own first;
  /// those of sinks after the sources, whose schemas the suite registers in that order too.
  static func statements(_ testCase: Case) -> (registering: [String], of: [String]) {
    var given: [String] = []
    var others: [String] = []
    var ofSinks: [String] = []
    let statements = testCase.statements
    let first =
      statements.firstIndex { $0.uppercased().contains("SELECT") } ?? statements.count
    let declared = statements[..<first].joined().lowercased()
    for topic in testCase.json["topics"]?.array ?? [] {
      for side in ["key", "value"] {
        guard let node = topic["\(side)Schema"], !node.isNull else { continue }
        // What is JSON for a topic is a JSON schema; nothing said means Avro.
        let format = topic["\(side)Format"]?["format"]?.string ?? topic["\(side)Format"]?.string
        let language =
          ["JSON": "JSON", "JSON_SR": "JSON", "PROTOBUF": "PROTOBUF"][TextKey(format ?? "")]
          ?? "AVRO"
        var properties = ["SCHEMA_TYPE='\(language)'"]
        var references: [String] = []
        for reference in topic["\(side)SchemaReferences"]?.array ?? [] {
          guard let name = reference["name"]?.string, let schema = reference["schema"] else {
            continue
          }
          // The ids that cases name are those of topics.
          let id = 100_000 + given.count
          given.append(create(name, ["SCHEMA_TYPE='\(language)'", "SCHEMA_ID=\(id)"], schema))
          references.append("\(name) = \(name):1")
        }
        if !references.isEmpty {
          properties.append("REFERENCES='\(references.joined(separator: ", "))'")
        }
        let subject = "\(topic["name"]?.string ?? "")-\(side)"
        // Those without a number count up from 1, whatever they refer to.
        let own = references.isEmpty ? nil : Int64(others.count + ofSinks.count + 1)
        if let id = topic["\(side)SchemaId"]?.integer ?? own {
          given.append(create(subject, properties + ["SCHEMA_ID=\(id)"], node))
        } else if declared.contains("'\((topic["name"]?.string ?? "").lowercased())'") {
          others.append(create(subject, properties, node))
        } else {
          ofSinks.append(create(subject, properties, node))
        }
      }
    }
    if given.isEmpty, others.isEmpty, ofSinks.isEmpty { return ([], statements) }
    // The suite's registry compares nothing.
    return (
      ["ALTER SCHEMA ALL SET COMPATIBILITY 'NONE';"] + given + others,
      Array(statements[..<first]) + ofSinks + Array(statements[first...])
    )
  }

  /// All that the case says is registered, before its first statement.
  static func registering(_ testCase: Case) -> [String] {
    let (first, statements) = Self.statements(testCase)
    return first + statements.filter { $0.hasPrefix("CREATE SCHEMA ") }
  }

  private static func create(_ subject: String, _ properties: [String], _ node: JSONText) -> String
  {
    let text = (node.string ?? node.text).replacing("'", with: "''")
    return "CREATE SCHEMA '\(subject)' WITH (\(properties.joined(separator: ", "))) AS '\(text)';"
  }
}
