// The store from the outside, on the real file system: create, append, commit, read, reopen.

import HeadraceColumns
import Glibc
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics

@Suite struct LogStoreTests {
  @Test func commitsSurviveReopening() throws {
    for durability in [Durability.disk, .os] {
      let directory = try TemporaryDirectory()
      let store = try LogStore.open(directory: directory.path, durability: durability)
      try store.createTopic("orders", partitions: 2)
      let first = try store.append(
        "orders", [(0, records(["a", "b"], at: 1000)), (1, records(["c"], at: 1001))])
      #expect(first.ranges.map(\.offsets) == [0..<2, 0..<1])
      var epoch = EpochCommit(epoch: 7)
      epoch.topicsCreated = [TopicCreation(name: "sums", partitionCount: 1)]
      epoch.outputs = [.init(topic: "sums", partition: 0, records: records(["3"], at: 1002))]
      epoch.metadata = [.init(key: [1, 2], value: [3]), .init(key: [1, 1], value: [4])]
      let second = try store.commit(epoch)
      #expect(second.commit == first.commit + 1)
      for reopens in 0..<3 {
        let name = "\(durability) \(reopens)"
        if reopens == 1 { store.abandon() }
        let other =
          reopens == 0
          ? store : try LogStore.open(directory: directory.path, durability: durability)
        let read = try other.read("orders", 0, from: 0)
        #expect(values(read.records) == ["a", "b"], "\(name)")
        #expect(read.nextOffset == 2)
        #expect(read.records.sequences == [0, 1])
        #expect(values(try other.read("orders", 1, from: 0).records) == ["c"])
        let sums = try other.read("sums", 0, from: 0).records
        #expect(values(sums) == ["3"] && sums.sequences == [3] && sums.timestamps == [1002])
        #expect(other.metadata(prefix: [1]).map(\.value) == [[4], [3]])
        #expect(other.lastEpoch == 7 && other.lastCommit == second.commit)
        #expect(try other.verify().damages.isEmpty)
        if reopens > 0 { try other.close() }
      }
    }
  }
}
