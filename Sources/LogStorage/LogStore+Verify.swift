// Reads every committed byte of the store again and compares it with what was committed: all
// batches of all segments with their CRC, the chain of each segment with the published one, the
// checkpoint, and the frames of the journal since. Goes on after a damage, at the next segment.
// Commits may go on meanwhile.

internal import HeadraceColumns
import HeadraceFoundations

extension LogStore {
  /// Checks everything. Throws: only what keeps it from looking (`closed`); damage is in the
  /// report.
  public func verify() throws(StorageError) -> VerifyReport {
    try pinned { () throws(StorageError) in try verifyPinned() }
  }

  private func verifyPinned() throws(StorageError) -> VerifyReport {
    var report = VerifyReport()
    let items = try shared.withLock { (state) throws(StorageError) in
      if state.isClosing { throw StorageError(.closed, "verifying") }
      let entries = state.published.topics.values.sorted { $0.name < $1.name }
      report.topicCount = entries.count
      return entries.flatMap { entry in
        entry.partitions.map(\.segments)
      }
    }
    for item in items {
      report.partitionCount += 1
      for committed in item { verify(committed, &report) }
    }
    if durability != .memory { verifyCheckpoint(&report) }
    return report
  }

  private func verify(_ committed: CommittedSegment, _ report: inout VerifyReport) {
    let segment = committed.segment
    let extent = committed.extent
    report.segmentCount += 1
    report.byteCount += Int64(extent.byteCount)
    guard extent.byteCount > 0 else { return }
    var batches = 0
    var records = 0
    var lastSequence = segment.baseSequence - 1
    var isOrdered = true
    let expectation = BatchExpectation(
      path: segment.path, position: 0, offset: segment.baseOffset,
      segmentSequence: segment.baseSequence)
    do {
      let chain = try segment.scan(expectation, to: extent.byteCount, chain: 0) { batch in
        batches += 1
        records += Int(batch.header.count)
        if batch.sequence <= lastSequence { isOrdered = false }
        lastSequence = batch.sequence + Int64(batch.header.lastOffsetDelta)
      }
      if chain != extent.chain || !isOrdered {
        report.damages.append(
          Damage(
            path: segment.path, position: nil,
            reason: "the batches are not those that were committed"))
      }
    } catch {
      report.damages.append(
        Damage(path: error.path, position: error.position, reason: error.description))
    }
    report.batchCount += batches
    report.recordCount += records
  }

  private func verifyCheckpoint(_ report: inout VerifyReport) {
    let path = directory + "/" + Checkpoint.fileName
    do {
      let checkpoint = try Checkpoint(decoding: try fileSystem.contents(path), path: path)
      var reader = try JournalReader(
        fileSystem: fileSystem, directory: directory + "/journal",
        generation: checkpoint.generation, nextFrame: checkpoint.nextFrame,
        digest: checkpoint.digest)
      while try reader.next().frame != nil {}
    } catch {
      report.damages.append(
        Damage(path: error.path, position: error.position, reason: error.description))
    }
  }
}
