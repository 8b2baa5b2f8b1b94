// Statements of the log, read and parsed. A catalog of thousands opens by replaying them: while one
// stretch is bound, which depends on all before it, the next one is read beside it.

import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import Synchronization

struct LoggedStatement: Sendable {
  let number: Int
  let record: MetadataRecord
  let source: SourceText
  let content: Content

  enum Content: Sendable {
    /// Of a plain source, which the log has as it was bound.
    case source(SourceDefinition)
    case statement(Statement)
    /// The text does not parse, which is an error when its turn comes.
    case unreadable(DiagnosticError)
  }

  init(number: Int, bytes: [UInt8]) {
    self.number = number
    record = MetadataRecord(bytes: bytes)
    let text = record["sql"] ?? ""
    let source = SourceText(name: "statement log", text)
    self.source = source
    if let bound = record[BoundSource.field],
      let definition = BoundSource.definition(bound, statement: text)
    {
      content = .source(definition)
      return
    }
    do throws(DiagnosticError) {
      content = .statement(try Parser.parse(statement: source))
    } catch {
      content = .unreadable(error)
    }
  }

  /// The statements in the order of the log, some hundred at a time. One stretch is read beside the
  /// caller; a caller that comes before it is there reads the one behind it meanwhile.
  struct Stretches: ~Copyable {
    private static let length = 512

    private var rest: ArraySlice<(number: Int, bytes: [UInt8])>
    private var ahead: Ahead?
    /// What the caller has read itself, behind `ahead`.
    private var own: [LoggedStatement]?

    /// Leaves out those whose number is less than `first`.
    init(_ entries: [(key: [UInt8], value: [UInt8])], from first: Int) {
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
      if let own {
        // What it was read beside has been handed on, and its thread has been started again.
        self.own = nil
        return own
      } else if let ahead {
        self.ahead = nil
        if !ahead.result.isDone.load(ordering: .acquiring), !rest.isEmpty {
          own = Self.parsed(take())
        }
        ahead.thread.join()
        stretch = ahead.result.statements
      } else {
        stretch = Self.parsed(take())
      }
      if !rest.isEmpty { start() }
      return stretch.isEmpty ? nil : stretch
    }

    private mutating func take() -> ArraySlice<(number: Int, bytes: [UInt8])> {
      defer { rest = rest.dropFirst(Self.length) }
      return rest.prefix(Self.length)
    }

    private static func parsed(
      _ entries: ArraySlice<(number: Int, bytes: [UInt8])>
    ) -> [LoggedStatement] {
      entries.map { LoggedStatement(number: $0.number, bytes: $0.bytes) }
    }

    private mutating func start() {
      let before = rest
      let entries = take()
      let result = Ahead.Result()
      do {
        let thread = try ServiceThread {
          result.statements = Self.parsed(entries)
          result.isDone.store(true, ordering: .releasing)
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
    final class Result: @unchecked Sendable {
      var statements: [LoggedStatement] = []
      let isDone = Atomic(false)
    }

    let thread: ServiceThread
    let result: Result
  }
}
