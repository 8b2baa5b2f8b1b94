// Every registered format in statements: what it says that it holds and takes is accepted, all else refused with the
// place where it is said; and what it holds goes through INSERT, queries and PRINT and comes back, as value and as key.

import HeadraceTestSchemas
import Testing

@testable import Headrace
@testable import HeadraceFormats
@testable import HeadracePlanner
@testable import HeadraceSyntax

@Suite struct FormatStatementTests {
  private static let formats = RecordFormats.all.map(\.name)

  private func format(_ name: String) throws -> RecordFormat {
    try #require(RecordFormats.named(name))
  }

  /// Why a CREATE is refused; nil: it is not.
  private func refusal(_ text: String) throws -> PlanError? {
    guard case .createSource(let node) = try Parser.parse(statement: SourceText(name: "t", text))
    else {
      Issue.record("\(text) is another statement")
      return nil
    }
    let catalog = Catalog(functions: .builtin, connectors: ConnectorRegistry.builtin.kinds)
    let context = BindingContext(catalog: catalog, properties: [:])
    do throws(PlanError) {
      _ = try SourceBinder(context: context).bind(node, text: text, topicPartitions: { _ in nil })
      return nil
    } catch {
      #expect(
        error.span.start >= 0 && error.span.end <= text.utf8.count
          && error.span.start < error.span.end)
      return error
    }
  }

  private func expect(_ isTaken: Bool, _ text: String, _ ids: Set<String>) throws {
    let refusal = try refusal(text)
    #expect((refusal == nil) == isTaken, "\(text): \(refusal?.message ?? "accepted")")
    if let refusal { #expect(ids.contains(refusal.id), "\(text): \(refusal)") }
  }

  @Test(arguments: formats) func holdsWhatItClaims(_ name: String) throws {
    let format = try format(name)
    let types =
      typeSamples.map(\.type) + [
        "MAP<INT, STRING>", "ARRAY<MAP<STRING, BOOLEAN>>", "STRUCT<a MAP<BIGINT, INT>>",
      ]
    let ids: Set<String> = ["unsupported-type", "single-field", "none-format", "map-key"]
    for text in types {
      let parsed = try Parser.parse(
        statement: SourceText(name: "t", "CREATE STREAM s (c \(text)) WITH (KAFKA_TOPIC='t');"))
      guard case .createSource(let node) = parsed, let element = node.elements?.first else {
        continue
      }
      let type = try Catalog(functions: .builtin).type(element.type)
      let holds = format.holds
      let isHeld = holds.unsupported(in: type) == nil && holds.refusal(type) == nil
      let with = "WITH (KAFKA_TOPIC='t', KEY_FORMAT='\(name)', VALUE_FORMAT='JSON');"
      let value = "WITH (KAFKA_TOPIC='t', VALUE_FORMAT='\(name)');"
      try expect(
        isHeld && holds.columns != .none, "CREATE STREAM s (c \(text)) \(value)", ids)
      try expect(
        isHeld && holds.columns == .several, "CREATE STREAM s (b \(text), c \(text)) \(value)",
        ids)
      try expect(
        isHeld && holds.columns != .none && !type.containsMap,
        "CREATE STREAM s (c \(text) KEY, v INT) \(with)", ids)
    }
  }

  @Test(arguments: formats) func takesItsProperties(_ name: String) throws {
    let format = try format(name)
    let columns = format.holds.columns == .none ? "k INT KEY" : "k INT KEY, v STRING"
    func create(_ property: String) -> String {
      "CREATE STREAM s (\(columns)) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='\(name)', \(property));"
    }
    for property in RecordFormats.properties {
      let isTaken = format.properties.contains { $0.name == property.name }
      let value = property.name == FormatProperty.nullableRepresentation.name ? "OPTIONAL" : "1"
      // Columns come from the schema, or from the statement.
      let excludesColumns = property.name == FormatProperty.schemaID.name
      for given in property.valueNames {
        try expect(
          !excludesColumns && (isTaken || property.refusal(format, given) == nil),
          create("\(given)='\(value)'"),
          [isTaken && excludesColumns ? "columns-with-schema-id" : "invalid-property"])
        if isTaken, case .integer = property.kind {
          try expect(false, create("\(given)='one'"), ["invalid-property"])
        }
      }
    }
    for wrap in [true, false] where format.holds.columns != .none {
      try expect(
        format.wrapping.supports(wrap), create("WRAP_SINGLE_VALUE=\(wrap)"), ["invalid-wrapping"])
    }
    try expect(
      format.isInFiles && format.holds.columns != .none,
      "CREATE STREAM s (v STRING) WITH (FILE='f', VALUE_FORMAT='\(name)');",
      ["file-format", "none-format"])
  }

  // MARK: - Records

  private func options() -> EngineOptions {
    var options = EngineOptions()
    options.schemas = MemoryRegistry()
    return options
  }

  private func run(_ text: String, _ session: Session) throws -> [[Value]] {
    let result = CollectedResult()
    try session.execute(script: SourceText(name: "test", text), result)
    return result.rows.map(\.values)
  }

  /// As the rows are shown: NaN is NaN, and texts are compared by their bytes.
  private func same(_ left: [[Value]], _ right: [[Value]]) -> Bool {
    Array("\(left)".utf8) == Array("\(right)".utf8)
  }

  private func isHeld(_ sample: TypeSample, _ format: RecordFormat, isKey: Bool = false) throws
    -> Bool
  {
    let role = isKey ? " KEY" : ""
    let with =
      isKey ? "KEY_FORMAT='\(format.name)', VALUE_FORMAT='JSON'" : "VALUE_FORMAT='\(format.name)'"
    return try refusal(
      "CREATE STREAM s (v \(sample.type)\(role)) WITH (KAFKA_TOPIC='t', \(with));") == nil
  }

  /// As a format can tell values apart that queries write: '' and NULL perhaps not.
  private func told(_ rows: [[Value]], _ format: RecordFormat) -> [[Value]] {
    guard format.holds.keepsNulls else { return rows.map { $0.map(withoutDefaults) } }
    guard !format.holds.keepsEmpty else { return rows }
    return rows.map { $0.map { $0 == .string("") || $0 == .bytes([]) ? .null : $0 } }
  }

  /// What a format without NULLs reads in their place.
  private func withoutDefaults(_ value: Value) -> Value {
    switch value {
    case .boolean(false), .int(0), .bigint(0), .double(0), .string(""), .bytes([]), .array([]),
      .map([]):
      .null
    case .map(let entries):
      .map(entries.map { MapEntry(withoutDefaults($0.key), withoutDefaults($0.value)) })
    case .structure(let fields): .structure(fields.map(withoutDefaults))
    default: value
    }
  }

  /// Samples have NULLs in their lists.
  private func canList(_ sample: TypeSample, _ format: RecordFormat) -> Bool {
    format.holds.keepsNulls || !sample.type.contains("ARRAY")
  }

  @Test(arguments: formats) func valuesReturnFromTopics(_ name: String) throws {
    let format = try format(name)
    for sample in typeSamples where try isHeld(sample, format) && canList(sample, format) {
      let engine = try Engine.open(options())
      let session = Session(engine: engine)
      session.endsAtIdle = true
      let columns = "(i INT KEY, v \(sample.type))"
      var expected = try run(
        "CREATE STREAM j \(columns) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON');"
          + "INSERT INTO j VALUES \(sample.rows); SELECT i, v FROM j;", session)
      #expect(expected.count == sample.values.count + 1)
      // A NULL that stands alone is a record without a value, which is no row of a stream.
      if format.holds.columns == .one { expected.removeLast() }
      let inserted = try run(
        "CREATE STREAM f \(columns) WITH (KAFKA_TOPIC='f', VALUE_FORMAT='\(name)');"
          + "INSERT INTO f VALUES \(sample.rows); SELECT i, v FROM f;", session)
      #expect(same(told(inserted, format), told(expected, format)), "\(sample.type): \(inserted)")
      let selected = try run(
        "CREATE STREAM g WITH (VALUE_FORMAT='\(name)') AS SELECT * FROM j; SELECT i, v FROM g;",
        session)
      #expect(same(told(selected, format), told(expected, format)), "\(sample.type): \(selected)")
      let read = try run(
        "CREATE STREAM h WITH (VALUE_FORMAT='JSON') AS SELECT * FROM f; SELECT i, v FROM h;",
        session)
      #expect(same(told(read, format), told(expected, format)), "\(sample.type): \(read)")
      let printed = try run("PRINT f FROM BEGINNING LIMIT \(expected.count);", session)
      #expect(printed.count == expected.count)
      try engine.close()
    }
  }

  @Test(arguments: formats) func keysReturnFromTopics(_ name: String) throws {
    let format = try format(name)
    for sample in typeSamples
    where try isHeld(sample, format, isKey: true) && canList(sample, format) {
      let engine = try Engine.open(options())
      let session = Session(engine: engine)
      session.endsAtIdle = true
      let values = (sample.values + ["NULL"]).enumerated().map { "(\($1), \($0))" }
      let rows = values.joined(separator: ", ")
      let columns = "(v \(sample.type) KEY, i INT)"
      let expected = try run(
        "CREATE STREAM j (v \(sample.type), i INT) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON');"
          + "INSERT INTO j VALUES \(rows); SELECT i, v FROM j;", session)
      let inserted = try run(
        "CREATE STREAM f \(columns) WITH (KAFKA_TOPIC='f', KEY_FORMAT='\(name)',"
          + "VALUE_FORMAT='JSON', PARTITIONS=3); INSERT INTO f VALUES \(rows);"
          + "CREATE STREAM g WITH (KEY_FORMAT='\(name)') AS SELECT * FROM j PARTITION BY v;",
        session)
      #expect(inserted.isEmpty)
      for source in ["f", "g"] {
        let found = try run("SELECT i, v FROM \(source);", session).sorted {
          "\($0[0])".count == "\($1[0])".count
            ? "\($0[0])" < "\($1[0])" : "\($0[0])".count < "\($1[0])".count
        }
        #expect(
          same(told(found, format), told(expected, format)), "\(sample.type) \(source): \(found)")
      }
      try engine.close()
    }
  }
}
