// Statements that change what is defined, as a session runs them.

import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// Plans the statement, commits what it changes, and applies that. As part of a submitted file it
  /// is planned into the file's draft.
  func define(
    _ statement: Statement, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    if let draft {
      let change = try planner(draft.definitions).plan(statement, text)
      draft.add(change)
      return tell(change.messages, handler)
    }
    dialogue = newDialogue()
    defer { dialogue = nil }
    while true {
      do throws(StatementFailure) {
        if let messages = try attempt(statement, text) { return tell(messages, handler) }
        dialogue?.endTrial()
      } catch {
        if dialogue != nil, cancellation.isCancelled { throw .engine(.interrupted) }
        if answersQuestion() { continue }
        // Another process has logged a statement first: this one comes after it, as it would have
        // with its text in hand.
        guard case .engine(.storage(let fault)) = error, fault.kind == .conflict else {
          throw error
        }
      }
    }
  }

  private func tell(_ messages: [String], _ handler: any ResultHandler) {
    for message in messages { handler.message(message) }
  }

  /// nil: the statement stands, and what it needs registered elsewhere is not registered yet.
  private func attempt(
    _ statement: Statement, _ text: SourceText
  ) throws(StatementFailure) -> [String]? {
    try engine.lock.withLock { () throws(StatementFailure) in
      try engine.epochs.followOthers()
      dialogue?.begin()
      let change = try planner(engine.definitions).plan(statement, text)
      guard dialogue?.isSettled ?? true else { return nil }
      if !change.isEmpty {
        changedEngine()
        try engine.epochs.commit([change])
      }
      return change.messages
    }
  }

  /// Whether planning has ended for something that a registry elsewhere was asked for now, so that
  /// it is worth another try. The engine's lock is not held.
  func answersQuestion() -> Bool { dialogue?.answer() ?? false }

  func planner(_ definitions: Definitions) -> StatementPlanner {
    StatementPlanner(
      definitions,
      engine.epochs.environment(properties, paths, queryPrefix: queryPrefix, dialogue))
  }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
