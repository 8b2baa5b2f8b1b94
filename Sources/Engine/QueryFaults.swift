// What persistent queries could not take as it was: late rows, failed expressions, output that
// cannot be written. The counts are part of each epoch's commit, so that they are as exact as the
// rows that are there; SHOW ERRORS, SHOW QUERIES EXTENDED, DESCRIBE ... EXTENDED and the end of a
// run tell of them.

import HeadraceExecutor
public import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

/// Rows of queries by what became of them.
public struct FaultCounts: Sendable, Hashable {
  /// Dropped, since their window had closed.
  public var late = 0
  /// With an expression that failed and became NULL, or false in a condition.
  public var expressions = 0
  /// Left out, since they cannot be written.
  public var output = 0

  public init() {}

  init(_ faults: RowFaults) {
    late = faults.count(.late)
    expressions = faults.count(.expression)
    output = faults.count(.output)
  }

  static func + (left: FaultCounts, right: FaultCounts) -> FaultCounts {
    var sum = left
    sum.late += right.late
    sum.expressions += right.expressions
    sum.output += right.output
    return sum
  }

  static func - (left: FaultCounts, right: FaultCounts) -> FaultCounts {
    var rest = left
    // A query that has ended takes its counts with it.
    rest.late = max(0, left.late - right.late)
    rest.expressions = max(0, left.expressions - right.expressions)
    rest.output = max(0, left.output - right.output)
    return rest
  }
}

/// Which troubles end a batch run with a status of their own: the setting `headrace.fail.on`, a
/// list of names.
public enum FailureSetting {
  public static let property = "headrace.fail.on"
  public static let names = ["records", "output", "expressions", "late", "lag"]
  /// Late rows are what grace periods are for.
  public static let standard = "records,output,expressions,lag"

  /// The names of a list; nil when one is unknown.
  public static func parse(_ text: String) -> Set<TextKey>? {
    let words = words(text)
    if words == ["none"] { return [] }
    return words.allSatisfy { names.contains($0) } ? Set(texts: words) : nil
  }

  static func words(_ text: String) -> [String] {
    text.split { $0 == "," || $0 == " " }.map { $0.lowercased() }
  }
}

extension RowFaults.Entry {
  /// What SHOW ERRORS says of it.
  var text: String {
    let rows = counted(count, "row")
    let because = example.map { ": \($0)" } ?? ""
    switch kind {
    case .late: return "late: \(cause) (\(rows) dropped\(because))"
    case .expression: return "\(cause) failed (\(rows))\(because)"
    case .output: return "\(cause) (\(rows))\(because)"
    }
  }
}

/// `cause`, `count` and so on of each entry, numbered.
enum FaultCodec {
  static func encode(_ faults: RowFaults) -> [UInt8] {
    var record = MetadataRecord()
    for (number, entry) in faults.entries.enumerated() {
      record.fields["\(number).kind"] = entry.kind.rawValue
      record.fields["\(number).cause"] = entry.cause
      record.fields["\(number).count"] = String(entry.count)
      record.fields["\(number).example"] = entry.example
      record.fields["\(number).places"] =
        entry.places.map { "\($0.source):\($0.partition):\($0.offset)" }.joined(separator: " ")
    }
    return record.bytes
  }

  static func decode(_ bytes: [UInt8]) -> RowFaults {
    let record = MetadataRecord(bytes: bytes)
    var faults = RowFaults()
    for number in 0...RowFaults.causesMax {
      guard let kind = record["\(number).kind"].flatMap({ RowFaults.Kind(rawValue: $0) }),
        let cause = record["\(number).cause"],
        let count = record["\(number).count"].flatMap({ Int($0) })
      else { continue }
      let places = (record["\(number).places"] ?? "").split(separator: " ").compactMap {
        let parts = $0.split(separator: ":").compactMap { Int64($0) }
        return parts.count == 3
          ? RowPlace(source: Int(parts[0]), partition: Int(parts[1]), offset: parts[2]) : nil
      }
      faults.add(
        RowFaults.Entry(
          kind: kind, cause: cause, count: count, places: places,
          example: record["\(number).example"]))
    }
    return faults
  }
}

extension EpochRunner {
  /// Into the query's counts, and those into the commit.
  func appendFaults(_ faults: RowFaults, of query: RunningQuery, _ commit: inout EpochCommit) {
    guard !faults.isEmpty else { return }
    for entry in faults.entries
    where !query.faults.entries.contains(where: {
      $0.kind == entry.kind && $0.cause == entry.cause
    }) {
      notices.append("query \(query.id): \(entry.text)")
    }
    query.faults.add(faults)
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: faultsKey(query.id), value: FaultCodec.encode(query.faults)))
  }

  /// Each process counts its own.
  private func faultsKey(_ id: String) -> [UInt8] {
    log.process.isEmpty
      ? MetadataKey.faults(id) : MetadataKey.faults(id) + Array("/\(log.process)".utf8)
  }

  /// As they were committed.
  func loadFaults(of query: RunningQuery) {
    query.faults =
      log.metadata(key: faultsKey(query.id)).map { FaultCodec.decode($0) } ?? RowFaults()
  }

  /// Source, topic, partition, offset and reason, one a cause of each query.
  func faultRows(of name: String?) -> [[String]] {
    var rows: [[String]] = []
    for query in queries where name == nil || query.plan.sink.name == name || query.id == name {
      let scans = query.physical.scans
      for entry in query.faults.entries {
        let place = entry.places.first { $0.source < scans.count }
        rows.append([
          query.id,
          place.map { scans[$0.source].source.origin } ?? "",
          place.map { "\($0.partition)" } ?? "", place.map { "\($0.offset)" } ?? "", entry.text,
          "", "", "",
        ])
      }
    }
    return rows
  }
}
