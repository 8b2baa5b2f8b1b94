// AS OF: a source as it was, read from its own topic. A stream is its records up to there; a table
// is what its records up to there fold to, and is folded anew for each query.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Engine {
  /// A partition up to an end; a table folded. `keys`: only these keys' records.
  func reader(
    _ scan: Scan, _ log: TopicReader, _ partition: Int, end: ScanEnd, keys: [[UInt8]]?
  ) throws(QueryFailure) -> any RecordReader {
    let bound: BoundedReader.Bound =
      switch end {
      case .time(let time): .time(time)
      case .offsets(let offsets): .offset(offsets[partition])
      }
    let past = BoundedReader(log, bound)
    guard scan.source.kind == .table else { return past }
    let fold = TableFold()
    do {
      try fold.advance(past)
    } catch {
      throw QueryFailure("cannot read table \(scan.source.name): \(error)")
    }
    return FoldedReader(keys.map { fold.records(of: $0) } ?? fold.all())
  }
}

extension Session {
  /// Throws: as-of-range, for a past that the log does not have or no longer tells.
  func checkEnds(_ plan: LogicalPlan) throws(StatementFailure) {
    for scan in plan.scans {
      guard let end = scan.end else { continue }
      guard engine.log.capabilities.contains(.history) else {
        throw .plan(.asOfUnsupported(at: scan.endSpan))
      }
      for partition in 0..<scan.source.partitions {
        if let wrong = try outOfRange(end, scan.source, partition) {
          throw .plan(
            .asOfRange(scan.source.name, partition: partition, reason: wrong, at: scan.endSpan))
        }
      }
    }
  }

  private func outOfRange(
    _ end: ScanEnd, _ source: SourceDefinition, _ partition: Int
  ) throws(StatementFailure) -> String? {
    let log = engine.log
    let (first, last) = try storing { () throws(StorageError) in
      (
        try log.earliestOffset(source.topic, partition),
        try log.committedEnd(source.topic, partition)
      )
    }
    let compacted = log.pastBound(source.topic, partition)
    switch end {
    case .offsets(let offsets):
      let offset = offsets[partition]
      if offset < first { return "keeps nothing before offset \(first)" }
      if offset > last { return "ends at offset \(last)" }
      return offset < compacted ? "is compacted up to offset \(compacted)" : nil
    case .time:
      // What is gone may have been of any time.
      return compacted > 0 ? "is compacted: AS OF OFFSET \(compacted) and later can be told" : nil
    }
  }
}
