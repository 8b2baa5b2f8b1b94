// Checkpoints whose checksum is right and whose content cannot be: found by fuzzing, where a reader
// of such a partition went on for ever. All are told as damage of the file.

import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics

@Suite struct StructureTests {
  private static func checkpoint() -> Checkpoint {
    var checkpoint = Checkpoint()
    let extent = { (end: Int64) in SegmentExtent(byteCount: 80, endOffset: end) }
    checkpoint.topics = ["a", "b"].map { name in
      Checkpoint.Topic(
        id: 1, name: name, config: TopicConfig(),
        partitions: [
          Checkpoint.Partition(
            startOffset: 1, endOffset: 9, lastSequence: 9,
            segments: [
              Checkpoint.Segment(baseOffset: 0, baseSequence: 0, extent: extent(5)),
              Checkpoint.Segment(baseOffset: 5, baseSequence: 5, extent: extent(9)),
            ])
        ])
    }
    return checkpoint
  }

  @Test func impossibleCheckpointsAreDamage() throws {
    let changes: [(String, (inout Checkpoint) -> Void)] = [
      ("end beyond the segments", { $0.topics[0].partitions[0].endOffset = 1 << 40 }),
      ("start beyond the end", { $0.topics[0].partitions[0].startOffset = 10 }),
      ("no segments", { $0.topics[0].partitions[0].segments = [] }),
      ("segments overlap", { $0.topics[0].partitions[0].segments[1].baseOffset = 4 }),
      ("same segment twice", { $0.topics[0].partitions[0].segments[1].baseOffset = 0 }),
      (
        "segment ends before it begins",
        { $0.topics[0].partitions[0].segments[1].extent.endOffset = 4 }
      ),
      ("topics out of order", { $0.topics.swapAt(0, 1) }),
      ("no name", { $0.topics[0].name = "" }),
      ("a name that leads away", { $0.topics[0].name = ".." }),
      ("no partitions", { $0.topics[0].partitions = [] }),
      ("a counter near overflow", { $0.nextSequence = .max - 1 }),
      ("a negative counter", { $0.commit = -2 }),
      ("a size near overflow", { $0.journalBytes = [.max, 0] }),
    ]
    _ = try Checkpoint(decoding: Self.checkpoint().encode().array(), path: "c")
    for (name, change) in changes {
      var checkpoint = Self.checkpoint()
      change(&checkpoint)
      let error = #expect(throws: StorageError.self, "\(name)") {
        _ = try Checkpoint(decoding: checkpoint.encode().array(), path: "c")
      }
      #expect(error?.kind == .corruption && error?.path == "c", "\(name)")
    }
  }
}
