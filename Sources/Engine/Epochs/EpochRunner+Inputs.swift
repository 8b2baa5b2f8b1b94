// Inputs that are no topics: with a query's positions the engine commits a mark of what each connector has given before them;
// when the query starts again the marks must hold, or it fails by name instead of reading other records.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

extension EpochRunner {
  /// The reader of a source's partition is kept for its marks.
  func input(
    _ source: SourceDefinition, _ spec: ConnectorSpec, _ partition: Int, takesOpenEnd: Bool
  ) throws(QueryFailure) -> any ConnectorReader {
    let reader = try options.connectors.input(spec).open(
      source, partition: partition, ConnectorContext(options, takesOpenEnd: takesOpenEnd))
    inputs["\(source.name)/\(partition)"] = reader
    return reader
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
      guard let reader = inputs["\(scans[ordinal].source.name)/\(partition)"] else { continue }
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
        let reader = inputs["\(scans[parts[0]].source.name)/\(parts[1])"]
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
