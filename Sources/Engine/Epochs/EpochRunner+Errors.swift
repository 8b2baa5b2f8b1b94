// Bad records: each is written once to the error topic of its source, however many queries read it.
// For each partition the engine remembers which offsets have been looked at, as a few ranges.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

extension EpochRunner {
  /// Where the bad records of a source are kept.
  static func errorTopic(_ source: String) -> String { InternalTopics.errors(of: source) }

  func appendErrors(
    _ errors: [SourceError], _ commit: inout EpochCommit
  ) throws(EngineError) {
    var fresh: [TextKey: RawRecords] = [:]
    for error in errors {
      let place = "\(error.source)/\(error.partition)"
      var known = try reported(error.source, error.partition)
      guard !known.contains(where: { $0.contains(error.offset) }) else { continue }
      if let last = known.indices.last, known[last].upperBound <= error.offset {
        // Records between two bad ones were good, so one range covers them.
        known[last] = known[last].lowerBound..<error.offset + 1
      } else {
        known.insert(error.offset..<error.offset + 1, at: 0)
      }
      errorRanges[place] = known
      var records =
        fresh[error.source] ?? RawRecords(buffer: ByteBuffer(capacity: 1 << 10))
      let report = MetadataRecord([
        "topic": error.topic, "partition": String(error.partition),
        "offset": String(error.offset), "reason": error.reason, "record": error.excerpt,
      ])
      records.append(
        key: Array("\(error.partition):\(error.offset)".utf8), value: report.bytes,
        timestamp: options.clock())
      fresh[error.source] = records
      commit.metadata.append(
        EpochCommit.MetadataChange(
          key: MetadataKey.errors(error.source, error.partition),
          value: ErrorRanges.encode(known)))
    }
    for error in errors where fresh[error.source] != nil {
      guard toldSources.insert(error.source).inserted else { continue }
      notices.append(
        "source \(error.source) has a bad record (\(error.topic), partition \(error.partition), offset "
          + "\(error.offset)): \(error.reason)")
    }
    // Who only looks is told, and writes nothing.
    guard log.capabilities.contains(.writes) else { return }
    for (source, records) in fresh.sorted(by: { $0.key < $1.key }) {
      let topic = Self.errorTopic(source.text)
      makeIfMissing(topic, TopicConfig(isInternal: true), &commit)
      commit.outputs.append(
        EpochCommit.Output(topic: topic, partition: 0, records: records))
    }
  }

  /// A topic of one partition that this commit writes to.
  func makeIfMissing(_ topic: String, _ config: TopicConfig, _ commit: inout EpochCommit) {
    guard log.outline(topic) == nil, !commit.topicsCreated.contains(where: { $0.name == topic })
    else { return }
    commit.topicsCreated.append(TopicCreation(name: topic, partitionCount: 1, config: config))
  }

  private func reported(
    _ source: String, _ partition: Int
  ) throws(EngineError) -> [Range<Int64>] {
    let place = "\(source)/\(partition)"
    if let known = errorRanges[place] { return known }
    let ranges =
      log.metadata(key: MetadataKey.errors(source, partition))
      .flatMap { ErrorRanges.decode($0) } ?? []
    errorRanges[place] = ranges
    return ranges
  }

  /// A bad record that was reported.
  struct ReportedRecord {
    var source: SourceDefinition
    /// Topic, partition, offset, reason and the beginning of the record, by name.
    var record: MetadataRecord
    /// When it was found; ms since the epoch.
    var foundMs: Int64
  }

  /// Bad records of one source, or of all; oldest first.
  func badRecords(of source: String?) throws(EngineError) -> [ReportedRecord] {
    var result: [ReportedRecord] = []
    for definition in catalog.sortedSources where source == nil || definition.name == source {
      let topic = Self.errorTopic(definition.name)
      guard log.outline(topic) != nil else { continue }
      do {
        // A commit of this process may not show to readers yet; what is written is waited for.
        var scan = try PartitionScan(log, topic, 0, to: try log.writtenEnd(topic, 0))
        while let records = try scan.next() {
          for row in 0..<records.count {
            guard let value = records.value(row) else { continue }
            result.append(
              ReportedRecord(
                source: definition, record: MetadataRecord(bytes: Array(value)),
                foundMs: records.timestamps[row]))
          }
        }
      } catch {
        throw .storage(error)
      }
    }
    return result
  }

  /// How many bad records a source has had.
  func badRecordCount(_ source: String) -> Int64 {
    let topic = Self.errorTopic(source)
    guard log.outline(topic) != nil else { return 0 }
    return (try? log.committedEnd(topic, 0)) ?? 0
  }

  /// Commits what a pull query found to be bad; the engine's lock is held.
  func record(_ errors: [SourceError]) throws(QueryFailure) {
    guard !errors.isEmpty else { return }
    do throws(EngineError) {
      var commit = EpochCommit(epoch: 0)
      try appendErrors(errors, &commit)
      guard !commit.outputs.isEmpty else { return }
      try commitEpoch(&commit)
    } catch {
      throw QueryFailure("\(error)")
    }
  }
}
