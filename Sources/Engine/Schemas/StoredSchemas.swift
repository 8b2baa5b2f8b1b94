// Schemas for who decodes and encodes: those of a store that stays as it is, and those that the
// engine's statements register while it runs.

import HeadraceFormats
import HeadraceFoundations
import HeadraceRegistry

/// Of one moment.
struct StoredSchemas: SchemaRegistry {
  let store: SchemaStore

  init(_ store: SchemaStore) { self.store = store }

  static func subject(_ topic: String, _ side: RecordSide) -> String { "\(topic)-\(side.rawValue)" }

  func schema(topic: String, isKey: Bool) -> RegisteredSchema? {
    store.latest(Self.subject(topic, isKey ? .key : .value)).flatMap { resolved($0.content) }
  }

  func schema(id: Int64) -> RegisteredSchema? { store.content(id: id).flatMap { resolved($0) } }

  func id(
    of schema: RegisteredSchema, _ format: RecordFormat, topic: String, isKey: Bool
  ) -> Int64? {
    guard let language = format.schemas?.language.name, schema.references.isEmpty else {
      return nil
    }
    return store.find(
      SchemaContent(language: language, text: schema.text),
      in: Self.subject(topic, isKey ? .key : .value))?.id
  }

  /// What refers to nothing that is there is as good as absent.
  private func resolved(_ content: SchemaContent) -> RegisteredSchema? {
    try? store.resolved(content)
  }
}

/// Those of the statement log, as of its last statement.
final class EmbeddedSchemas: SchemaRegistry {
  private struct State {
    var store = StoredSchemas(SchemaStore())
    /// Ids that were asked for in vain, since when.
    var missing: [Int64: ContinuousClock.Instant] = [:]
  }

  private static let missingMax = 1000
  /// Another process may have registered a schema and written records before its statement has come
  /// here.
  private static let patience = Duration.milliseconds(500)
  /// So long an id that was missing is missing.
  private static let memory = Duration.seconds(10)

  private let state = Monitor(State())
  private let hasOthers: Bool

  /// `hasOthers`: other processes log statements too.
  init(hasOthers: Bool) { self.hasOthers = hasOthers }

  func update(_ store: SchemaStore) { state.withLock { $0.store = StoredSchemas(store) } }

  private var now: StoredSchemas { state.withLock { $0.store } }

  func schema(topic: String, isKey: Bool) -> RegisteredSchema? {
    now.schema(topic: topic, isKey: isKey)
  }

  func schema(id: Int64) throws(SchemasUnreachable) -> RegisteredSchema? {
    let (schema, isDecided) = state.withLock { state in
      let schema = state.store.schema(id: id)
      return (schema, schema != nil || !hasOthers || Self.isMissing(id, &state))
    }
    guard isDecided else { throw SchemasUnreachable("no statement has registered it yet") }
    return schema
  }

  /// Whether it was asked for long enough. Where too many are asked for, none is waited for.
  private static func isMissing(_ id: Int64, _ state: inout State) -> Bool {
    let now = ContinuousClock.now
    if let since = state.missing[id], now - since < memory { return now - since > patience }
    if state.missing.count >= missingMax {
      state.missing = state.missing.filter { now - $0.value < memory }
      if state.missing.count >= missingMax { return true }
    }
    state.missing[id] = now
    return false
  }

  func id(
    of schema: RegisteredSchema, _ format: RecordFormat, topic: String, isKey: Bool
  ) -> Int64? {
    now.id(of: schema, format, topic: topic, isKey: isKey)
  }
}

/// Those of a store that statements ask, for the columns that they leave to it.
struct AskedSchemas: SchemaRegistry, @unchecked Sendable {
  // Unchecked: it lives as long as the planning of one statement, on one thread.
  let home: any SchemaHome

  func schema(
    topic: String, isKey: Bool
  ) throws(SchemasUnreachable) -> RegisteredSchema? {
    let subject = StoredSchemas.subject(topic, isKey ? .key : .value)
    return StoredSchemas(try store(.latest(subject))).schema(topic: topic, isKey: isKey)
  }

  func schema(id: Int64) throws(SchemasUnreachable) -> RegisteredSchema? {
    StoredSchemas(try store(.id(id))).schema(id: id)
  }

  private func store(_ part: SchemaPart) throws(SchemasUnreachable) -> SchemaStore {
    do throws(RegistryProblem) { return try home.store(with: part) } catch {
      throw SchemasUnreachable(error.message)
    }
  }
}
