// The rules of a registry: verdicts of compatibility, ids and versions, records of its topic, files of a directory.

import Foundation
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadraceRegistry
import HeadraceTopics
import Testing

@Suite struct SchemaStoreTests {
  private static func lines(_ name: String) throws -> [JSONNode] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/\(name).jsonl")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap {
      JSONNode(String($0))
    }
  }

  private static func isTrue(_ node: JSONNode?) -> Bool {
    if case .boolean(true)? = node { true } else { false }
  }

  /// Verdicts of Confluent's rules, confirmed by other libraries.
  @Test func verdicts() throws {
    let vectors = try Self.lines("compatibility-vectors")
    #expect(vectors.count == 96)
    for vector in vectors {
      let language = vector["format"]?.text ?? ""
      func content(_ side: String) -> SchemaContent {
        SchemaContent(language: language, text: vector[side]?.text ?? "")
      }
      var store = SchemaStore()
      let old = try store.registration(of: content("old"), in: "s")
      store.apply(try #require(old.record))
      for (level, wanted) in [
        (CompatibilityLevel.backward, Self.isTrue(vector["backward"])),
        (.forward, Self.isTrue(vector["forward"])),
      ] {
        let found = try store.differences(content("new"), in: "s", level: level)
        #expect(
          found.isEmpty == wanted, "\(vector["id"]?.text ?? "") \(level.rawValue): \(found)")
      }
    }
  }

  /// The topic of a registry: unknown records say nothing, a used id keeps its meaning, deletion is soft or for good.
  @Test func topicOfARegistry() throws {
    var store = SchemaStore()
    var unknown = 0
    for line in try Self.lines("schemas-topic") {
      let (key, value) = (line["key"]?.text ?? "", line["value"]?.text)
      let record = SchemaRecord(key: Array(key.utf8), value: value.map { Array($0.utf8) })
      guard let record else {
        unknown += 1
        continue
      }
      store.apply(record)
      // What we write is read as what it was.
      #expect(SchemaRecord(key: record.key, value: record.value) == record)
      if case .schema = record { #expect(record.key == Array(key.utf8)) }
    }
    #expect(unknown == 1)
    #expect(
      store.subjectNames == [
        "event.proto", "h2-value", "j-value", "p-value", "ref-value", "s-value", "s2-value",
        "t-value",
      ])
    #expect(store.versions(of: "s2-value").map(\.version) == [2])
    #expect(store.versions(of: "h-value").isEmpty)
    #expect(store.level(of: "j-value") == .none)
    #expect(store.level(of: "h-value") == .fullTransitive)
    #expect(store.level(of: "s-value") == .backward)
    let latest = try #require(store.latest("ref-value"))
    #expect(try store.resolved(latest.content).references.map(\.name) == ["event.proto"])
    let next = try store.registration(
      of: SchemaContent(language: "AVRO", text: "\"bytes\""), in: "new")
    #expect(next.id == 502)
    let known = try store.registration(
      of: SchemaContent(language: "AVRO", text: " \"string\" "), in: "new")
    #expect(known.id == 501 && known.version == 1)
  }

  @Test func transitiveLevelsGoOverAllVersions() throws {
    func content(_ fields: String) -> SchemaContent {
      SchemaContent(
        language: "AVRO", text: #"{"type":"record","name":"R","fields":[\#(fields)]}"#)
    }
    let (a, b) = (#"{"name":"a","type":"int"}"#, #"{"name":"b","type":"int","default":0}"#)
    let c = #"{"name":"b","type":"int"}"#
    var store = SchemaStore()
    for fields in [a, "\(a),\(b)"] {
      store.apply(try #require(try store.registration(of: content(fields), in: "s").record))
    }
    // Version 2 has the field, version 1 has not.
    #expect(try store.differences(content("\(a),\(c)"), in: "s").isEmpty)
    store.apply(.level(subject: "s", .backwardTransitive))
    let found = try store.differences(content("\(a),\(c)"), in: "s")
    #expect(found.map(\.version) == [1])
    #expect(found.map(\.path) == ["b"])
  }

  @Test func directoryOfFiles() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "schemas-\(UInt64.random(in: 0...UInt64.max))"
    ).path
    let files = PosixFileSystem(syncs: false)
    defer { try? files.removeTree(path) }
    let content = [
      "orders-value.avsc": #"{"type":"record","name":"O","fields":[]}"#,
      "orders-value.v2.avsc": #"{"type":"record","name":"O","fields":[{"name":"m","type":"x.M"}]}"#,
      "orders-value.level": "full\n", "x/M.avsc": #"{"type":"enum","name":"x.M","symbols":["A"]}"#,
      "pay-value.proto": "import \"common/money.proto\"; message P { Money m = 1; }",
      "common/money.proto": "message Money { int32 c = 1; }", "common/money.id": "77",
      "notes.txt": "of no meaning", ".hidden.avsc": "{",
    ]
    for (name, text) in content {
      let file = "\(path)/\(name)"
      try files.makeDirectories(String(file[..<file.lastIndex(of: "/")!]))
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }
    let store = try SchemaDirectory(files, path).load()
    #expect(store.subjectNames == ["common/money", "orders-value", "pay-value", "x/M"])
    #expect(store.versions(of: "orders-value").map(\.version) == [1, 2])
    #expect(store.level(of: "orders-value") == .full)
    #expect(store.latest("common/money")?.id == 77)
    let orders = try #require(store.latest("orders-value"))
    #expect(try store.resolved(orders.content).references.map(\.name) == ["x.M"])
    let pay = try #require(store.latest("pay-value"))
    #expect(try store.resolved(pay.content).references.map(\.name) == ["common/money.proto"])
    for (name, text) in [
      ("bad.level", "sometimes"), ("bad.id", "x"), ("bad.proto", "import \"nowhere.proto\";"),
    ] {
      let file = URL(fileURLWithPath: "\(path)/\(name)")
      try Data(text.utf8).write(to: file)
      #expect(throws: StorageError.self) { try SchemaDirectory(files, path).load() }
      try FileManager.default.removeItem(at: file)
    }
  }

  /// A directory may be one that nobody writes to, such as a mount of a repository.
  @Test func filesAreOpenedForReading() throws {
    // Not even the owner may write to it.
    let (files, path) = (PosixFileSystem(), "/proc/sys/kernel/random/boot_id")
    #expect(throws: StorageError.self) { try files.open(path, create: false) }
    var bytes = [UInt8](repeating: 0, count: 8)
    let file = try files.openForReading(path)
    #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } == 8)
  }
}
