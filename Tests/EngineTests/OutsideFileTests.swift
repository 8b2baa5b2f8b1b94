// Files that are not the log's: where they may lie, and what happens when they fail.

import HeadraceFoundations
import HeadraceColumns
import HeadraceExecutor
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import Synchronization
import HeadraceSyntax
import Testing

@testable import Headrace

private final class Folder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "headrace-outside-\(UUID().uuidString)"
    for name in ["root/sub/deep", "root2", "out/sub"] { try make(name) }
    for name in ["root/a.csv", "root/sub/b.csv", "out/secret.csv", "out/sub/b.csv", "rootx.csv"] {
      try write(name, "k,v\n1,x\n")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func make(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: path + "/" + name, withIntermediateDirectories: true)
  }

  func write(_ name: String, _ text: String) throws {
    try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8)
  }

  func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: path + "/" + name, withDestinationPath: target)
  }

  func text(_ name: String) -> String? {
    try? String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }
}

/// A path below the folder, and whether it may be read and written. `links`: it leads over links that stay below.
private struct Case: CustomTestStringConvertible, Sendable {
  var path: String
  var read = false
  var write = false
  var hasLinks = false
  var testDescription: String { path }
}

private let cases: [Case] = [
  Case(path: "root/a.csv", read: true, write: true),
  Case(path: "root//a.csv", read: true, write: true),
  Case(path: "root/./a.csv", read: true, write: true),
  Case(path: "root/sub/b.csv", read: true, write: true),
  Case(path: "root/sub/../a.csv", read: true, write: true, hasLinks: true),
  Case(path: "root/new.csv", write: true),
  Case(path: "root/sub/deep/new.csv", write: true),
  Case(path: "root/missing/new.csv"),
  Case(path: "root"), Case(path: "root/"), Case(path: "root/."), Case(path: "root/.."),
  Case(path: "root/sub"), Case(path: "root/sub/"), Case(path: "root/sub/.."),
  Case(path: "root/../out/secret.csv"), Case(path: "root/../root/a.csv"),
  Case(path: "root/sub/../../out/secret.csv"), Case(path: "root/sub/../../root/a.csv"),
  Case(path: "root/../rootx.csv"), Case(path: "rootx.csv"), Case(path: "root2/../root/a.csv"),
  Case(path: "out/secret.csv"), Case(path: "out/new.csv"), Case(path: "nothing.csv"),
  Case(path: "root/link-in.csv", read: true, hasLinks: true),
  Case(path: "root/link-dir-in/b.csv", read: true, write: true, hasLinks: true),
  Case(path: "root/link-out.csv"), Case(path: "root/link-out-absolute.csv"),
  Case(path: "root/link-absolute-in.csv"), Case(path: "root/link-dir-out/secret.csv"),
  Case(path: "root/link-dir-out/new.csv"), Case(path: "root/link-dir-out/sub/b.csv"),
  Case(path: "root/link-dir-out/../root/a.csv"), Case(path: "root/dangling.csv"),
  Case(path: "root/dangling-out.csv"), Case(path: "root/link-loop"),
  Case(path: "root/link-chain.csv"),
  Case(path: "root/link-proc/a.csv"), Case(path: "root/pipe"), Case(path: "root/a.csv/x"),
  Case(path: "root/a.csv\0/../../out/secret.csv"), Case(path: "root/\u{202E}vsc.csv", write: true),
  Case(path: "root/" + String(repeating: "n", count: 300)),
]

@Suite struct OutsideFileTests {
  private func folder() throws -> Folder {
    let folder = try Folder()
    for (name, target) in [
      ("root/link-in.csv", "sub/b.csv"), ("root/link-dir-in", "sub"),
      ("root/link-out.csv", "../out/secret.csv"),
      ("root/link-out-absolute.csv", folder.path + "/out/secret.csv"),
      ("root/link-absolute-in.csv", folder.path + "/root/a.csv"), ("root/link-dir-out", "../out"),
      ("root/dangling.csv", "nowhere.csv"), ("root/dangling-out.csv", "../out/made.csv"),
      ("root/link-loop", "link-loop"), ("root/link-chain.csv", "link-out.csv"),
      ("root/link-proc", "/proc/self/cwd"),
    ] { try folder.link(name, to: target) }
    #expect(mkfifo(folder.path + "/root/pipe", 0o600) == 0)
    return folder
  }

