// The entries of a log's metadata on their way into another log, whose records have other offsets.
// What happens to each kind is said in `treatments`; a kind that is not there stops the copy.
//
//   stmt/ query/ submit/   as they are: statements, states of queries, notes of submitted files,
//   declare/               declared files
//   file/                  as they are: marks of inputs that are no topics, which no copy moves
//   producer/              as they are: the numbers of producers. A store that numbers them in a
//                          way of its own does not look at them, and gives them back
//   pos/                   offsets of topics are translated, those of other inputs are not; in one
//                          entry or in one a partition, as engines over the target keep them.
//                          Exchanges begin at their start, empty
//   fault/                 places of rows are translated; one whose record is gone is left out, its
//                          count stays
//   err/                   ranges are translated
//   snap/                  left out: a changelog is copied from its snapshot on, so it begins with
//                          it
//   past/, cleaned/        what was compacted stays unknown: one `past/` entry a partition
//   group/                 set through the seam, translated (`groups`)
//   topic/                 settings come with the topics
//   service, level/,       of the log that they are in, and its processes
//   owner/
//   lost/                  losses in what is copied of a changelog stop the copy; others are gaps
//                          and show no more

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

struct CopiedEntries {
  private enum Treatment {
    case asItIs, positions, faults, errors
    /// Not copied as an entry.
    case left
  }

  private static let treatments: [(prefix: String, treatment: Treatment)] = [
    (MetadataKey.statements, .asItIs), (MetadataKey.queries, .asItIs), ("submit/", .asItIs),
    ("declare/", .asItIs),
    ("file/", .asItIs), ("producer/", .asItIs), ("pos/", .positions), ("fault/", .faults),
    ("err/", .errors), ("snap/", .left), ("past/", .left), ("cleaned/", .left),
    ("group/", .left), ("topic/", .left), ("lost/", .left), ("service", .left), ("level/", .left),
    ("owner/", .left),
  ]

  private let definitions: CopiedDefinitions
  private let topics: [CopiedTopic]
  private let entries: [(key: [UInt8], value: [UInt8])]
  private var source: any TopicStore { definitions.source.log }
  private var target: any TopicStore { definitions.target.log }

  init(_ definitions: CopiedDefinitions, _ topics: [CopiedTopic]) {
    self.definitions = definitions
    self.topics = topics
    entries = definitions.source.log.metadata(prefix: [])
  }

  /// What the target's entries will be. Asked twice, as `OffsetMap` says.
  /// Throws: entries that are not known, and what they name and is not there.
  func changes(_ map: OffsetMap) throws(ServiceError) -> [EpochCommit.MetadataChange] {
    var changes: [EpochCommit.MetadataChange] = []
    for (key, value) in entries {
      let name = String(decoding: key, as: UTF8.self)
      guard let found = Self.treatments.first(where: { name.hasPrefix($0.prefix) }) else {
        throw .logCopyUnknownEntry(name)
      }
      let rest = String(name.dropFirst(found.prefix.count))
      switch found.treatment {
      case .asItIs: changes.append(EpochCommit.MetadataChange(key: key, value: value))
      case .positions: try check(positions: value, name, rest)
      case .faults:
        let faults = try self.faults(value, name, rest, map)
        changes.append(EpochCommit.MetadataChange(key: key, value: faults))
      case .errors:
        let ranges = try errors(value, name, rest, map)
        changes.append(EpochCommit.MetadataChange(key: key, value: ranges))
      case .left: break
      }
    }
    for query in definitions.queries { changes += try positions(of: query, map) }
    return changes + (try pasts(map))
  }

  // MARK: - Positions

  /// Throws: an entry of no query, and one that says less than it has.
  private func check(
    positions value: [UInt8], _ name: String, _ rest: String
  ) throws(ServiceError) {
    let isOfPartition = rest.split(separator: "/").last?.contains(":") ?? false
    let owner =
      definitions.query(rest) != nil || !isOfPartition
      ? rest : rest.split(separator: "/").dropLast().joined(separator: "/")
    guard definitions.query(owner) != nil else {
      throw .logCopyUnknownOwner(name, "query \(owner)")
    }
    let count = String(decoding: value, as: UTF8.self).split(separator: " ").count
    guard PositionCodec.decode(value).count == count else { throw .logCopyDamagedEntry(name) }
  }

