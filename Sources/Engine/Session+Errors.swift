// SHOW ERRORS: what queries could not read, and where it stands, as a person looks for it.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceTopics

extension Session {
  /// The engine's lock is held.
  func showErrors(of source: String?, _ handler: any ResultHandler) throws(StatementFailure) {
    let records: [EpochRunner.ReportedRecord]
    do { records = try engine.epochs.badRecords(of: source) } catch { throw .engine(error) }
    var lines = FileLines(engine.options)
    list(
      ["Source", "Topic", "Partition", "Offset", "Reason", "Line", "Record", "Found"],
      records.map { found in
        [found.source.name]
          + ["topic", "partition", "offset", "reason"].map { found.record[$0] ?? "" }
          + [
            lines.line(of: found).map { "\($0)" } ?? "", found.record["record"] ?? "",
            text(of: .timestamp(found.foundMs), .timestamp),
          ]
      } + engine.epochs.faultRows(of: source), handler)
  }
}

/// Numbers of the lines that begin at bytes of files. Looked for in the order of the bytes, a file
/// is read once.
private struct FileLines {
  private struct Count {
    var file: any OutsideFile
    var place: Int64 = 0
    /// Line ends before the place.
    var ends = 0
  }

  private let context: ConnectorContext
  /// By source and partition; nil: there are no lines to count.
  private var counts: [TextKey: Count?] = [:]
  private var chunk = [UInt8](repeating: 0, count: 1 << 18)

  init(_ options: EngineOptions) { context = ConnectorContext(options) }

  /// From 1 on; nil: the record does not come from a file of lines that is still there.
  mutating func line(of found: EpochRunner.ReportedRecord) -> Int? {
    guard let input = found.source.input,
      let partition = found.record["partition"].flatMap({ Int($0) }),
      let offset = found.record["offset"].flatMap({ Int64($0) })
    else { return nil }
    let key = TextKey("\(found.source.name)/\(partition)")
    if counts[key] == nil {
      counts[key] = .some(file(input, found.source, partition).map { Count(file: $0) })
    }
    guard var count = counts[key] ?? nil else { return nil }
    if offset < count.place { count = Count(file: count.file) }
    while count.place < offset {
      let wanted = min(chunk.count, Int(offset - count.place))
      let read = chunk.withUnsafeMutableBytes { bytes in
        try? count.file.read(
          into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]), at: count.place)
      }
      guard let read, read > 0 else { return nil }
      count.ends += chunk[..<read].count { $0 == 0x0A }
      count.place += Int64(read)
    }
    counts[key] = count
    return count.ends + 1
  }

  private func file(
    _ input: ConnectorSpec, _ source: SourceDefinition, _ partition: Int
  ) -> (any OutsideFile)? {
    guard source.valueFormat.format.lines != nil else { return nil }
    return FileConnector.lines(input, partition, context)
  }
}