  @Test(arguments: [true, false]) func pathsStayBelowTheRoots(hasOpenat2: Bool) throws {
    for test in cases {
      let folder = try folder()
      var files = PosixOutsideFiles()
      files.hasOpenat2 = hasOpenat2
      let roots = [folder.path + "/root2", folder.path + "/root"]
      let path = folder.path + "/" + test.path
      let mayRead = test.read && (hasOpenat2 || !test.hasLinks)
      let mayWrite = test.write && (hasOpenat2 || !test.hasLinks)
      #expect(((try? files.open(path, beneath: roots)) != nil) == mayRead, "read \(test.path)")
      func write() throws {
        let file = try files.create(path, beneath: roots)
        try file.write(Array("written".utf8))
        try file.finish()
      }
      #expect(((try? write()) != nil) == mayWrite, "write \(test.path)")
      // Nothing outside was touched, and nothing is left over inside.
      #expect(folder.text("out/secret.csv") == "k,v\n1,x\n" && folder.text("rootx.csv") != nil)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out").count == 2)
      let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path + "/root")
      #expect(!names.contains { $0.hasSuffix(".part") })
    }
  }

  /// A directory that is swapped for a link to the outside, over and over, while files are opened below it.
  @Test(arguments: [true, false]) func swappedDirectory(hasOpenat2: Bool) throws {
    let folder = try folder()
    try folder.link("root/other", to: "../out")
    var files = PosixOutsideFiles()
    files.hasOpenat2 = hasOpenat2
    let secret = try PosixOutsideFiles().open(folder.path + "/out/sub/b.csv", beneath: nil)
      .identity()
    let isOver = Monitor((asked: false, done: false))
    let (root, opener) = (folder.path + "/root", files)
    let base = root + "/"
    startThread {
      while !isOver.withLock({ $0.asked }) {
        // `sub` is the directory, then the link, then the directory again.
        rename(base + "sub", base + "away")
        rename(base + "other", base + "sub")
        rename(base + "sub", base + "other")
        rename(base + "away", base + "sub")
      }
      isOver.change { $0.done = true }
    }
    for _ in 0..<2_000 {
      if let file = try? opener.open(base + "sub/b.csv", beneath: [root]),
        let found = try? file.identity()
      {
        #expect(found.inode != secret.inode)
      }
      if let file = try? opener.create(base + "sub/made.csv", beneath: [root]) {
        try? file.finish()
      }
    }
    isOver.change { $0.asked = true }
    _ = isOver.wait { $0.done ? true : nil }
    #expect(folder.text("out/made.csv") == nil && folder.text("out/sub/made.csv") == nil)
  }

  // MARK: - Statements

  private func run(
    _ text: String, _ engine: Engine, roots: [String]? = nil
  ) throws -> CollectedResult {
    let result = CollectedResult()
    let session = Session(engine: engine)
    session.roots = roots
    session.endsAtIdle = true
    try session.execute(statement: SourceText(name: "test", text), result)
    return result
  }

  @Test func statementsStayBelowTheRoots() throws {
    let folder = try folder()
    let engine = try Engine.open(EngineOptions())
    let roots = [folder.path + "/root"]
    let table =
      "CREATE TABLE s (k INT PRIMARY KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
    _ = try run(table, engine)
    for path in [
      "../out/secret.csv", "link-out.csv", "link-dir-out/secret.csv", "sub/../../out/secret.csv",
      "*/../../out/secr*.csv", "../out/secret.csv\0", "*/*/*/../../../../out/secret.csv",
      "link-dir-*/secret.csv", "{link-out,x}.csv", "link-out.cs?",
    ] {
      let file = folder.path + "/root/" + path
      var statements = [
        "CREATE STREAM f (k INT, v STRING) WITH (FILE='\(file)', VALUE_FORMAT='DELIMITED');"
      ]
      if !path.contains(where: { "*?{".contains($0) }) {
        statements += [
          "COPY s FROM '\(file)';", "COPY s TO '\(file)';", "RUN SCRIPT '\(file)';",
          "CREATE TABLE m (k INT PRIMARY KEY) WITH (KAFKA_TOPIC='m', VALUE_FORMAT='JSON', "
            + "SQLITE='\(file)');",
        ]
      }
      for text in statements {
        let error = #expect(throws: EngineError.self, "\(text)") {
          _ = try run(text, engine, roots: roots)
        }
        let said = error.map { "\($0)" } ?? ""
        #expect(
          said.contains("path-outside-roots") || said.contains("file-not-found"), "\(text): \(said)"
        )
      }
    }
    #expect(folder.text("out/secret.csv") == "k,v\n1,x\n")
    // What lies inside is fine.
    _ = try run("COPY s FROM '\(folder.path)/root/a.csv';", engine, roots: roots)
    _ = try run("COPY s TO '\(folder.path)/root/made.csv';", engine, roots: roots)
    #expect(folder.text("root/made.csv") == "K,V\n1,x\n")
    try engine.close()
  }

  /// The file of a submitted stream is swapped for a link to the outside while the engine is down.
  @Test func aStreamKeepsItsRootsOverARestart() throws {
    let folder = try folder()
    var options = EngineOptions(directory: folder.path + "/data")
    options.durability = .os
    let roots = [folder.path + "/root"]
    var engine = try Engine.open(options)
    _ = try run(
      "CREATE STREAM f (k STRING, v STRING) WITH (FILE='\(folder.path)/root/a.csv', "
        + "VALUE_FORMAT='DELIMITED');", engine, roots: roots)
    try engine.close()
    try FileManager.default.removeItem(atPath: folder.path + "/root/a.csv")
    try folder.link("root/a.csv", to: "../out/secret.csv")
    engine = try Engine.open(options)
    let error = #expect(throws: EngineError.self) { _ = try run("SELECT * FROM f;", engine) }
    #expect(error.map { "\($0)" }?.contains("outside the declared directories") ?? false)
    try engine.close()
  }

  /// A table that is replaced, or made anew beside itself, is as confined as one that is made.
  @Test func aReplacedTableKeepsItsRoots() throws {
    let folder = try folder()
    var options = EngineOptions(directory: folder.path + "/data")
    options.durability = .os
    let roots = [folder.path + "/root"]
    var engine = try Engine.open(options)
    func replace(_ file: String, rebuild: Bool) throws {
      let rebuilding = rebuild ? ", REBUILD=TRUE" : ""
      let text =
        "CREATE OR REPLACE TABLE t WITH (SQLITE='\(folder.path)/\(file)'\(rebuilding)) AS "
        + "SELECT k, COUNT(*) AS n FROM s GROUP BY k;"
      _ = try run(text, engine, roots: roots)
    }
    func isConfined() -> Bool {
      let followers = engine.catalog.sources["T"]?.followers ?? []
      return followers.map(\.roots) == [roots]
    }
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", engine)
    _ = try run("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;", engine)
    for rebuild in [false, true] {
      let error = #expect(throws: EngineError.self) {
        try replace("out/t.db", rebuild: rebuild)
      }
      #expect(error.map { "\($0)" }?.contains("path-outside-roots") ?? false)
    }
    for rebuild in [false, true] {
      try replace("root/t.db", rebuild: rebuild)
      try engine.runUntilIdle()
      #expect(isConfined())
      try engine.close()
      engine = try Engine.open(options)
      #expect(isConfined())
    }
    // Closed while the two run side by side.
    try replace("root/t.db", rebuild: true)
    try engine.close()
    engine = try Engine.open(options)
    try engine.runUntilIdle()
    #expect(isConfined())
    try engine.close()
    #expect(folder.text("out/t.db") == nil)
  }

  // MARK: - Faults

  @Test func faultsOfAFileStream() throws {
    let folder = try Folder()
    let lines = (0..<4_000).map { "{\"k\":\($0)}\n" }.joined()
    try folder.write("in.json", lines)
    let files = FaultyFiles()
    var options = EngineOptions(directory: folder.path + "/data")
    options.durability = .os
    options.files = files
    options.sliceRows = 256
    options.readBytes = 4 << 10
    let engine = try Engine.open(options)
    _ = try run(
      "CREATE STREAM f (k INT) WITH (FILE='\(folder.path)/in.json', VALUE_FORMAT='JSON');", engine)
    _ = try run("CREATE STREAM q AS SELECT k FROM f;", engine)
    var said: [String] = []
    // Each time the query fails after some more reads, and goes on where it last committed.
    for reads in 1...40 {
      files.set { $0.readsLeft = reads }
      try engine.runUntilIdle()
      guard let failure = engine.queryFailures.first else { break }
      said.append(failure)
      files.set { $0.readsLeft = nil }
      _ = try run("RESUME ALL;", engine)
    }
    #expect(said.count > 3)
    let isTold = said.allSatisfy { $0.contains("in.json") && $0.contains("Input/output error") }
    #expect(isTold, "\(said)")
    files.set { $0 = FaultyFiles.Plan(bytesMax: 7) }
    _ = try run("RESUME ALL;", engine)
    try engine.runUntilIdle()
    let rows = try run("SELECT k FROM q;", engine).rows.map(\.values)
    let isExact = rows == (0..<4_000).map { [.int(Int32($0))] }
    #expect(isExact, "\(rows.count) rows")
    try engine.close()
  }

  @Test func faultsOfCopy() throws {
    let folder = try Folder()
    let files = FaultyFiles()
    var options = EngineOptions()
    options.files = files
    let engine = try Engine.open(options)
    _ = try run(
      "CREATE STREAM s (k INT, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", engine)
    let rows = (0..<3_000).map { "\($0),text \($0)\n" }.joined()
    try folder.write("in.csv", "k,v\n" + rows)
    // Short reads change nothing; a failed one is told, with the line that it came after.
    files.set { $0 = FaultyFiles.Plan(bytesMax: 100) }
    _ = try run("COPY s FROM '\(folder.path)/in.csv';", engine)
    #expect(
      try run("SELECT COUNT(*) AS n FROM s;", engine).rows.map(\.values) == [[.bigint(3_000)]])
    files.set { $0 = FaultyFiles.Plan(readsLeft: 2, bytesMax: 100) }
    var error = #expect(throws: EngineError.self) {
      _ = try run("COPY s FROM '\(folder.path)/in.csv';", engine)
    }
    #expect(error.map { "\($0)" }?.contains("in.csv") ?? false, "\(String(describing: error))")
    // A full disk at every so many bytes: nothing of it is there, and what was there before is whole.
    files.set { $0 = FaultyFiles.Plan() }
    let target = folder.path + "/out/rows.csv"
    _ = try run("COPY s TO '\(target)';", engine)
    let whole = try #require(folder.text("out/rows.csv"))
    #expect(whole.split(separator: "\n").count == 3_001)
    try folder.write("out/rows.csv", "before")
    for room in stride(from: 0, to: whole.utf8.count, by: whole.utf8.count / 12) {
      files.set { $0 = FaultyFiles.Plan(room: room) }
      error = #expect(throws: EngineError.self) { _ = try run("COPY s TO '\(target)';", engine) }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains("no space left") && text.contains("rows.csv at byte"), "\(text)")
      #expect(folder.text("out/rows.csv") == "before")
    }
    files.set { $0 = FaultyFiles.Plan(failsAtEnd: true) }
    #expect(throws: EngineError.self) { _ = try run("COPY s TO '\(target)';", engine) }
    #expect(folder.text("out/rows.csv") == "before")
    files.set { $0 = FaultyFiles.Plan() }
    _ = try run("COPY s TO '\(target)';", engine)
    #expect(folder.text("out/rows.csv") == whole)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out").count == 3)
    try engine.close()
  }

  @Test func nothingSteersATerminal() {
    var text = TerminalText()
    let hostile = "a\u{1B}[31mb\u{7}\r\u{7F}\u{9B}2Jé\u{A0}日\tx\n"
    #expect(
      String(decoding: text.escaped(Array(hostile.utf8)), as: UTF8.self)
        == "a\\x1B[31mb\\x07\\x0D\\x7F\\x9B2Jé\u{A0}日\tx\n")
    // A control that comes in two pieces.
    var pieces = TerminalText()
    let bytes = pieces.escaped([0x61, 0xC2]) + pieces.escaped([0x9B, 0x62])
    #expect(String(decoding: bytes, as: UTF8.self) == "a\\x9Bb")
  }
}

