// The windows of a WINDOW clause, which OVER names instead of saying what rows it looks at.

import HeadraceFoundations
import HeadraceSyntax

struct OverWindows {
  private var known: [TextKey: OverClause] = [:]

  /// Throws: duplicate-window, and what `completed` throws, of a window that names one before it.
  init(_ windows: [NamedWindow]) throws(PlanError) {
    for window in windows {
      guard known[window.name.name] == nil else {
        throw .windowNamedTwice(window.name.name, at: window.name.span)
      }
      known[window.name.name] = try completed(window.over)
    }
  }

  /// Throws: unknown-window, invalid-over. As in the standard, what a window says cannot be said
  /// otherwise, and what divides the rows is the window's alone.
  func completed(_ over: OverClause) throws(PlanError) -> OverClause {
    guard let base = over.base else { return over }
    guard let window = known[base.name] else {
      throw .unknownWindow(base.name, candidates: known.sortedNames, at: base.span)
    }
    if let first = over.partitionBy.first {
      throw .windowChanged(base.name, "PARTITION BY", at: first.span)
    }
    if let first = over.orderBy.first, !window.orderBy.isEmpty {
      throw .windowChanged(base.name, "ORDER BY", at: first.span)
    }
    if window.frame != nil, !over.isBare { throw .windowChanged(base.name, "frame", at: over.span) }
    return over.completed(by: window)
  }
}
