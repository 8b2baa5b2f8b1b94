// A schema registry in memory, for tests: ids count up from 1, one for each different text, and what is asked for with
// its text is registered.

public import HeadraceFormats

import Synchronization

public final class MemoryRegistry: SchemaRegistry {
  private struct State {
    var ids: [Int64: RegisteredSchema] = [:]
    var topics: [String: Int64] = [:]
    var next: Int64 = 1
  }

  private let state = Mutex(State())
  private let registersWhatIsWritten: Bool

  /// `registersWhatIsWritten`: else only what `add` was given is known.
  public init(registersWhatIsWritten: Bool = true) {
    self.registersWhatIsWritten = registersWhatIsWritten
  }

  /// Registers a schema, as the latest of a topic's keys or values where one is named.
  @discardableResult
  public func add(
    _ schema: RegisteredSchema, id: Int64? = nil, topic: String? = nil, isKey: Bool = false
  ) -> Int64 {
    state.withLock { state in
      let known = state.ids.first { $0.value == schema }?.key
      let id = id ?? known ?? state.next
      state.ids[id] = schema
      state.next = max(state.next, id + 1)
      if let topic { state.topics[Self.subject(topic, isKey)] = id }
      return id
    }
  }

  private static func subject(_ topic: String, _ isKey: Bool) -> String {
    topic + (isKey ? "-key" : "-value")
  }

  public func schema(topic: String, isKey: Bool) -> RegisteredSchema? {
    state.withLock { state in
      state.topics[Self.subject(topic, isKey)].flatMap { state.ids[$0] }
    }
  }

  public func schema(id: Int64) -> RegisteredSchema? { state.withLock { $0.ids[id] } }

  public func id(
    of schema: RegisteredSchema, _ format: RecordFormat, topic: String, isKey: Bool
  ) -> Int64? {
    if registersWhatIsWritten { return add(schema, topic: topic, isKey: isKey) }
    return state.withLock { state in state.ids.first { $0.value == schema }?.key }
  }
}
