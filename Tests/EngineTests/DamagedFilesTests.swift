// Files of state that hold something else than they were given: a byte is another one, a file is cut off or gone. The
// engine says so, takes the state from the changelogs, and goes on to the same end.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSimulation
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct DamagedFilesTests {
  private static let statements = """
    CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
    CREATE STREAM r (k STRING KEY, w INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON');
    CREATE TABLE p (k STRING PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON');
    CREATE TABLE grouped AS SELECT k, COUNT(*) AS n, COLLECT_LIST(v) AS vs FROM s GROUP BY k;
    CREATE TABLE sessions AS SELECT k, SUM(v) AS n FROM s WINDOW SESSION (1 SECOND) GROUP BY k;
    CREATE STREAM pairs AS SELECT s.k AS k, v, w FROM s LEFT JOIN r WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON s.k = r.k;
    CREATE STREAM enriched AS SELECT s.k AS k, v, n FROM s JOIN p ON s.k = p.k;
    CREATE TABLE regrouped AS SELECT n, COUNT(*) AS c FROM p GROUP BY n;
    """

  enum Damage: CaseIterable {
    case flip
    case cut
    case removal
  }

  enum Moment: CaseIterable {
    /// The engine was closed.
    case closed
    /// Its process was killed.
    case killed
    case running
  }

  /// An engine on a simulated disk, and what it has said.
  private final class Life {
    let engine: Engine
    private let notices = Monitor<[String]>([])
    var said: [String] { notices.withLock { $0 } }

    init(_ disk: SimulatedFileSystem) throws {
      var options = EngineOptions(directory: "/data")
      options.fileSystem = disk
      options.workers = 1
      options.sliceRows = 16
      options.clock = { 1 }
      options.spillsInline = true
      options.spillTrial = SpillTrial(share: 1, memtableBytes: 400)
      let notices = notices
      options.notice = { text in notices.withLock { $0.append(text) } }
      engine = try Engine.open(options)
    }

    func define() throws {
      let session = Session(engine: engine)
      session.endsAtIdle = true
      try session.execute(
        script: SourceText(name: "test", DamagedFilesTests.statements), CollectedResult())
    }

    /// Rows of which later rounds ask for the keys of earlier ones.
    func feed(_ round: Int) throws {
      for (topic, field) in [("s", "V"), ("r", "W"), ("p", "N")] {
        var records = RawRecords(buffer: ByteBuffer(capacity: 1024))
        for row in 0..<40 {
          records.append(
            key: Array("key \((row * 7 + round) % 60)".utf8),
            value: Array(#"{"\#(field)":\#((row + round) % 9)}"#.utf8),
            timestamp: Int64(round * 400 + row * 10))
        }
        try engine.log.append(topic, [(0, records)])
      }
      try engine.runUntilIdle()
    }

    func outputs() throws -> [String] {
      var lines: [String] = []
      for topic in try engine.log.topics() where !topic.config.isInternal {
        var scan = try PartitionScan(engine.log, topic.name, 0)
        while let records = try scan.next() { lines += DeliveryReplay.lines(records) }
      }
      return lines
    }
  }

  private static let rounds = 6

  private func expected() throws -> [String] {
    let life = try Life(SimulatedFileSystem(seed: 1))
    try life.define()
    for round in 0..<Self.rounds { try life.feed(round) }
    defer { try? life.engine.close() }
    #expect(life.said == [])
    return try life.outputs()
  }

  private func stateFiles(_ disk: SimulatedFileSystem) -> [(path: String, byteCount: Int)] {
    disk.allFiles().filter { $0.path.hasPrefix("/data/stores/") && $0.byteCount > 0 }
  }

  private func hurt(
    _ disk: SimulatedFileSystem, _ file: (path: String, byteCount: Int), _ damage: Damage,
    _ number: Int
  ) throws {
    let place = (number * 97 + 11) % file.byteCount
    switch damage {
    case .flip: disk.flip(file.path, at: place, mask: 0x10)
    case .cut: disk.shorten(file.path, to: place)
    case .removal: try disk.unlink(file.path)
    }
  }

  /// Half of the rounds, and then damage in some file.
  private func half(_ moment: Moment) throws -> (disk: SimulatedFileSystem, life: Life) {
    let disk = SimulatedFileSystem(seed: 1)
    let life = try Life(disk)
    try life.define()
    for round in 0..<Self.rounds / 2 { try life.feed(round) }
    switch moment {
    case .closed:
      try life.engine.close()
      disk.killProcess()
    case .killed: disk.killProcess()
    case .running: break
    }
    return (disk, life)
  }

  @Test(arguments: Damage.allCases, Moment.allCases)
  func isToldAndMended(_ damage: Damage, _ moment: Moment) throws {
    let expected = try expected()
    let whole = try half(moment)
    let files = stateFiles(whole.disk)
    #expect(files.filter { $0.path.contains("/run-") }.count >= 8)
    #expect(files.contains { $0.path.hasSuffix("manifest") })
    var told = 0
    for (number, file) in files.enumerated() {
      let (disk, life) =
        moment == .running ? try half(moment) : (whole.disk.clone(seed: 1), whole.life)
      try hurt(disk, file, damage, number)
      let next = moment == .running ? life : try Life(disk)
      for round in Self.rounds / 2..<Self.rounds { try next.feed(round) }
      #expect(next.engine.queryFailures == [], "\(file.path)")
      let isSame = try next.outputs() == expected
      #expect(isSame, "\(file.path)")
      let isTold = next.said.contains {
        $0.contains("damaged; its changelogs are read") || $0.contains("are of no use")
      }
      if isTold { told += 1 }
      // What is opened is looked at; of what is open already only that which is read again.
      // Without a manifest there are no files, as before the first one was written.
      let isSilent = damage == .removal && file.path.hasSuffix("manifest")
      #expect(
        isTold || moment == .running || damage == .flip || isSilent, "\(file.path): \(next.said)")
      try next.engine.close()
    }
    // A file that is open stays readable when its name is gone.
    #expect(told > 0 || moment == .running && damage == .removal)
  }

  /// All files at once.
  @Test(arguments: Moment.allCases) func allOfThemAreMended(_ moment: Moment) throws {
    let (disk, life) = try half(moment)
    for (number, file) in stateFiles(disk).enumerated() { try hurt(disk, file, .flip, number) }
    let next = moment == .running ? life : try Life(disk)
    for round in Self.rounds / 2..<Self.rounds { try next.feed(round) }
    #expect(next.engine.queryFailures == [])
    let isSame = try next.outputs() == expected()
    #expect(isSame)
    #expect(!next.said.isEmpty)
    try next.engine.close()
  }
}
