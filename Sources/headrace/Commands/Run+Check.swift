// `headrace run --check`: what scripts would do to the data directory, statement by statement.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

extension Run {
  func check(_ scripts: [SourceText], _ definitions: [VariableOptions.Definition]) throws {
    let connection = try dataOptions.readingDoor().batchConnection()
    Signals.react { _ in connection.cancel() }
    let output = Output(1)
    var failure: CommandFailure?
    var count = 0
    do throws(ServiceError) {
      for definition in definitions { try connection.define(definition.name, definition.value) }
    } catch {
      failure = CommandFailure(error)
    }
    checking: for script in failure == nil ? scripts : [] {
      for range in Session.statements(script) {
        do throws(ServiceError) {
          for line in try connection.check(script.part(range)) { output.write(line + "\n") }
          count += 1
        } catch {
          let found = CommandFailure(error)
          guard keepGoing, found.isStatement else {
            failure = found
            break checking
          }
          output.flush()
          ErrorReport.tell(error)
          failure = failure ?? CommandFailure(found.status)
        }
      }
    }
    do throws(ServiceError) { try connection.close() } catch {
      failure = failure ?? CommandFailure(error)
    }
    if let failure = CommandFailure.ended(by: output) ?? failure { throw failure }
    complain("\(count) statement\(count == 1 ? "" : "s") checked; nothing was run")
  }
}
