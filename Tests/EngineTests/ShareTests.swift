// One heavy query or producer does not starve the rest. Counted in epochs and in turns at the engine's lock, never by
// the clock.

import HeadraceFoundations
import HeadraceColumns
import HeadraceExecutor
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace

@Suite struct ShareTests {
  private func open(
    _ slice: Int, clock: @escaping @Sendable () -> Int64 = { 1000 }
  ) throws -> (Engine, Session) {
    var options = EngineOptions()
    options.sliceRows = slice
    options.readBytes = slice * 64
    options.clock = clock
    let engine = try Engine.open(options)
    return (engine, Session(engine: engine))
  }

  @discardableResult
  private func run(_ text: String, _ session: Session) throws -> [[Value]] {
    let result = CollectedResult()
    try session.execute(statement: SourceText(name: "test", text), result)
    return result.rows.map(\.values)
  }

  private func append(_ engine: Engine, _ topic: String, _ numbers: Range<Int>) throws {
    var records = RawRecords(buffer: ByteBuffer(capacity: numbers.count * 32))
    for number in numbers {
      records.append(
        key: Array("\(number % 17)".utf8), value: Array("{\"V\":\(number)}".utf8),
        timestamp: Int64(number))
    }
    try engine.log.append(topic, [(0, records)])
  }

  /// Heavy queries over a backlog, and one on a topic where a record comes now and then: each is answered by
  /// the epoch after it, and the heavy ones advance alike.
  @Test func aLightQueryGetsItsShareOfEachEpoch() throws {
    let (engine, session) = try open(64)
    for (name, topic) in [("old", "old"), ("new", "new")] {
      try run(
        "CREATE STREAM \(name) (id STRING KEY, v INT) WITH (KAFKA_TOPIC='\(topic)', "
          + "VALUE_FORMAT='JSON', PARTITIONS=1);", session)
    }
    for step in 0..<10 { try append(engine, "old", step * 1_000..<(step + 1) * 1_000) }
    for number in 0..<4 {
      try run(
        "CREATE TABLE heavy_\(number) AS SELECT v % 100 AS k, COUNT(*) AS n, COLLECT_SET(v) AS vs "
          + "FROM old GROUP BY v % 100;", session)
    }
    try run("CREATE STREAM light AS SELECT id, v + 1 AS v FROM new;", session)
    while engine.queryStatus.last?.state != .live { try engine.step() }
    var turns = 0
    for number in 0..<30 {
      try append(engine, "new", number..<number + 1)
      try engine.step()
      #expect(try engine.log.committedEnd("LIGHT", 0) == Int64(number + 1))
      let read = engine.queryStatus.filter { $0.id.contains("HEAVY") }.map(\.rowsRead)
      guard let most = read.max(), let least = read.min() else { continue }
      #expect(most - least <= 1_024, "\(read)")
      if least < 10_000 { turns += 1 }
    }
    // The backlog was there all the while.
    #expect(turns > 3)
    try engine.runUntilIdle()
    #expect(try run("SELECT COUNT(*) AS n FROM heavy_3;", session) == [[.bigint(100)]])
    try engine.close()
  }

  /// A long answer over a stream lets an epoch in between its slices, and is not changed by it.
  @Test func aLongAnswerLetsEpochsIn() throws {
    let hook = Hook()
    let (engine, session) = try open(64, clock: { hook.tick() })
    try run(
      "CREATE STREAM s (id STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "PARTITIONS=1);", session)
    try run("CREATE STREAM copy AS SELECT id, v FROM s;", session)
    for step in 0..<10 { try append(engine, "s", step * 2_000..<(step + 1) * 2_000) }
    try engine.runUntilIdle()
    hook.arm {
      // Beside the answer, on a thread of its own: more records, and the epoch that takes them.
      do {
        try self.append(engine, "s", 20_000..<20_500)
        while try engine.step() {}
        return true
      } catch {
        return false
      }
    }
    let answer = try run("SELECT COUNT(*) AS n, SUM(v) AS t FROM s;", session)
    #expect(answer == [[.bigint(20_000), .int(199_990_000)]])
    #expect(hook.endedMeanwhile, "the epoch had to wait for the whole answer")
    #expect(try engine.log.committedEnd("COPY", 0) == 20_500)
    #expect(try run("SELECT COUNT(*) AS n FROM s;", session) == [[.bigint(20_500)]])
    try engine.close()
  }

