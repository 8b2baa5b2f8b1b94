// The tour: every statement in it does what its text says, on a pipe and typed with nothing but Enter.

import Foundation
import Testing

@testable import HeadraceCommand

@Suite struct TutorialTests {
  /// Only the last step is a mistake.
  @Test func runsThrough() throws {
    let outcome = try headrace("tutorial")
    #expect(outcome.status == 0)
    #expect(outcome.err.components(separatedBy: "error[").count == 2, "\(outcome.err)")
    #expect(outcome.err.contains("did you mean \"CUSTOMER\"?"), "\(outcome.err)")
    let count = Tutorial.steps.count
    for number in 1...count { #expect(outcome.out.contains("-- \(number) of \(count) --")) }
    for shown in [
      "│ ann      │ 3 │ 18.70 │", "│ cake │           0 │ 2 │", "dropped all 6 rows",
      "│          4 │ tea          │ Cork         │", "That was the tour",
    ] {
      #expect(outcome.out.contains(shown), "\(shown) in \(outcome.out)")
    }
  }

  /// On a terminal that edits texts, and on one of lines.
  @Test(.enabled(if: PseudoTerminal.isThere), arguments: ["xterm", "dumb"])
  func typed(_ term: String) throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(
      "exec $0 tutorial", in: scratch, size: (120, 60), environment: ["TERM": term])
    let count = Tutorial.steps.count
    for number in 1...count {
      terminal.expect("-- \(number) of \(count) --")
      terminal.expect("headrace> ", times: number)
      try terminal.type("\n")
      guard Tutorial.steps[number - 1].statement.hasSuffix("EMIT CHANGES;"),
        !Tutorial.steps[number - 1].statement.hasPrefix("EXPLAIN")
      else { continue }
      terminal.expect("ann", times: 3)
      usleep(200_000)
      try terminal.type("\u{3}")
    }
    terminal.expect("That was the tour")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }
}