/// The machine's files, with reads that fail or give little and a disk that fills.
private final class FaultyFiles: OutsideFiles {
  struct Plan: Sendable {
    /// Reads until one fails; nil: none does.
    var readsLeft: Int?
    /// What one read gives at most.
    var bytesMax = Int.max
    /// Bytes until the disk is full.
    var room = Int.max
    var failsAtEnd = false
  }

  private let plan = Mutex(Plan())
  private let files = PosixOutsideFiles()

  func set(_ change: @Sendable (inout Plan) -> Void) { plan.withLock { change(&$0) } }
  func matches(_ pattern: String) -> [String] { files.matches(pattern) }

  func open(_ path: String, beneath roots: [String]?) throws(OutsideError) -> any OutsideFile {
    FaultyFile(try files.open(path, beneath: roots), self)
  }

  func create(_ path: String, beneath roots: [String]?) throws(OutsideError) -> any OutsideFile {
    FaultyFile(try files.create(path, beneath: roots), self)
  }

  /// How much a read may give. Throws: it is the one that fails.
  fileprivate func read(_ path: String, _ position: Int64?) throws(StorageError) -> Int {
    let allowed = plan.withLock { plan -> Int? in
      guard let left = plan.readsLeft else { return plan.bytesMax }
      plan.readsLeft = left - 1
      return left > 0 ? plan.bytesMax : nil
    }
    guard let allowed else {
      throw StorageError(.io, "read", path: path, position: position, errno: EIO)
    }
    return allowed
  }