  /// Of all that clients are sending, only so much is in memory; a small request never waits.
  @Test func largeRequestsWaitForRoom() throws {
    let budget = FrameBudget(bytes: 10 << 20)
    #expect(budget.take(6 << 20) { false } && budget.take(4 << 20) { false })
    #expect(budget.take(FrameBudget.freeBytes) { true })
    #expect(!budget.take(FrameBudget.freeBytes + 1) { true })
    let waiter = Hook()
    waiter.start { budget.take(5 << 20) { false } }
    budget.give(6 << 20)
    #expect(waiter.waitForEnd())
    budget.give(4 << 20)
    budget.give(5 << 20)
    // One that is larger than all of it has its turn when there is no other.
    #expect(budget.take(64 << 20) { true })
    #expect(!budget.take(1 << 20) { true })
    budget.give(64 << 20)
    #expect(budget.take(10 << 20) { true })
  }

  @Test func whoSendsMoreThanItsRateWaits() {
    var flood = ByteRate(bytesPerSecond: 1_000)
    var slow = ByteRate(bytesPerSecond: 1_000)
    var now: Int64 = 5_000_000
    // One second's worth at once, then each byte costs a millisecond.
    #expect(flood.charge(1_000, nowMs: now) == 0)
    #expect(flood.charge(1, nowMs: now) == 1)
    var sent = 0
    let start = now
    while sent < 100_000 {
      now += Int64(flood.charge(700, nowMs: now))
      sent += 700
    }
    #expect(now - start >= 99_000 && now - start <= 101_000)
    // Its neighbour sends less and never waits.
    for _ in 0..<100 {
      now += 500
      #expect(slow.charge(400, nowMs: now) == 0)
    }
    // Silence is no credit beyond a second.
    now += 1_000_000
    #expect(flood.charge(3_000, nowMs: now) == 2_000)
    #expect(flood.charge(0, nowMs: now) == 2_000)
  }
}

/// Starts something when the engine asks for the time, and then holds each further slice up for a moment, so that
/// a thread that waits for the lock comes to wait.
private final class Hook: @unchecked Sendable {
  // Unchecked: under the condition's lock.
  private let condition = NSCondition()
  private var body: (@Sendable () -> Bool)?
  private var ticks = 0
  private var hasEnded = false
  private var ticksAfterEnd = 0
  private var owner: Thread?

  func arm(_ body: @escaping @Sendable () -> Bool) {
    condition.lock()
    self.body = body
    owner = Thread.current
    condition.unlock()
  }

  func start(_ body: @escaping @Sendable () -> Bool) {
    Thread.detachNewThread { [self] in
      let isGood = body()
      condition.lock()
      hasEnded = isGood
      condition.broadcast()
      condition.unlock()
    }
  }

  func waitForEnd() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while !hasEnded {
      guard condition.wait(until: Date(timeIntervalSinceNow: 60)) else { return false }
    }
    return true
  }

  /// The answer was still under way when the other thread was done.
  var endedMeanwhile: Bool {
    condition.lock()
    defer { condition.unlock() }
    return hasEnded && ticksAfterEnd > 0
  }

  func tick() -> Int64 {
    condition.lock()
    defer { condition.unlock() }
    guard let body, Thread.current === owner else { return 1000 }
    ticks += 1
    // The first ones may be asked for before the answer has begun.
    if ticks < 10 {
      return 1000
    } else if ticks == 10 {
      start(body)
    } else if hasEnded {
      ticksAfterEnd += 1
    } else {
      _ = condition.wait(until: Date(timeIntervalSinceNow: 0.01))
    }
    return 1000
  }
}
