// `headrace run --check`: what scripts would do to the data directory, statement by statement.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

extension Run {
  func check(_ scripts: [SourceText], _ definitions: [VariableOptions.Definition]) throws {
    let connection = try dataOptions.readingDoor().batchConnection()
    Signals.react { _ in connection.cancel() }
    let output = Output(1)
    var count = 0
    var failure = each(of: scripts, definitions, connection, output) {
      (statement) throws(ServiceError) in
      for line in try connection.check(statement) { output.write(line + "\n") }
      count += 1
    }
    do throws(ServiceError) { try connection.close() } catch {
      failure = failure ?? CommandFailure(error)
    }
    if let failure = CommandFailure.ended(by: output) ?? failure { throw failure }
    complain("\(counted(count, "statement")) checked; nothing was run")
  }
}
