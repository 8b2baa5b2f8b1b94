// Statements that change what is defined, as a session runs them.

import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// Plans the statement, commits what it changes, and applies that. As part of a submitted file it is planned into the
  /// file's draft.
  func define(
    _ statement: Statement, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    if let draft {
      let change = try planner(draft.definitions).plan(statement, text)
      draft.add(change)
      return handler.message(change.message)
    }
    while true {
      do throws(StatementFailure) {
        return handler.message(try attempt(statement, text))
      } catch {
        // Another process has logged a statement first: this one comes after it, as it would have with its text in hand.
        guard case .engine(.storage(let fault)) = error, fault.kind == .conflict else {
          throw error
        }
      }
    }
  }

  private func attempt(
    _ statement: Statement, _ text: SourceText
  ) throws(StatementFailure) -> String {
    try engine.lock.withLock { () throws(StatementFailure) in
      try engine.epochs.followOthers()
      let change = try planner(engine.definitions).plan(statement, text)
      if !change.isEmpty {
        changedEngine()
        try engine.epochs.commit([change])
      }
      return change.message
    }
  }

  func planner(_ definitions: Definitions) -> StatementPlanner {
    StatementPlanner(
      definitions, engine.epochs.environment(properties, paths, queryPrefix: queryPrefix))
  }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
