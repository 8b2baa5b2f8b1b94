// The schemas of a registry elsewhere for who decodes and encodes. Those are threads that others
// wait for, so none of them makes a request: questions go to a thread of their own, what it has
// been told is remembered, and who asks waits a moment at most.
//   - An answer about an id holds for ever, one about the latest schema for some seconds.
//   - What the registry does not have is asked for again twice within half a second, as another
//     process may be about to register it; then it is missing for some seconds.
//   - Where the registry is out of reach, all questions wait for the next attempt, the pauses
//     between which grow.
// Invariant: what is remembered is bounded, and so are the questions that are open; who has more of
// them asks again.

package import HeadraceFormats
import HeadraceFoundations
import HeadraceRegistry

package final class RemoteSchemas: SchemaRegistry {
  private enum Question: Hashable {
    case schema(Int64)
    case latest(subject: String)
    case id(SchemaContent, subject: String)
  }

  private enum Answer {
    case schema(RegisteredSchema)
    case id(Int64)
    case missing
  }

  private struct Known {
    var answer: Answer
    /// nil: for ever.
    var until: ContinuousClock.Instant?
  }

  private struct Open {
    var question: Question
    /// When it is asked, for the first time or again.
    var due: ContinuousClock.Instant
    /// How often the registry has said that it does not have it.
    var denials = 0
  }

  private struct State {
    var known: [Question: Known] = [:]
    /// Those of `known`, the oldest first.
    var order: [Question] = []
    var open: [Open] = []
    var isAsking = false
    var isClosed = false
    /// What keeps the registry from answering; and when it is asked next.
    var trouble: (message: String, failures: Int, until: ContinuousClock.Instant)?
    /// Somebody has waited in vain: nobody does until all questions are answered.
    var isSlow = false
  }

  private static let openMax = 64
  private static let patienceMs = 200
  private static let denialsMax = 3

  private let client: RegistryClient
  private let state = Monitor(State())

  package init(_ client: RegistryClient) { self.client = client }

  // MARK: - Asked by decoders and encoders

  package func schema(
    topic: String, isKey: Bool
  ) throws(SchemasUnreachable) -> RegisteredSchema? {
    guard case .schema(let schema) = try answer(.latest(subject: Self.subject(topic, isKey)))
    else { return nil }
    return schema
  }

  package func schema(id: Int64) throws(SchemasUnreachable) -> RegisteredSchema? {
    guard case .schema(let schema) = try answer(.schema(id)) else { return nil }
    return schema
  }

  package func id(
    of schema: RegisteredSchema, _ format: RecordFormat, topic: String, isKey: Bool
  ) throws(SchemasUnreachable) -> Int64? {
    guard let language = format.schemas?.language.name, schema.references.isEmpty else {
      return nil
    }
    let content = SchemaContent(language: language, text: schema.text)
    guard case .id(let id) = try answer(.id(content, subject: Self.subject(topic, isKey))) else {
      return nil
    }
    return id
  }

  private static func subject(_ topic: String, _ isKey: Bool) -> String {
    "\(topic)-\(isKey ? "key" : "value")"
  }

  private func answer(_ question: Question) throws(SchemasUnreachable) -> Answer {
    if let known = state.withLock({ Self.known(question, $0) }) { return known }
    let waits = try open(question)
    if waits {
      let found = state.wait(milliseconds: Self.patienceMs) { state -> Answer?? in
        if let known = Self.known(question, state) { return .some(known) }
        return state.trouble != nil || !state.isAsking ? .some(nil) : nil
      }
      if let answer = found ?? nil { return answer }
    }
    throw state.withLock { state in
      if found(question, isOpenIn: state) { state.isSlow = true }
      return SchemasUnreachable(
        state.trouble?.message ?? "\(client.settings.shown) has not answered yet")
    }
  }

  private func found(_ question: Question, isOpenIn state: State) -> Bool {
    state.open.contains { $0.question == question }
  }

  private static func known(_ question: Question, _ state: State) -> Answer? {
    guard let known = state.known[question] else { return nil }
    if let until = known.until, until < .now { return nil }
    return known.answer
  }

  /// Hands a question over. Returns whether an answer may come at once.
  private func open(_ question: Question) throws(SchemasUnreachable) -> Bool {
    let (isOpen, waits, starts) = state.change { state -> (Bool, Bool, Bool) in
      guard !state.isClosed else { return (false, false, false) }
      // Who could not hand it over does so when others are answered.
      let isNew = !found(question, isOpenIn: state) && state.open.count < Self.openMax
      if isNew { state.open.append(Open(question: question, due: .now)) }
      let starts = !state.isAsking
      state.isAsking = true
      return (true, isNew && state.trouble == nil && !state.isSlow, starts)
    }
    guard isOpen else { throw SchemasUnreachable("the registry is not asked any more") }
    if starts, !startThread({ [self] in askAll() }) {
      state.change { $0.isAsking = false }
      throw SchemasUnreachable("there is no thread to ask the registry")
    }
    return waits
  }

  // MARK: - The thread that asks

  /// Ends when all questions are answered.
  private func askAll() {
    while let next = nextQuestion() {
      do throws(RegistryProblem) {
        settle(next, try ask(next.question))
      } catch {
        if error.kind == .unreachable { note(error, next) } else { settle(next, .missing) }
      }
    }
  }

  /// Waits for the one that is due next; nil: there is none.
  private func nextQuestion() -> Open? {
    while true {
      let (next, isOver, pause) = state.change { state -> (Open?, Bool, Int) in
        guard !state.isClosed, let first = state.open.min(by: { $0.due < $1.due }) else {
          state.isAsking = false
          state.isSlow = false
          return (nil, true, 0)
        }
        let due = max(first.due, state.trouble?.until ?? first.due)
        let left = Int((due - .now) / .milliseconds(1))
        return (left <= 0 ? first : nil, false, left)
      }
      if isOver || next != nil { return next }
      _ = state.wait(milliseconds: min(pause, 50)) { $0.isClosed ? true : nil }
    }
  }

  private func ask(_ question: Question) throws(RegistryProblem) -> Answer {
    // Who needs it asks again anyway, and is told meanwhile what is the matter.
    let patience = RegistryClient.Patience(repeats: false)
    switch question {
    case .schema(let id):
      guard let content = try client.content(id: id, patience) else { return .missing }
      return try resolved(content, patience)
    case .latest(let subject):
      guard let version = try client.version(subject, nil, patience) else { return .missing }
      return try resolved(version.content, patience)
    case .id(let content, let subject):
      return try client.find(content, in: subject, patience).map { .id($0.id) } ?? .missing
    }
  }

  private func resolved(
    _ content: SchemaContent, _ patience: RegistryClient.Patience
  ) throws(RegistryProblem) -> Answer {
    try client.resolved(content, patience).map { .schema($0) } ?? .missing
  }

  private func settle(_ open: Open, _ answer: Answer) {
    let settings = client.settings
    state.change { state in
      state.trouble = nil
      guard let place = state.open.firstIndex(where: { $0.question == open.question }) else {
        return
      }
      if case .missing = answer, open.denials + 1 < Self.denialsMax {
        state.open[place].denials += 1
        state.open[place].due =
          .now + .milliseconds(settings.repeatMs * state.open[place].denials)
        return
      }
      state.open.remove(at: place)
      var until: ContinuousClock.Instant?
      if case .missing = answer {
        until = .now + .milliseconds(settings.missingMs)
      } else if case .latest = open.question {
        until = .now + .milliseconds(settings.latestMs)
      }
      if state.known.updateValue(Known(answer: answer, until: until), forKey: open.question) == nil
      {
        state.order.append(open.question)
      }
      if state.order.count > settings.entriesMax {
        state.known[state.order.removeFirst()] = nil
      }
    }
  }

  private func note(_ problem: RegistryProblem, _ open: Open) {
    state.change { state in
      let failures = (state.trouble?.failures ?? 0) + 1
      let pause = max(
        Backoff.pause(failures, client.settings), min(client.settings.retryMs, 100))
      let until = ContinuousClock.now + .milliseconds(pause)
      state.trouble = (problem.message, failures, until)
      // Another one has its turn first, lest one question that is never answered keep all others
      // waiting.
      if let place = state.open.firstIndex(where: { $0.question == open.question }) {
        state.open[place].due = until
      }
    }
  }

  /// Questions are answered no more; returns when none is under way, or nearly so.
  package func close() {
    state.change { $0.isClosed = true }
    client.close()
  }
}
