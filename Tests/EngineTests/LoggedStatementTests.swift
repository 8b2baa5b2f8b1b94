// Statements of the log in stretches that are parsed beside each other: all of them, once, in their order.

import HeadraceFoundations
import HeadraceSyntax
import Testing

@testable import Headrace

struct LoggedStatementTests {
  @Test(arguments: [0, 1, 511, 512, 513, 1_300])
  func everyStatementInItsTurn(_ count: Int) {
    let wrong = 900
    let entries = (0..<count).map { number in
      let text = number == wrong ? "CREATE STRAEM;" : "DROP STREAM s\(number);"
      return (
        key: MetadataKey.statement(number), value: MetadataRecord([TextKey("sql"): text]).bytes
      )
    }
    for first in [0, 7, 600] {
      var stretches = LoggedStatement.Stretches(entries, from: first)
      var numbers: [Int] = []
      var failed: [Int] = []
      while let stretch = stretches.next() {
        for statement in stretch {
          numbers.append(statement.number)
          if case .failure = statement.parsed { failed.append(statement.number) }
        }
      }
      #expect(numbers == Array(min(first, count)..<count))
      #expect(failed == (count > wrong ? [wrong] : []))
    }
  }

  /// The thread that parses ahead may still be at it.
  @Test func leftBeforeTheEnd() {
    let entries = (0..<2_000).map { number in
      (
        key: MetadataKey.statement(number),
        value: MetadataRecord([TextKey("sql"): "DROP STREAM s\(number);"]).bytes
      )
    }
    var stretches = LoggedStatement.Stretches(entries, from: 0)
    #expect(stretches.next()?.first?.number == 0)
  }
}
