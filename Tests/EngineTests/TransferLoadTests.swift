// Transfers while readers look: every answer of a pull query, and the fold of what a conflated push query has
// told, is a balance whose sum is 0.

import HeadraceFoundations
import HeadraceColumns
import Headrace
import Foundation
import Synchronization
import HeadraceSyntax
import Testing

/// Folds the changes of the balances, and looks at their sum whenever something has come.
private final class Balances: ResultHandler {
  private var amounts: [Value: HeadraceColumns.Decimal] = [:]
  let seen: Mutex<(count: Int, wrong: [String])> = Mutex((0, []))

  func message(_ text: String) {}
  func begin(_ columns: [ResultColumn]) {}
  func end(_ note: String?) {}

  func rows(_ rows: [ResultRow]) -> Bool {
    for row in rows {
      amounts[row.values[0]] = row.change == .delete ? nil : row.values[1].decimalValue
    }
    let sum = amounts.values.reduce(0.0) { $0 + $1.doubleValue }
    seen.withLock {
      $0.count += 1
      if abs(sum) > 0.001 { $0.wrong.append("\(sum) over \(amounts.count) accounts") }
    }
    return true
  }
}

/// A session for one thread.
private final class Box: @unchecked Sendable {
  // Unchecked: each is used by one thread; cancelling is safe from any.
  let session: Session
  let balances = Balances()

  init(_ engine: Engine) {
    session = Session(engine: engine)
    session.isEngineDriven = true
  }

  func run(_ text: String, _ handler: any ResultHandler) throws {
    try session.execute(statement: SourceText(name: "test", text), handler)
  }
}

@Suite struct TransferLoadTests {
  @Test(arguments: [7, 1024]) func readersSeeNoMoneyMove(sliceRows: Int) throws {
    let (transfers, accounts) = (400, 12)
    let run = try SampleRun("transfers", sliceRows: sliceRows)
    try run.file("bank.sql")
    let loop = EngineLoop(run.engine)
    let failures = Mutex<[String]>([])
    let isOver = Atomic<Bool>(false)
    let (writer, puller, pusher) = (Box(run.engine), Box(run.engine), Box(run.engine))
    func thread(_ body: @escaping @Sendable () throws -> Void) -> Thread {
      let thread = Thread {
        do {
          try body()
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
      thread.start()
      return thread
    }
    let pulled = Mutex<[String: Int]>([:])
    let readers = [
      thread {
        while !isOver.load(ordering: .relaxed) {
          let result = CollectedResult()
          try puller.run("SELECT SUM(amount) AS sum FROM balance;", result)
          for row in result.rows { pulled.withLock { $0["\(row.values[0])", default: 0] += 1 } }
        }
      },
      thread {
        do {
          try pusher.run("SELECT account, amount FROM balance EMIT CONFLATED;", pusher.balances)
        } catch EngineError.interrupted {}
      },
    ]
    let writing = thread {
      for number in 0..<transfers {
        let (giver, taker) = (number % accounts, (number + 1 + number % 5) % accounts)
        try writer.run(
          "INSERT INTO entries (account, transfer, amount) VALUES "
            + "(\(giver), \(number), -\(1 + number % 99).50), "
            + "(\(taker), \(number), \(1 + number % 99).50);", CollectedResult())
      }
    }
    while !writing.isFinished { usleep(1000) }
    let total = try run.run("SELECT total, n FROM total;")
    usleep(100_000)
    isOver.store(true, ordering: .relaxed)
    pusher.session.cancellation.cancel()
    while !readers.allSatisfy(\.isFinished) { usleep(1000) }
    loop.stop()
    #expect(failures.withLock { $0 } == [])
    #expect(total == ["0.00,12"])
    let (count, wrong) = pusher.balances.seen.withLock { $0 }
    #expect(wrong == [])
    #expect(count > 1, "the push query was told \(count) times")
    // Before the first transfer there is no sum.
    let values = pulled.withLock { $0.filter { $0.key != "\(Value.null)" } }
    #expect(values.count == 1 && values.keys.first?.contains("0.00") ?? false, "\(values)")
  }
}