  private func positions(
    of query: CopiedQuery, _ map: OffsetMap
  ) throws(ServiceError) -> [EpochCommit.MetadataChange] {
    let known = definitions.source.committedPositions(query.id)
    // It has not begun, and where it begins is for its start to say.
    guard !known.isEmpty else { return [] }
    var positions: [(ordinal: Int, partition: Int, position: SourcePosition)] = []
    for (ordinal, partition) in query.cursors {
      var position = known["\(ordinal):\(partition)"] ?? .start
      if ordinal >= query.topics.count {
        position = .start
      } else if let topic = query.topics[ordinal] {
        let place = try map.place(
          of: position.offset, topic, partition, for: "the position of query \(query.id)")
        position.offset = place.offset
        if query.isInArrivalOrder { position.major = major(position.major, place) }
      }
      positions.append((ordinal, partition, position))
    }
    return definitions.target.positionChanges(query.id, positions, before: [])
  }

  /// In arrival order a position names the append sequence of the last row; the target may have
  /// given it another one.
  private func major(_ major: Int64, _ place: OffsetMap.Place) -> Int64 {
    guard major != SourcePosition.start.major, major < tentativeSequence else { return major }
    guard let before = place.sequencesBefore else { return SourcePosition.start.major }
    return before.source == before.target ? major : before.target
  }

  // MARK: - Faults and errors

  private func faults(
    _ value: [UInt8], _ name: String, _ id: String, _ map: OffsetMap
  ) throws(ServiceError) -> [UInt8] {
    guard let query = definitions.query(id) else {
      throw .logCopyUnknownOwner(name, "query \(id)")
    }
    var copied = RowFaults()
    for entry in FaultCodec.decode(value).entries {
      var entry = entry
      var places: [RowPlace] = []
      for place in entry.places {
        guard place.source < query.topics.count, let topic = query.topics[place.source] else {
          places.append(place)
          continue
        }
        let found = try map.place(
          of: place.offset, topic, place.partition, for: "the entry \"\(name)\"")
        guard found.isExact else { continue }
        places.append(
          RowPlace(source: place.source, partition: place.partition, offset: found.offset))
      }
      entry.places = places
      copied.add(entry)
    }
    return FaultCodec.encode(copied)
  }

  private func errors(
    _ value: [UInt8], _ name: String, _ rest: String, _ map: OffsetMap
  ) throws(ServiceError) -> [UInt8] {
    // A source's name may have any characters.
    guard let slash = rest.lastIndex(of: "/"), let partition = Int(rest[slash...].dropFirst())
    else { throw .logCopyDamagedEntry(name) }
    guard let source = definitions.source.catalog.sources[String(rest[..<slash])] else {
      throw .logCopyUnknownOwner(name, "source \(rest[..<slash])")
    }
    guard let ranges = ErrorRanges.decode(value) else { throw .logCopyDamagedEntry(name) }
    guard source.hasTopic else { return value }
    var copied: [Range<Int64>] = []
    for range in ranges {
      let entry = "the entry \"\(name)\""
      let start = try map.place(of: range.lowerBound, source.topic, partition, for: entry)
      let end = try map.place(of: range.upperBound, source.topic, partition, for: entry)
      if start.offset < end.offset { copied.append(start.offset..<end.offset) }
    }
    return ErrorRanges.encode(copied)
  }

  // MARK: - What is not known any more

  /// Below which offsets the past cannot be told. A store without a history of its own does not say
  /// what was compacted: there it is all that a compacted topic holds.
  private func pasts(_ map: OffsetMap) throws(ServiceError) -> [EpochCommit.MetadataChange] {
    var changes: [EpochCommit.MetadataChange] = []
    for topic in topics where !topic.name.hasPrefix(InternalTopics.prefix) {
      for partition in 0..<topic.partitionCount {
        var bound = source.pastBound(topic.name, partition)
        if !source.capabilities.contains(.history), topic.config.cleanupPolicy.compacts {
          bound = max(
            bound,
            try servingLog { () throws(StorageError) in
              try source.committedEnd(topic.name, partition)
            })
        }
        guard bound > 0 else { continue }
        let id = target.outline(topic.name)?.id ?? 0
        let place = try map.place(
          of: bound, topic.name, partition, for: "what was compacted of it")
        changes.append(
          EpochCommit.MetadataChange(
            key: MetadataKey.past(topic.name, partition),
            value: PastBound(topicID: id, offset: place.offset).bytes))
      }
    }
    return changes
  }

  // MARK: - Consumers

  /// The positions of named consumers, by group.
  func groups(_ map: OffsetMap) throws(ServiceError) -> [(name: String, offsets: [GroupOffset])] {
    var groups: [TextKey: [GroupOffset]] = [:]
    for topic in topics {
      for group in source.groups(of: topic.name) {
        // Anybody may seek to a partition that is not there; it names no record.
        for known in source.groupOffsets(group, topic.name)
        where known.partition < topic.partitionCount {
          var moved = known
          moved.offset = try map.place(
            of: known.offset, topic.name, known.partition, for: "the position of group \(group)"
          ).offset
          groups[group, default: []].append(moved)
        }
      }
    }
    return groups.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value) }
  }
}
