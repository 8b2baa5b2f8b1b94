// INSERT INTO ... VALUES: constant expressions to records, acknowledged when they are as durable as
// the engine promises.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func insert(_ node: InsertValues, _ handler: any ResultHandler) throws(StatementFailure) {
    // A copy of the catalog is enough, so that inserts are planned side by side.
    let catalog = catalogNow
    let source = try insertTarget(node, catalog)
    let (rows, rowtimes) = try planning { () throws(PlanError) in
      try insertRows(node, source, catalog)
    }
    let condition = RowCondition(node, rows)
    try planning { () throws(PlanError) in try condition?.check(source) }
    let now = engine.options.clock()
    let columns = source.schema.columns.indices.map { index in
      Column.from(rows.map { $0[index] }, source.schema.columns[index].type)
    }
    let places = try append(
      columns, rowtimes: rowtimes.map { $0 ?? now }, to: source, at: node.target.span,
      condition: condition)
    var message = "Inserted \(counted(node.rows.count, "row"))"
    if condition != nil, node.rows.count == 1, let place = places.first {
      message += ", version \(place.offsets.lowerBound)"
    }
    handler.message(message)
  }

  func insertTarget(
    _ node: InsertValues, _ catalog: Catalog
  ) throws(StatementFailure) -> SourceDefinition {
    guard let source = catalog.sources[node.target.name] else {
      throw .plan(.insertIntoUnknown(node.target, candidates: catalog.sources.sortedNames))
    }
    if source.isReadOnly {
      throw .plan(
        .insertIntoReadOnlySource(
          source.name, kind: source.kind.rawValue.lowercased(), at: node.target.span))
    }
    if let input = source.input {
      throw .plan(
        .insertIntoInput(source.name, noun: input.kind.noun, at: node.target.span))
    }
    if source.window != nil {
      throw .plan(.insertIntoWindowed(at: node.target.span))
    }
    return source
  }

  /// Rows in the order of the source's schema; ROWTIME where it was given.
  func insertRows(
    _ node: InsertValues, _ source: SourceDefinition, _ catalog: Catalog
  ) throws(PlanError) -> (rows: [[Value]], rowtimes: [Int64?]) {
    let insertable = source.schema.columns.filter { $0.role == .key || $0.role == .value }
    var names = node.columns.map(\.name)
    if names.isEmpty {
      names = insertable.map(\.name)
    } else {
      try source.checkInsertable(node.columns)
    }
    var rows: [[Value]] = []
    var rowtimes: [Int64?] = []
    for row in node.rows {
      guard row.values.count == names.count else {
        if !node.columns.isEmpty {
          throw .unequalValueCount(columns: names.count, values: row.values.count, at: row.span)
        }
        throw .valueCount(row.values.count, columns: names, at: row.span)
      }
      var values = [Value](repeating: .null, count: source.schema.columns.count)
      var rowtime: Int64?
      for (name, expression) in zip(names, row.values) {
        if name == SystemColumn.rowtime, source.schema.index(of: name) == nil {
          rowtime = try constant(expression, as: .bigint, column: name, catalog).integerValue
          guard (rowtime ?? 0) <= Rowtime.latest else {
            throw .rowtimeTooLate(at: expression.span)
          }
          continue
        }
        guard let index = source.schema.index(of: name) else { continue }
        values[index] = try constant(
          expression, as: source.schema.columns[index].type, column: name, catalog)
      }
      if source.kind == .table {
        for (index, column) in source.schema.columns.enumerated()
        where column.isKey && values[index].isNull {
          throw .primaryKeyMissing(column.name, source: source.name, at: row.span)
        }
      }
      rows.append(values)
      rowtimes.append(rowtime)
    }
    return (rows, rowtimes)
  }

  /// The value of a constant expression as a value of `type`.
  func constant(
    _ expression: Expression, as type: DataType, column: String, _ catalog: Catalog
  ) throws(PlanError) -> Value {
    let context = BindingContext(catalog: catalog, properties: properties)
    let bound = try ConstantBinder(context: context).bind(expression)
    let evaluator = Evaluator(functions: catalog.functions, columns: [])
    let batch = RecordBatch(
      columns: [], rowtimes: [0], positions: Positions(major: [0], minor: [0]))
    guard let from = bound.type else { return .null }
    try StructFields.check(expression, from, type, column: column)
    let (value, failed) = evaluator.value(
      bound.expression, batch, clockMs: engine.options.clock())
    if failed {
      throw .constantFailed(column, at: expression.span)
    }
    if from == type || value.isNull { return value }
    let isConvertible =
      from == .string || from.isNestedType || from.isNumeric && type.isNumeric
      || from.canImplicitlyCast(to: type) || type == .string
    if isConvertible, let exact = exactValue(value, from: from, to: type) { return exact }
    throw .valueType(
      text(of: value, from), from: from, expected: type, column: column, at: expression.span)
  }

  /// Encodes rows, a column for each of the schema, and appends them, each in the partition of its
  /// key; tells where they have come to lie.
  @discardableResult
  func append(
    _ columns: [Column], rowtimes: [Int64], to source: SourceDefinition, at span: Span,
    condition: RowCondition? = nil
  ) throws(StatementFailure) -> [CommittedRange] {
    guard engine.log.capabilities.contains(.writes) else { throw .plan(.needsService(at: span)) }
    let writer = RowWriter(source, engine.options.registry)
    let parts: [PartitionedRecords]
    do {
      parts = try writer.records(columns, rowtimes: rowtimes)
    } catch {
      // Formats are checked when a source is made; this is no fault of the statement.
      throw .engine(.io("cannot write to \(source.name): \(error.message)"))
    }
    if parts.contains(where: { $0.records.keyLength.contains { $0 < 0 } }),
      isCompacted(source.topic)
    {
      throw .plan(.keyRequired(source.topic, at: span))
    }
    guard let condition else { return try commit(parts, to: source, if: [], at: span) }
    while true {
      if cancellation.isCancelled { throw .engine(.interrupted) }
      guard engine.log.capabilities.contains(.conditionalWrites) else {
        throw .plan(.conditionUnsupported(at: condition.condition.span))
      }
      let conditions = try conditions(condition, parts, source)
      do throws(StatementFailure) {
        return try commit(parts, to: source, if: conditions, at: span)
      } catch {
        // Written by somebody else meanwhile: the next look tells what the version is now.
        guard case .engine(.storage(let fault)) = error, fault.kind == .conflict else {
          throw error
        }
      }
    }
  }

  private func isCompacted(_ topic: String) -> Bool {
    if let planned = draft?.definitions.plannedTopic(topic) {
      return planned?.config.cleanupPolicy.compacts ?? false
    }
    return engine.log.outline(topic)?.config.cleanupPolicy.compacts ?? false
  }

  private func commit(
    _ parts: [PartitionedRecords], to source: SourceDefinition, if conditions: [KeyCondition],
    at span: Span
  ) throws(StatementFailure) -> [CommittedRange] {
    let outputs = parts.map {
      EpochCommit.Output(topic: source.topic, partition: $0.partition, records: $0.records)
    }
    if let draft {
      try draft.add(outputs, conditions, at: span)
      return []
    }
    let result = try storing { () throws(StorageError) in
      try engine.log.commit(TopicAppend(outputs: outputs, conditions: conditions))
    }
    wrote(result.ranges)
    return result.ranges
  }
}

