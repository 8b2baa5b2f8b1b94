// INSERT ... IF VERSION: of the sessions that have read the same version one succeeds, the others are told and
// try again. So nobody's work is lost.

import HeadraceFoundations
import HeadraceColumns
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import Synchronization
import HeadraceSyntax
import Testing

@testable import Headrace

@Suite struct VersionTests {
  private static let sessions = 8
  private static let increments = 25

  private static let definitions =
    "CREATE TABLE counters (id INT PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='counters', "
    + "VALUE_FORMAT='JSON', PARTITIONS=2);"
    + "CREATE TABLE counters_now AS SELECT id, n, ROWOFFSET AS version FROM counters;"
    + "CREATE STREAM noise (id INT KEY, n INT) WITH (KAFKA_TOPIC='counters', VALUE_FORMAT='JSON');"

  /// Adds 1 to a counter until it has succeeded so many times. Returns how often it was refused.
  private static func count(_ connection: any Connection, counter: Int) throws -> Int {
    var (done, refused) = (0, 0)
    while done < increments {
      let read = try answer(
        connection, "SELECT n, version FROM counters_now WHERE id = \(counter);")
      let statement: String
      if let row = read.first {
        let (n, version) = (row[0].integerValue ?? 0, row[1].integerValue ?? 0)
        statement = "INSERT INTO counters VALUES (\(counter), \(n + 1)) IF VERSION = \(version);"
      } else {
        statement = "INSERT INTO counters VALUES (\(counter), 1) IF NOT EXISTS;"
      }
      do {
        _ = try answer(connection, statement)
        done += 1
      } catch let error as ServiceError {
        guard error.text.contains("error[stale-version]") else { throw error }
        refused += 1
      }
    }
    return refused
  }

  private static func answer(_ connection: any Connection, _ text: String) throws -> [[Value]] {
    let result = CollectedResult()
    try connection.execute(SourceText(name: "test", text), result)
    return result.rows.map(\.values)
  }

  /// Eight sessions over the socket or inside the process, on two counters, while another writes to the same
  /// partitions without conditions, so that commits come in groups.
  @Test(arguments: [true, false]) func nothingIsLost(overSocket: Bool) throws {
    let scratch = try Scratch()
    var options = EngineOptions(directory: scratch.path + "/data")
    options.durability = overSocket ? .os : .disk
    let engine = try Engine.open(options)
    let loop = EngineLoop(engine)
    let server = try Server(engine, directory: scratch.path + "/data")
    func connect() throws -> any Connection {
      guard overSocket else {
        return LocalConnection(sharing: engine, isBatch: false)
      }
      return try #require(
        try RemoteConnection.attach(directory: scratch.path + "/data", isBatch: true))
    }
    let first = try connect()
    for range in Session.statements(SourceText(name: "test", Self.definitions)) {
      try first.execute(
        SourceText(name: "test", Self.definitions).part(range), CollectedResult())
    }
    let connections = try (0..<Self.sessions).map { _ in Box(try connect()) }
    let noise = Box(try connect())
    let isOver = Atomic<Bool>(false)
    let outcome = Mutex<(refused: Int, failures: [String])>((0, []))
    let noisy = Thread {
      for number in 0... {
        if isOver.load(ordering: .relaxed) { return }
        _ = try? Self.answer(
          noise.value, "INSERT INTO noise VALUES (\(100 + number % 50), \(number));")
      }
    }
    noisy.start()
    let counting = (0..<Self.sessions).map { number in
      Thread {
        do {
          let refused = try Self.count(connections[number].value, counter: number % 2)
          outcome.withLock { $0.refused += refused }
        } catch {
          outcome.withLock { $0.failures.append("\(error)") }
        }
      }
    }
    for thread in counting { thread.start() }
    while !counting.allSatisfy(\.isFinished) { usleep(1000) }
    isOver.store(true, ordering: .relaxed)
    #expect(outcome.withLock { $0.failures } == [])
    #expect(outcome.withLock { $0.refused } > 0, "the sessions never met")
    for counter in 0..<2 {
      let read = try Self.answer(first, "SELECT n FROM counters_now WHERE id = \(counter);")
      #expect(read == [[.int(Int32(Self.sessions / 2 * Self.increments))]])
    }
    while !noisy.isFinished { usleep(1000) }
    server.stop()
    loop.stop()
    try engine.close()
  }
}

/// A connection for one thread at a time.
private final class Box: @unchecked Sendable {
  // Unchecked: each is used by one thread.
  let value: any Connection
  init(_ value: any Connection) { self.value = value }
}
