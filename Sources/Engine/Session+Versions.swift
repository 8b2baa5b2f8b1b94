// INSERT ... IF NOT EXISTS and IF VERSION = n. A key's version is the offset of its last record; a
// key without a record, and in a table one whose last record deletes it, does not exist.
//
// The session looks up the versions in what is committed, and hands the log what it has seen: the
// log refuses the commit if one of the keys has been written since, and then the session looks
// again. So of several sessions that expect the same version one succeeds and the others are
// refused, however their commits are grouped.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

/// The condition of an INSERT with the rows that it is about, as they were written.
struct RowCondition {
  let condition: InsertCondition
  let rows: [ValuesRow]
  let values: [[Value]]

  init?(_ node: InsertValues, _ values: [[Value]]) {
    guard let condition = node.condition else { return nil }
    self.condition = condition
    rows = node.rows
    self.values = values
  }

  /// Throws: what no condition can be asked of.
  func check(_ source: SourceDefinition) throws(PlanError) {
    let keys = source.schema.columns.indices.filter { source.schema.columns[$0].isKey }
    guard !keys.isEmpty else {
      throw .conditionWithoutKey(
        source.name, kind: source.kind.rawValue.lowercased(), at: condition.span)
    }
    if case .version = condition.kind, rows.count > 1 {
      throw .versionOfSeveralRows(rows.count, at: rows[1].span)
    }
    var seen: Set<[Value]> = []
    for (row, values) in zip(rows, values) {
      let key = keys.map { values[$0] }
      guard !key.contains(.null) else {
        throw .versionWithoutKey(at: row.span)
      }
      guard seen.insert(key).inserted else {
        throw .repeatedKey(text(key, source), at: row.span)
      }
    }
  }

  private func text(_ key: [Value], _ source: SourceDefinition) -> String {
    zip(key, source.schema.keys).map { HeadraceFunctions.text(of: $0, $1.type) }.joined(
      separator: ", ")
  }

  /// Throws: stale-version, with the version that the row's key has.
  func check(_ row: Int, has version: Int64?, _ source: SourceDefinition) throws(PlanError) {
    let key = source.schema.columns.indices.filter { source.schema.columns[$0].isKey }
      .map { values[row][$0] }
    let (name, span) = (text(key, source), rows[row].span)
    switch (condition.kind, version) {
    case (.notExists, nil): return
    case (.version(let expected), let version?) where expected == version: return
    case (.notExists, let version?):
      throw .keyExists(name, source: source.name, version: version, at: span)
    case (.version(let expected), let version?):
      throw .otherVersion(
        name, source: source.name, version: version, expected: expected, at: span)
    case (.version(let expected), nil):
      throw .keyMissing(name, source: source.name, expected: expected, at: span)
    }
  }
}

extension Session {
  /// What the log must find unchanged, or the refusal.
  func conditions(
    _ condition: RowCondition, _ parts: [PartitionedRecords], _ source: SourceDefinition
  ) throws(StatementFailure) -> [KeyCondition] {
    var result: [KeyCondition] = []
    for part in parts {
      let keys = part.rows.indices.map { part.records.key($0).map { Array($0) } ?? [] }
      if let draft,
        let row = keys.firstIndex(where: {
          draft.inserts($0, source.topic, part.partition)
        })
      {
        throw .plan(.insertedBefore(at: condition.rows[part.rows[row]].span))
      }
      let isNew = draft?.makes(source.topic) ?? false
      let (versions, end) = try storing { () throws(StorageError) in
        try isNew
          ? (keys.map { _ in nil }, 0)
          : engine.epochs.keyVersions.versions(of: keys, source, part.partition)
      }
      for (row, version) in zip(part.rows, versions) {
        try planning { () throws(PlanError) in
          try condition.check(row, has: version, source)
        }
      }
      // Nothing of others can be in a topic that the same commit makes.
      if isNew { continue }
      result.append(
        KeyCondition(
          topic: source.topic, partition: part.partition, knownEnd: end, keys: Set(keys)))
    }
    return result
  }
}
