// Many threads and the real file system: group commit, background checkpoints, locks, waiting.

import HeadraceSimulation
import HeadraceFoundations
import HeadraceColumns
import Glibc
import Synchronization
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics

/// Runs `body` on `count` threads at once and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let failures = Mutex<[String]>([])
  var threads: [ServiceThread] = []
  for number in 0..<count {
    threads.append(
      try ServiceThread {
        do {
          try body(number)
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      })
  }
  for thread in threads { thread.join() }
  #expect(failures.withLock { $0 } == [])
}

@Suite struct ConcurrencyTests {
  @Test func concurrentAppendsShareSyncs() throws {
    // A disk whose syncs take long enough for the others to arrive meanwhile.
    let system = SlowSyncs(SimulatedFileSystem(seed: 1), milliseconds: 20)
    let store = try LogStore.open(directory: "/data", fileSystem: system)
    try store.createTopic("inserts", partitions: 4)
    let before = store.counters
    try onThreads(100) { number in
      try store.append("inserts", [(number % 4, records(["row \(number)"]))])
    }
    let after = store.counters
    #expect(after.commitCount - before.commitCount == 100)
    #expect(after.syncCount - before.syncCount < 20)
    var found: Set<String> = []
    for partition in 0..<4 {
      found.formUnion(values(try store.read("inserts", partition, from: 0).records))
    }
    #expect(found.count == 100)
    try store.close()
  }

  @Test func smallCommitsWriteLittle() throws {
    let directory = try TemporaryDirectory()
    let store = try LogStore.open(directory: directory.path)
    try store.createTopic("one", partitions: 1)
    // The journal's two files grow with their first use, and each growth is followed by a checkpoint.
    for _ in 0..<2 {
      try store.append("one", [(0, records(["first"]))])
      try store.checkpoint()
    }
    let before = store.counters
    for number in 0..<100 { try store.append("one", [(0, records(["row \(number)"]))]) }
    let after = store.counters
    #expect((after.bytesWritten - before.bytesWritten) / 100 <= 4096)
    #expect(after.syncCount - before.syncCount == 100)
    try store.close()
  }

  /// Writers and readers beside checkpoints and rolling segments, then a death and a reopening.
  @Test func writersReadersAndCheckpointsRunTogether() throws {
    for (durability, inPlace) in [(Durability.disk, 4 << 20), (.disk, 1), (.os, 0)] {
      let directory = try TemporaryDirectory()
      var options = LogStoreOptions()
      options.checkpointBytes = 16 << 10
      options.checkpointSegmentBytes = 20 << 10
      options.journalGrowthBytes = 64 << 10
      options.inPlaceBytes = inPlace
      options.openFilesMax = 8
      let store = try LogStore.open(
        directory: directory.path, durability: durability, options: options)
      var config = TopicConfig()
      config.segmentBytes = 5_000
      try store.createTopic("t", partitions: 3, config: config)
      try onThreads(6) { number in
        if number < 3 {
          for round in 0..<60 {
            let texts = (0..<5).map {
              "\(number) \(round) \($0) " + String(repeating: "y", count: 90)
            }
            try store.append("t", [(number, records(texts))])
          }
          return
        }
        var offset: Int64 = 0
        var commit: Int64 = 0
        while offset < 300 {
          commit = store.waitForChange(after: commit, milliseconds: 20)
          let read = try store.read("t", number - 3, from: offset, maxBytes: 5000)
          for index in 0..<read.records.count {
            let text = values(read.records)[index]
            let expected = "\(number - 3) \(offset / 5) \(offset % 5) "
            if !text.hasPrefix(expected) {
              throw StorageError(.corruption, text, expected: expected)
            }
            offset += 1
          }
        }
      }
      // The checkpoint that is due runs on a thread of its own.
      for _ in 0..<3000 where store.counters.checkpointCount == 0 { usleep(10_000) }
      #expect(store.maintenanceError == nil)
      #expect(store.counters.checkpointCount > 0)
      store.abandon()
      let other = try LogStore.open(directory: directory.path, options: options)
      #expect(try other.committedEnds("t").ends == [300, 300, 300])
      let report = try other.verify()
      #expect(report.damages == [] && report.recordCount == 900 && report.segmentCount > 9)
      try other.close()
    }
  }

