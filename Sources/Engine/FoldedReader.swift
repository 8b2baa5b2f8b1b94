// The records of a folded table as an input of a plan, and which keys of a table a plan asks for.

import HeadraceFoundations
import HeadraceSyntax
import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceTopics
import HeadracePlanner

/// Records of a folded table.
final class FoldedReader: RecordReader {
  private let records: RawRecords

  init(_ records: RawRecords) { self.records = records }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    guard let last = records.offsets.last, offset <= last else {
      return .end
    }
    var first = 0
    var bound = records.count
    while first < bound {
      let middle = (first + bound) / 2
      if records.offsets[middle] < offset { first = middle + 1 } else { bound = middle }
    }
    let end = min(first + 4096, records.count)
    return .records(records.gather(first..<end), next: records.offsets[end - 1] + 1)
  }
}

extension LogicalPlan {
  /// For each scan of a plain table whose filter names its key (`key = literal`, `key IN
  /// (literals)`): the encoded keys, by the scan's alias.
  var lookupKeys: [TextKey: [[UInt8]]] {
    var result: [TextKey: [[UInt8]]] = [:]
    if case .filter(let filter) = self, case .scan(let scan) = filter.input,
      let keys = scan.keys(in: filter.predicate)
    {
      result[scan.alias] = keys
    }
    for input in inputs { result.merge(input.lookupKeys) { first, _ in first } }
    return result
  }
}

extension Scan {
  fileprivate func keys(in predicate: BoundExpression) -> [[UInt8]]? {
    // Equal DOUBLEs may have been written in several ways by others, and all keys of some formats.
    guard source.kind == .table, source.window == nil, source.schema.keys.count == 1,
      source.keyFormat.format.keys.areComparable, !source.schema.keys[0].type.containsDoubles,
      let key = columns.first(where: { $0.name == source.schema.keys[0].name })
    else { return nil }
    switch predicate {
    case .and(let left, let right): return keys(in: left) ?? keys(in: right)
    case .compare(.equal, .column(key.id, _), let value),
      .compare(.equal, let value, .column(key.id, _)):
      return encoded([value], key.type)
    case .inList(.column(key.id, _), let values): return encoded(values, key.type)
    default: return nil
    }
  }

  /// nil unless all are literals that the key's format can hold.
  private func encoded(_ expressions: [BoundExpression], _ type: DataType) -> [[UInt8]]? {
    var values: [Value] = []
    for expression in expressions {
      guard case .literal(let value, type) = expression, !value.isNull else { return nil }
      values.append(value)
    }
    let encoder = SideEncoder(
      layout: source.layout(.key, columns: 1, EmptySchemaRegistry()),
      fields: [FormatField(source.schema.keys[0].name, type)])
    var records = RawRecords(buffer: ByteBuffer(capacity: values.count * 16))
    let bad = encoder.encode(
      [Column.from(values, type)], count: values.count, isNull: nil, into: &records, .key)
    guard bad.isEmpty else { return nil }
    return values.indices.map { row in
      let start = Int(records.keyStart[row])
      return (0..<Int(records.keyLength[row])).map { records.buffer.base[start + $0] }
    }
  }
}