  fileprivate func take(_ bytes: Int) -> Int {
    plan.withLock { plan in
      let part = min(bytes, plan.room)
      if plan.room != Int.max { plan.room -= part }
      return part
    }
  }

  fileprivate var failsAtEnd: Bool { plan.withLock { $0.failsAtEnd } }
}

private final class FaultyFile: OutsideFile {
  private let file: any OutsideFile
  private let faults: FaultyFiles
  private let written = Mutex(Int64(0))
  var path: String { file.path }

  init(_ file: any OutsideFile, _ faults: FaultyFiles) {
    self.file = file
    self.faults = faults
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageError) -> Int {
    let count = min(try faults.read(path, position), target.count)
    return try file.read(
      into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: position)
  }

  func readNext(into target: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    let count = min(try faults.read(path, nil), target.count)
    return try file.readNext(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]))
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    let part = faults.take(bytes.count)
    try file.write(UnsafeRawBufferPointer(rebasing: bytes[..<part]))
    let place = written.withLock { place in
      place += Int64(part)
      return place
    }
    guard part == bytes.count else {
      throw StorageError(.full, "write", path: path, position: place, errno: ENOSPC)
    }
  }

  func finish() throws(StorageError) {
    if faults.failsAtEnd { throw StorageError(.io, "sync", path: path, errno: EIO) }
    try file.finish()
  }

  func identity() throws(StorageError) -> (device: UInt64, inode: UInt64, size: Int64) {
    try file.identity()
  }
}
