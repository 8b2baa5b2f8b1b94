// The statements of test scripts, and RUN SCRIPT.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import Glibc
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  /// `text`: the statement's, which knows the file that it stands in.
  func runScript(
    _ node: RunScript, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let script = try script(node, text)
    scriptDepth += 1
    defer { scriptDepth -= 1 }
    do {
      try execute(script: script, handler)
    } catch {
      throw .engine(error)
    }
  }

  /// The script that a statement names. Throws: script-depth, or it cannot be read.
  func script(_ node: RunScript, _ text: SourceText) throws(StatementFailure) -> SourceText {
    guard scriptDepth < 16 else {
      throw .plan(.scriptDepth(at: node.span))
    }
    // A script finds others beside itself.
    var path = node.file.value
    if !path.hasPrefix("/"), let slash = text.name.lastIndex(of: "/") {
      path = text.name[...slash] + path
    }
    return SourceText(
      name: path, text: try paths.contents(path, node.file.span, limit: 16 << 20))
  }

  func assert(_ node: AssertTopic, _ handler: any ResultHandler) throws(StatementFailure) {
    try planning { () throws(PlanError) in
      try node.properties?.check(among: ["PARTITIONS", "REPLICAS"])
    }
    let topic = engine.log.outline(node.topic.name)
    if node.isNegated {
      guard topic == nil else {
        throw .plan(.assertedNoTopic(node.topic.name, at: node.span))
      }
      return handler.message("Topic \(node.topic.name) does not exist.")
    }
    guard let topic else { throw .plan(.assertedTopic(node.topic.name, at: node.span)) }
    if let property = node.properties?["PARTITIONS"], case .literal(let literal) = property.value,
      case .integer(let count) = literal.value, count != Int64(topic.partitionCount)
    {
      throw .plan(
        .assertedPartitions(
          node.topic.name, expected: count, actual: topic.partitionCount, at: property.span))
    }
    handler.message("Topic \(node.topic.name) exists.")
  }

  func assert(_ node: AssertSource, _ handler: any ResultHandler) throws(StatementFailure) {
    try planning { () throws(PlanError) in
      try node.properties?.check(among: engine.catalog.sourceProperties)
    }
    let actual = try planning { () throws(PlanError) in try engine.catalog.source(node.name) }
    let kind = node.kind.rawValue.lowercased()
    guard actual.kind == node.kind else {
      throw .plan(.assertedKind(actual.name, at: node.span))
    }
    var columns: [SchemaColumn] = []
    for element in node.elements ?? [] {
      let type = try planning { () throws(PlanError) in
        try engine.catalog.type(element.type)
      }
      var role = SchemaColumn.Role.value
      switch element.constraint {
      case .key, .primaryKey: role = .key
      case .headers: role = .headers(key: nil)
      case .header(let key): role = .headers(key: key.value)
      case nil: break
      }
      columns.append(SchemaColumn(element.name.name, type, role))
    }
    if node.elements != nil {
      let expected = Schema(columns).description
      guard expected == actual.schema.description else {
        throw .plan(
          .assertedSchema(actual.name, expected: expected, actual: actual.schema, at: node.span))
      }
    }
    for property in node.properties?.items ?? [] {
      guard case .literal(let literal) = property.value,
        case .string(let wanted) = literal.value, let found = setting(property.key, actual)
      else { continue }
      let matches =
        property.key == "KAFKA_TOPIC" || property.key == "TIMESTAMP_FORMAT"
        ? wanted == found : wanted.uppercased() == found.uppercased()
      guard matches else {
        throw .plan(
          .assertedSetting(
            settingName(property.key), source: actual.name, expected: wanted, actual: found,
            at: property.span))
      }
    }
    if let property = node.properties?["WRAP_SINGLE_VALUE"],
      case .literal(let literal) = property.value, case .boolean(let wraps) = literal.value,
      actual.valueFormat.wrapSingle != wraps
    {
      let shown = actual.valueFormat.wrapSingle.map { "\($0)" } ?? "not set"
      throw .plan(.assertedWrapping(actual.name, expected: wraps, actual: shown, at: property.span))
    }
    handler.message("\(kind.capitalizedFirst) \(actual.name) is as asserted")
  }

  private func setting(_ key: String, _ source: SourceDefinition) -> String? {
    switch key {
    case "KAFKA_TOPIC": return source.topic
    case "KEY_FORMAT": return source.keyFormat.format.name
    case "VALUE_FORMAT": return source.valueFormat.format.name
    case "TIMESTAMP": return source.timestamp?.column ?? ""
    case "TIMESTAMP_FORMAT": return source.timestamp?.format ?? ""
    default: return nil
    }
  }

  private func settingName(_ key: String) -> String {
    let words = key.lowercased().replacing("_", with: " ")
    return words == "timestamp" ? "timestamp column" : words
  }

  /// Compares the next record of the source's topic that no assertion has read yet.
  func assert(_ node: AssertValues, _ handler: any ResultHandler) throws(StatementFailure) {
    do { try engine.runUntilIdle { cancellation.isCancelled } } catch { throw .engine(error) }
    let source = try planning { () throws(PlanError) in try engine.catalog.source(node.source) }
    try planning { () throws(PlanError) in
      try node.columns.checkDistinct()
      let known = source.schema.columns.map(\.name) + [SystemColumn.rowtime]
      for column in node.columns
      where !known.contains(column.name)
        && !(source.window != nil && SystemColumn.windowBounds.contains(column.name))
      {
        throw .unknownTargetColumn(
          column.name, source: source.name, candidates: known, at: column.span)
      }
    }
    guard let row = try nextRow(of: source) else {
      throw .plan(.assertedRecordMissing(at: node.span))
    }
    var names = node.columns.map(\.name)
    if names.isEmpty {
      names = source.schema.columns.filter { node.isTombstone ? $0.isKey : true }.map(\.name)
    }
    guard names.count == node.row.values.count else {
      throw .plan(.valueCount(node.row.values.count, columns: names, at: node.row.span))
    }
    guard row.isTombstone == node.isTombstone else {
      throw .plan(
        node.isTombstone
          ? .assertedTombstone(row.shown, at: node.span)
          : .assertedValues(row.shown, at: node.span))
    }
    var differences: [String] = []
    var place: Span?
    for (name, expression) in zip(names, node.row.values) {
      guard let column = row.columns[name] else {
        throw .plan(
          .unknownTargetColumn(name, source: source.name, candidates: [], at: expression.span))
      }
      let wanted = try planning { () throws(PlanError) in
        try constant(expression, as: column.type, column: name, engine.catalog)
      }
      if wanted != column.value {
        differences.append(
          "\(name): expected \(text(of: wanted, column.type)), got "
            + text(of: column.value, column.type))
        place = place ?? expression.span
      }
    }
    if let place {
      throw .plan(.assertedRecord(row.shown, differences: differences, at: place))
    }
    handler.message("The next record of \(source.name) is as asserted")
  }

  private struct AssertedRow {
    var columns: [TextKey: (type: DataType, value: Value)]
    var isTombstone: Bool
    var shown: String
  }

  private func nextRow(of source: SourceDefinition) throws(StatementFailure) -> AssertedRow? {
    for partition in 0..<source.partitions {
      let place = "\(source.topic)/\(partition)"
      let offset = assertedOffsets[place] ?? 0
      let records = try storing { () throws(StorageError) -> RawRecords? in
        var scan = try PartitionScan(engine.log, source.topic, partition, from: offset)
        return try scan.next()
      }
      guard let records else { continue }
      assertedOffsets[place] = records.offsets[0] + 1
      return decoded(records, source)
    }
    return nil
  }

  private func decoded(_ records: RawRecords, _ source: SourceDefinition) -> AssertedRow {
    var columns: [TextKey: (type: DataType, value: Value)] = [:]
    var records = records
    if let window = source.window {
      let key = records.key(0).flatMap { WindowedKey($0, window) }
      columns["WINDOWSTART"] = (.bigint, key.map { .bigint($0.start) } ?? .null)
      columns["WINDOWEND"] = (.bigint, key?.end.map { .bigint($0) } ?? .null)
      records = records.unwindowed(window)
    }
    func add(_ list: [SchemaColumn], _ side: RecordSide) {
      let decoder = SideDecoder(
        layout: source.layout(side, columns: list.count, engine.options.registry),
        fields: list.map { FormatField($0.name, $0.type) })
      let decoded = decoder.decode(records, side, rows: 0..<1)
      for (column, values) in zip(list, decoded.columns) {
        columns[column.name] = (column.type, values.value(0, column.type))
      }
    }
    add(source.schema.keys, .key)
    add(source.schema.values, .value)
    columns["ROWTIME"] = (.bigint, .bigint(records.timestamps[0]))
    let shown = source.schema.columns.map { column in
      let entry = columns[column.name]
      return "\(column.name) = \(entry.map { text(of: $0.value, $0.type) } ?? "null")"
    }.joined(separator: ", ")
    return AssertedRow(
      columns: columns, isTombstone: records.valueLength[0] < 0, shown: shown)
  }
}

/// A small file as bytes.
public func readWhole(_ path: String, limit: Int) throws(EngineError) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    throw .io("cannot open \"\(path)\": \(String(cString: strerror(errno)))")
  }
  defer { close(descriptor) }
  var result: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress!, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else {
      throw .io("cannot read \"\(path)\": \(String(cString: strerror(errno)))")
    }
    if count == 0 { return result }
    result += chunk[..<count]
    guard result.count <= limit else {
      throw .limit("\"\(path)\" is larger than \(limit) bytes")
    }
  }
}
