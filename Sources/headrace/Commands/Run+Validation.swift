// Before a run's first statement: whatever is wrong with one of them and cannot come right until
// its turn is told then, so that a mistyped name in the last line does not leave half of a script
// done.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

extension Run {
  /// The first error of the statements; nil: none that is certain. What depends on files, on
  /// records or on others is left to the run.
  func validate(
    _ scripts: [SourceText], _ definitions: [VariableOptions.Definition],
    _ connection: any Connection
  ) -> CommandFailure? {
    let statements = scripts.flatMap { script in
      Session.statements(script).map { script.part($0) }
    }
    // One statement alone has no effect before its error.
    guard statements.count > 1, !keepGoing else { return nil }
    do throws(ServiceError) {
      let trial = try connection.sibling()
      for definition in definitions { try trial.define(definition.name, definition.value) }
      let found = trial.certainError(statements)
      try trial.close()
      return found.map { CommandFailure($0) }
    } catch {
      return CommandFailure(error)
    }
  }
}
