// Tables in SQLite files: what is in them, what is deleted from them, and files that are not ours.

import Foundation
import Testing

@Suite struct MirrorTests {
  private func lite(_ file: String, _ sql: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["sqlite3", file, sql]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(sql)")
    return String(decoding: data, as: UTF8.self)
  }

  private func table(_ file: String) -> String {
    "CREATE TABLE IF NOT EXISTS t (k INT PRIMARY KEY, s STRING, d DECIMAL(6, 2), f DOUBLE, b BOOLEAN, "
      + "y BYTES, m MAP<STRING, INT>, \"odd \"\"name\"\"\" DATE) WITH (KAFKA_TOPIC='t', "
      + "FORMAT='JSON', PARTITIONS=3, SQLITE='\(file)');"
  }

  @Test func typesAndDeletions() throws {
    let scratch = try Scratch()
    let (data, file) = (scratch.path + "/data", scratch.path + "/t.db")
    let rows =
      "INSERT INTO t VALUES (1, 'it''s', 1.50, 0.25, TRUE, 'YWI=', MAP('a' := 1), '2020-02-03'), "
      + "(2, 'gone', 2.00, 2.0, FALSE, NULL, NULL, NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
    #expect(try headrace("run", "--data", data, "--create", "-c", table(file) + rows).status == 0)
    #expect(try lite(file, "SELECT COUNT(*) FROM t;") == "3\n")
    // A record without a value deletes its key, whether the process has seen the key or not.
    let produced = try headrace(
      "produce", "--data", data, "--key-separator", "|", "t", input: "7|{\"S\":\"seven\"}\n")
    #expect(produced.status == 0, "\(produced.err)")
    let deleted = try headrace(
      "run", "--data", data, "-c",
      "CREATE STREAM raw (k INT KEY, s STRING) WITH (KAFKA_TOPIC='t', KEY_FORMAT='JSON', VALUE_FORMAT='KAFKA');"
        + "INSERT INTO raw (k) VALUES (2);")
    #expect(deleted.status == 0, "\(deleted.err)")
    let found = try lite(
      file, "SELECT k, s, d, f, b, hex(y), m, \"odd \"\"name\"\"\" FROM t ORDER BY k;")
    #expect(found == "1|it's|1.50|0.25|1|6162|{a=1}|2020-02-03\n3|||||||\n7|seven||||||\n")
  }

  @Test func othersTablesStay() throws {
    let scratch = try Scratch()
    let (data, file) = (scratch.path + "/data", scratch.path + "/t.db")
    _ = try lite(file, "CREATE TABLE t (mine); INSERT INTO t VALUES (5);")
    let outcome = try headrace(
      "run", "--data", data, "--create", "-c", table(file) + "INSERT INTO t (k) VALUES (1);")
    #expect(outcome.status == 3 && outcome.err.contains("is there already"), "\(outcome.err)")
    #expect(try lite(file, "SELECT mine FROM t;") == "5\n")
    // What was acknowledged is in the log all the same, and comes into the file when it can.
    try FileManager.default.removeItem(atPath: file)
    #expect(try headrace("run", "--data", data, "-c", "SELECT k FROM t;").out == "K\n1\n")
    #expect(try lite(file, "SELECT k FROM t;") == "1\n")
  }
}
