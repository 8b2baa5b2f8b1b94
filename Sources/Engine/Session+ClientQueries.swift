// Push queries as other sessions see them: in SHOW QUERIES, and as what TERMINATE ends.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

extension PushQuery {
  /// Why it has failed, for its client.
  func error(_ failure: QueryFailure) -> EngineError {
    if isTerminated { return .terminated(failure.message) }
    return failure.isLimit ? .limit(failure.message) : .io(failure.message)
  }

  /// Another session ends it.
  func terminate(by session: String) {
    isTerminated = true
    let rows = counted(progress.taken, "row")
    fail(QueryFailure("query \(id) was terminated by \(session) after \(rows)"))
  }
}

extension Session {
  /// TERMINATE of a push query. False: it means persistent ones, or those as well.
  func control(
    pushOf node: ControlQuery, _ handler: any ResultHandler
  ) throws(StatementFailure) -> Bool {
    try engine.lock.withLock { () throws(StatementFailure) in
      let pushes = engine.epochs.pushes.filter { !$0.isEnded }
      guard let name = node.query else {
        if node.action == .terminate { for push in pushes { push.terminate(by: label) } }
        return false
      }
      guard let push = pushes.first(where: { $0.id == name.name.lowercased() }) else {
        return false
      }
      guard node.action == .terminate else {
        throw .plan(
          .refused(
            "\(node.action.rawValue) of a push query", because: "its client sets its pace",
            at: name.span))
      }
      push.terminate(by: label)
      handler.message("Query \(push.id): \(node.action.rawValue)")
      return true
    }
  }
}

/// What SHOW QUERIES says of any query.
struct QueryOutline {
  static let names = ["Age", "Session", "Query"]
  /// Columns of a statement that are shown without EXTENDED.
  private static let textMax = 120

  /// ms; nil: not known.
  var age: Int64?
  var session = ""
  var text: String

  func cells(isExtended: Bool) -> [String] {
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let isCut = !isExtended && words.count > Self.textMax
    return [
      age.map { "\($0 / 1000) s" } ?? "", session,
      isCut ? words.prefix(Self.textMax - 3) + "..." : words,
    ]
  }
}
