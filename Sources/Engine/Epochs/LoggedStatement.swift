// Statements of the log, read, parsed and, where what they declare depends on nothing before them, bound. A catalog of
// thousands opens by replaying them: while one stretch is applied, the next one is made ready beside it.

import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct LoggedStatement: Sendable {
  let number: Int
  let record: MetadataRecord
  let source: SourceText
  /// A text that does not parse is an error when its turn comes.
  let parsed: Result<Statement, DiagnosticError>
  /// The source that it declares; nil: it declares none, or is bound when its turn comes.
  let bound: SourceDefinition?

  /// `empty`: a catalog without sources and types.
  init(number: Int, bytes: [UInt8], _ empty: Catalog) {
    self.number = number
    record = MetadataRecord(bytes: bytes)
    let source = SourceText(name: "statement log", record["sql"] ?? "")
    self.source = source
    parsed = Result { () throws(DiagnosticError) in try Parser.parse(statement: source) }
    bound = Self.bound(parsed, source, record, empty)
  }

  private static func bound(
    _ parsed: Result<Statement, DiagnosticError>, _ source: SourceText, _ record: MetadataRecord,
    _ empty: Catalog
  ) -> SourceDefinition? {
    guard case .success(.createSource(let node)) = parsed,
      let partitions = record["partitions"].flatMap({ Int($0) })
    else { return nil }
    // What asks for types, schemas or records of others fails here.
    let context = BindingContext(catalog: empty, properties: record.sessionProperties)
    context.replays(record)
    return try? SourceBinder(context: context).bind(
      node, text: String(decoding: source.text, as: UTF8.self), topicPartitions: { _ in partitions }
    )
  }

  /// The statements in the order of the log, some hundred at a time; at most two stretches are parsed at once.
  struct Stretches: ~Copyable {
    private static let length = 512

    private let empty: Catalog
    private var rest: ArraySlice<(number: Int, bytes: [UInt8])>
    private var ahead: Ahead?

    /// Leaves out those whose number is less than `first`. `empty`: a catalog without sources and types.
    init(
      _ entries: [(key: [UInt8], value: [UInt8])], from first: Int, _ empty: Catalog
    ) {
      self.empty = empty
      rest =
        entries.compactMap { key, value in
          let digits = key.dropFirst(MetadataKey.statements.utf8.count)
          let number = Int(String(decoding: digits, as: UTF8.self)) ?? 0
          return number >= first ? (number, value) : nil
        }[...]
    }

    deinit { ahead?.thread.join() }

    mutating func next() -> [LoggedStatement]? {
      let stretch: [LoggedStatement]
      if let ahead {
        self.ahead = nil
        ahead.thread.join()
        stretch = ahead.result.statements
      } else {
        stretch = Self.parsed(take(), empty)
      }
      if !rest.isEmpty { start() }
      return stretch.isEmpty ? nil : stretch
    }

    private mutating func take() -> ArraySlice<(number: Int, bytes: [UInt8])> {
      defer { rest = rest.dropFirst(Self.length) }
      return rest.prefix(Self.length)
    }

    private static func parsed(
      _ entries: ArraySlice<(number: Int, bytes: [UInt8])>, _ empty: Catalog
    ) -> [LoggedStatement] {
      entries.map { LoggedStatement(number: $0.number, bytes: $0.bytes, empty) }
    }

    private mutating func start() {
      let before = rest
      let entries = take()
      let result = Ahead.Result()
      do {
        let thread = try ServiceThread { [empty] in
          result.statements = Self.parsed(entries, empty)
        }
        ahead = Ahead(thread: thread, result: result)
      } catch {
        // The system has no thread to spare: they are parsed when their turn comes.
        rest = before
      }
    }
  }

  private struct Ahead {
    /// Written by the thread, read when it has been joined.
    final class Result: @unchecked Sendable { var statements: [LoggedStatement] = [] }

    let thread: ServiceThread
    let result: Result
  }
}

extension MetadataRecord {
  /// What was set when the statement was accepted.
  var sessionProperties: [TextKey: String] {
    var properties: [TextKey: String] = [:]
    for (name, value) in fields where name.text.utf8.starts(with: "set.".utf8) {
      properties[String(name.text.dropFirst(4))] = value
    }
    return properties
  }
}

extension BindingContext {
  /// The statement is that of an entry of the log.
  func replays(_ record: MetadataRecord) {
    isReplay = true
    setsDefaults = record["defaults"] != nil
    inferred = record.schemas
  }
}
