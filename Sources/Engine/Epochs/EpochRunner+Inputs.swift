// Inputs that are no topics: with a query's positions the engine commits a mark of what each
// connector has given before them; when the query starts again the marks must hold, or it fails by
// name instead of reading other records.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

/// What a source is read for.
enum ReadPurpose {
  case persistent
  case push
  case pull
}

extension EpochRunner {
  /// The reader of a source's partition is kept for the marks of the queries that read by it. A
  /// push query may be the first to open the scan that persistent ones share later; a pull query
  /// has a reader of its own.
  func input(
    _ source: SourceDefinition, _ spec: ConnectorSpec, _ partition: Int, for purpose: ReadPurpose
  ) throws(QueryFailure) -> any ConnectorReader {
    let takesOpenEnd = purpose == .pull || !options.followsFiles
    let reader = try options.connectors.input(spec).open(
      source, partition: partition, ConnectorContext(options, takesOpenEnd: takesOpenEnd))
    switch purpose {
    case .pull: break
    case .push where inputs[source.name]?[partition] != nil && isRead(source): break
    case .push, .persistent: inputs[source.name, default: [:]][partition] = reader
    }
    return reader
  }

  /// Sources that a change drops: those that are made like them later are opened anew.
  func forgetInputs(_ change: CatalogChange) {
    for case .removeSource(let name) in change.steps {
      inputs[name] = nil
      scans.forget(name)
    }
  }

  /// A running query reads the source.
  private func isRead(_ source: SourceDefinition) -> Bool {
    queries.contains { $0.isRunning && $0.plan.sources.contains(source.name) }
  }

  /// The marks of a query's inputs, by `ordinal:partition`, for the commit of its positions.
  func inputMarks(_ query: RunningQuery) throws(StorageError) -> MetadataRecord? {
    let scans = query.physical.scans
    guard let runtime = query.runtime, scans.contains(where: { !$0.source.hasTopic }) else {
      return nil
    }
    var record = MetadataRecord()
    for (ordinal, partition, position) in runtime.positions
    where ordinal < scans.count && !scans[ordinal].source.hasTopic {
      guard let reader = inputs[scans[ordinal].source.name]?[partition] else { continue }
      record.fields["\(ordinal):\(partition)"] = try reader.mark(before: position.offset)
    }
    return record
  }

  /// Throws: an input that is not the one that the query has read.
  func checkInputs(_ query: RunningQuery) throws(QueryFailure) {
    guard let bytes = log.metadata(key: MetadataKey.files(query.id)) else { return }
    let scans = query.physical.scans
    let record = MetadataRecord(bytes: bytes)
    for (place, mark) in record.fields.sorted(by: { $0.key < $1.key }) {
      let parts = place.text.split(separator: ":").compactMap { Int($0) }
      guard parts.count == 2, parts[0] < scans.count, let spec = scans[parts[0]].source.input,
        let reader = inputs[scans[parts[0]].source.name]?[parts[1]]
      else { continue }
      let change: InputChange?
      do {
        change = try reader.change(since: mark)
      } catch {
        change = InputChange(place: "its position", reason: "\(error)")
      }
      if let change {
        throw QueryFailure(
          "\(spec.kind.noun) \"\(spec.target)\" of stream \(scans[parts[0]].source.name) is not "
            + "the one that the query has read up to \(change.place): \(change.reason)")
      }
    }
  }
}