  /// What is idle is closed, and who syncs, checks or compacts a file does not keep it open.
  @Test func filesAreLetGo() throws {
    let directory = try TemporaryDirectory()
    let store = try LogStore.open(directory: directory.path, options: LogStoreOptions())
    var config = TopicConfig(cleanupPolicy: .compact)
    config.segmentBytes = 2_000
    try store.createTopic("t", partitions: 1, config: config)
    for round in 0..<40 {
      var batch = RawRecords(buffer: ByteBuffer(capacity: 256))
      batch.append(
        key: Array("key \(round % 4)".utf8), value: Array(repeating: 65, count: 400), timestamp: 1)
      try store.append("t", [(0, batch)])
    }
    #expect(store.files.count > 5)
    func letGo() { for _ in 0..<2 { store.closeIdleFiles() } }
    letGo()
    #expect(store.files.count == 0)
    try store.checkpoint()
    #expect(store.files.count == 0)
    let report = try store.compact(topic: "t", now: 1)
    #expect(report.segmentsRead > 5 && store.files.count == 0)
    #expect(try store.verify().damages == [] && store.files.count == 0)
    #expect(try store.read("t", 0, from: 0, maxBytes: 1 << 20).records.count == 4)
    #expect(store.files.count > 0)
    letGo()
    #expect(store.files.count == 0)
    try store.close()
  }

  @Test func ticketsAreAnsweredInOrder() throws {
    let directory = try TemporaryDirectory()
    let store = try LogStore.open(directory: directory.path, durability: .os)
    try store.createTopic("t", partitions: 1)
    var tickets: [CommitTicket] = []
    for number in 0..<500 {
      tickets.append(try store.appendAsync("t", [(0, records(["\(number)"]))]))
    }
    for (number, ticket) in tickets.enumerated() {
      #expect(try ticket.wait().ranges[0].offsets.lowerBound == Int64(number))
    }
    let bad = try store.appendAsync("none", [(0, records(["x"]))])
    #expect(throws: StorageError.self) { try bad.wait() }
    try store.close()
    #expect(throws: StorageError.self) { try store.append("t", [(0, records(["x"]))]) }
    #expect(throws: StorageError.self) { try store.read("t", 0, from: 0) }
    try store.close()
  }

  @Test func oneOwnerADirectory() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/a/b"
    let store = try LogStore.open(directory: path)
    let error = #expect(throws: StorageError.self) { try LogStore.open(directory: path) }
    #expect(error?.kind == .locked && error?.found == "process \(getpid())")
    let opened = Mutex<[LogStore]>([])
    store.abandon()
    try onThreads(8) { _ in
      do throws(StorageError) {
        let mine = try LogStore.open(directory: path)
        opened.withLock { $0.append(mine) }
      } catch {
        guard error.kind == .locked else { throw error }
      }
    }
    let owners = opened.withLock { $0 }
    #expect(owners.count == 1)
    for owner in owners { try owner.close() }
    let modes = try permissions(path)
    #expect(modes.count > 5 && modes.allSatisfy { $0.1 == ($0.2 ? 0o700 : 0o600) }, "\(modes)")
  }

  private func permissions(_ path: String) throws -> [(String, UInt32, Bool)] {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw systemError("asking the mode", path) }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    var list = [(path, UInt32(status.st_mode & 0o777), isDirectory)]
    if isDirectory {
      for name in try PosixFileSystem().list(path) { list += try permissions(path + "/" + name) }
    }
    return list
  }

  @Test func temporaryStoresAreQuickAndGo() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/temporary"
    let store = try LogStore.openTemporary(directory: path)
    try store.createTopic("t", partitions: 1)
    try store.append("t", [(0, records(["a"]))])
    #expect(values(try store.read("t", 0, from: 0).records) == ["a"])
    try store.deleteTopic("t")
    try store.createTopic("t", partitions: 1)
    #expect(try store.committedEnd("t", 0) == 0)
    #expect(store.counters.syncCount == 0 && store.counters.journalBytesWritten == 0)
    try store.close()
    #expect(try !PosixFileSystem().exists(path))
  }
}
