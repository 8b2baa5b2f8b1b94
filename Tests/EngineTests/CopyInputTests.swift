// What COPY makes of inputs that are not as they should be: bad lines, empty ones, an end that never comes.

import Foundation
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

/// One byte, for ever.
private final class Endless: OutsideFile {
  let path = "endless"
  private let byte: UInt8

  init(_ byte: UInt8) { self.byte = byte }

  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageError) -> Int {
    try readNext(into: target)
  }

  func readNext(into target: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    for index in target.indices { target[index] = byte }
    return target.count
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {}
  func finish() throws(StorageError) {}

  func identity() throws(StorageError) -> (device: UInt64, inode: UInt64, size: Int64) {
    (0, 0, .max)
  }
}

@Suite struct CopyInputTests {
  private func open() throws -> (Engine, Session) {
    let engine = try Engine.open(EngineOptions())
    return (engine, Session(engine: engine))
  }

  private func run(_ text: String, _ session: Session) throws -> [ResultRow] {
    let result = CollectedResult()
    try session.execute(script: SourceText(name: "test", text), result)
    return result.rows
  }

  /// Also far behind what is kept in memory, and with records of several lines between.
  @Test func badLinesAreNumbered() throws {
    let path = NSTemporaryDirectory() + "headrace-lines-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var text = "k,v\n1,x\n\"1\",\"2\"\n"
    for number in 0..<200_000 { text += number % 50_000 == 49_999 ? "1,y\n" : "1,\(number)\n" }
    text += "1,z"
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    let (engine, session) = try open()
    let result = CollectedResult()
    for statement in [
      "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      "COPY s FROM '\(path)';",
    ] {
      try session.execute(statement: SourceText(name: "test", statement), result)
    }
    let found = result.messages.filter { $0.hasPrefix("line ") }.map { $0.split(separator: ":")[0] }
    #expect(
      found == [2, 50_003, 100_003, 150_003, 200_003, 200_004].map { Substring("line \($0)") })
    #expect(result.messages.last == "Copied 199997 rows, 6 lines could not be read")
    try engine.close()
  }

  /// More empty lines than a read takes stand before the names.
  @Test(arguments: ["csv", "stream"]) func emptyLinesBeforeTheNames(kind: String) throws {
    let path = NSTemporaryDirectory() + "headrace-empty-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try (String(repeating: "\n", count: 700_000) + "k,v\n1,2\n").write(
      toFile: path, atomically: false, encoding: .utf8)
    let (engine, session) = try open()
    if kind == "csv" {
      _ = try run(
        "CREATE STREAM s (v INT, k INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
          + "COPY s FROM '\(path)';", session)
    } else {
      _ = try run(
        "CREATE STREAM s (v INT, k INT) WITH (FILE='\(path)', VALUE_FORMAT='DELIMITED', "
          + "HEADER=TRUE);", session)
    }
    #expect(try run("SELECT k, v FROM s;", session).map(\.values) == [[.int(1), .int(2)]])
    try engine.close()
  }

  /// An input that never ends and holds nothing neither fills the memory nor keeps its reader.
  @Test func endlessEmptyInput() throws {
    #expect(try StreamedFile(Endless(UInt8(ascii: " "))).firstByte() == nil)
    let (engine, session) = try open()
    _ = try run("CREATE STREAM s (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", session)
    let source = try #require(engine.catalog.sources["S"])
    for (name, line) in [("x.json", UInt8(ascii: "\n")), ("x", UInt8(ascii: "\n"))] {
      let copy = CopyStatement(
        place: nil, format: try CopyFormat(name, nil), paths: session.paths,
        context: ConnectorContext(engine.options), standard: 0)
      let reader = FileCopyReader(
        Endless(line), copy, CopyColumns(source: source, listed: [], span: .none))
      if name == "x" {
        #expect(throws: StatementFailure.self) { _ = try reader.next() }
      } else {
        for _ in 0..<3 { #expect(try reader.next()?.rowtimes.isEmpty == true) }
      }
    }
    try engine.close()
  }

  /// Only the first bad lines are shown, and all are counted.
  @Test func tenBadLinesAreShown() throws {
    let path = NSTemporaryDirectory() + "headrace-bad-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ("v\n" + String(repeating: "x\n", count: 20_000)).write(
      toFile: path, atomically: false, encoding: .utf8)
    let (engine, session) = try open()
    let result = CollectedResult()
    for statement in [
      "CREATE STREAM s (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      "COPY s FROM '\(path)';",
    ] {
      try session.execute(statement: SourceText(name: "test", statement), result)
    }
    #expect(result.messages.filter { $0.hasPrefix("line ") }.count == 10)
    #expect(result.messages.last == "Copied 0 rows, 20000 lines could not be read")
    try engine.close()
  }
}