extension DataType {
  var isNestedType: Bool {
    switch self {
    case .array, .map, .structure: return true
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return false
    }
  }
}

/// Rows of values to records of a source's topic.
struct RowWriter {
  private let source: SourceDefinition
  private let keyEncoder: SideEncoder
  private let valueEncoder: SideEncoder

  init(_ source: SourceDefinition, _ schemas: any SchemaRegistry) {
    self.source = source
    func fields(_ columns: [SchemaColumn]) -> [FormatField] {
      columns.map { FormatField($0.name, $0.type) }
    }
    let keys = source.schema.keys
    let values = source.schema.values
    keyEncoder = SideEncoder(
      layout: source.layout(.key, columns: keys.count, schemas),
      fields: fields(keys))
    var valueLayout = source.layout(.value, columns: values.count, schemas)
    valueLayout.isLossless = true
    valueEncoder = SideEncoder(
      layout: valueLayout, fields: fields(values))
  }

  /// `columns`: one for each of the schema, in its order.
  func records(
    _ columns: [Column], rowtimes: [Int64]
  ) throws(QueryFailure) -> [PartitionedRecords] {
    let count = rowtimes.count
    func side(_ wanted: (SchemaColumn) -> Bool) -> [Column] {
      zip(source.schema.columns, columns).filter { wanted($0.0) }.map(\.1)
    }
    var records = RawRecords(buffer: ByteBuffer(capacity: count * 64))
    let keys = side { $0.isKey }
    var nullKeys = Bitmap(repeating: keys.isEmpty, count: count)
    if keys.allSatisfy({ $0.validity != nil }) {
      for row in 0..<count where keys.allSatisfy({ $0.isNull(row) }) { nullKeys.set(row, true) }
    }
    let bad =
      keyEncoder.encode(keys, count: count, isNull: nullKeys, into: &records, .key)
      + valueEncoder.encode(
        side { $0.role == .value }, count: count, isNull: nil, into: &records, .value)
    if let first = bad.first { throw QueryFailure(first.reason) }
    records.timestamps = rowtimes
    return records.partitioned(into: source.partitions)
  }
}
