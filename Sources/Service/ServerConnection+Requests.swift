// What each request of a client does, and the payload that answers it.

import HeadraceColumns
import HeadraceTopics
import HeadraceSyntax

/// A malformed request, or one that could not be done.
enum WireFailure: Error {
  case wire
  case service(ServiceError)
}

private func decoding<Result>(
  _ body: () throws(WireError) -> Result
) throws(WireFailure) -> Result {
  do { return try body() } catch { throw .wire }
}

private func doing<Result>(
  _ body: () throws(ServiceError) -> Result
) throws(WireFailure) -> Result {
  do { return try body() } catch { throw .service(error) }
}

extension ServerConnection {
  static func answer(
    _ request: Frame, _ connection: LocalConnection,
    _ handler: (Cancellation) -> any ResultHandler
  ) throws(WireFailure) -> [UInt8] {
    var reader = WireReader(request.payload)
    var writer = WireWriter()
    switch request.kind {
    case .execute:
      let source = try decoding { () throws(WireError) in try reader.source() }
      let handler = handler(connection.session.cancellation)
      try doing { () throws(ServiceError) in try connection.run(source, handler) }
    case .check:
      let source = try decoding { () throws(WireError) in try reader.source() }
      writer.put(try doing { () throws(ServiceError) in try connection.check(source) })
    case .define:
      let (name, value) = try decoding { () throws(WireError) in
        (try reader.text(), try reader.text())
      }
      connection.define(name, value)
    case .finish:
      writer.put(try doing { () throws(ServiceError) in try connection.finish() })
    case .names: writer.put(connection.names())
    case .topics:
      let topics = try doing { () throws(ServiceError) in try connection.topics() }
      writer.put(UInt32(topics.count))
      for topic in topics { writer.put(topic) }
    case .resolve:
      let name = try decoding { () throws(WireError) in try reader.text() }
      writer.put(try doing { () throws(ServiceError) in try connection.resolveTopic(name) })
    case .read:
      let (topic, partition, offset) = try decoding { () throws(WireError) in
        (try reader.text(), Int(try reader.number(Int32.self)), try reader.number(Int64.self))
      }
      let read = try doing { () throws(ServiceError) in
        try connection.read(topic, partition, from: offset)
      }
      if case .records(let records, let next) = read {
        writer.put(next)
        writer.put(records)
      } else {
        writer.put(offset)
        writer.put(RawRecords.none)
      }
    case .append:
      let (topic, records, mark) = try decoding { () throws(WireError) in
        (
          try reader.text(), try reader.records(),
          ProducerMark(
            name: try reader.text(), epoch: try reader.number(Int64.self),
            sequence: try reader.number(Int64.self))
        )
      }
      try doing { () throws(ServiceError) in
        try connection.append(topic, records, mark.name.isEmpty ? nil : mark)
      }
    case .administer:
      let words = try decoding { () throws(WireError) in try reader.texts() }
      writer.put(try doing { () throws(ServiceError) in try connection.administer(words) })
    case .wait:
      let (commit, milliseconds) = try decoding { () throws(WireError) in
        (try reader.number(Int64.self), try reader.number(Int32.self))
      }
      let bounded = min(max(Int(milliseconds), 0), 1000)
      writer.put(connection.waitForCommit(after: commit, milliseconds: bounded))
    case .verify:
      writer.put(try doing { () throws(ServiceError) in try connection.verify() })
    case .hello, .cancel, .credit, .welcome, .message, .columns, .rows, .end, .done, .failed,
      .waits:
      throw .wire
    }
    return writer.bytes
  }
}

extension WireWriter {
  mutating func put(_ source: SourceText) {
    put(source.name)
    put(UInt32(source.firstLine))
    put(UInt32(source.firstColumn))
    put(source.text)
  }

  mutating func put(_ summary: RunSummary) {
    put(Int64(summary.badRecords))
    put(Int64(summary.badLines))
    put(summary.failures)
    put(summary.isOverLimit)
    put(Int64(summary.faults.late))
    put(Int64(summary.faults.expressions))
    put(Int64(summary.faults.output))
    put(summary.unread)
    put(summary.verdict.rawValue)
  }

  mutating func put(_ names: CatalogNames) {
    put(UInt32(names.sources.count))
    for source in names.sources {
      put(source.name)
      put(source.columns)
    }
    put(names.functions)
    put(names.topics)
    put(names.queries)
    put(names.withProperties)
  }
}

extension WireReader {
  mutating func source() throws(WireError) -> SourceText {
    let name = try text()
    let line = Int(try number(UInt32.self))
    let column = Int(try number(UInt32.self))
    return SourceText(name: name, text: try data(), firstLine: line, firstColumn: column)
  }

  mutating func summary() throws(WireError) -> RunSummary {
    var summary = RunSummary()
    summary.badRecords = Int(try number(Int64.self))
    summary.badLines = Int(try number(Int64.self))
    summary.failures = try texts()
    summary.isOverLimit = try flag()
    summary.faults.late = Int(try number(Int64.self))
    summary.faults.expressions = Int(try number(Int64.self))
    summary.faults.output = Int(try number(Int64.self))
    summary.unread = try texts()
    summary.verdict = RunSummary.Verdict(rawValue: try number(UInt8.self)) ?? .failed
    return summary
  }

  mutating func names() throws(WireError) -> CatalogNames {
    var names = CatalogNames()
    for _ in 0..<(try count()) {
      let name = try text()
      names.sources.append(CatalogNames.Source(name: name, columns: try texts()))
    }
    names.functions = try texts()
    names.topics = try texts()
    names.queries = try texts()
    names.withProperties = try texts()
    return names
  }
}
