// Diagnostics of planning: what is wrong with a statement that parses. The engine renders them with
// the statement's text; the identifiers are stable.

public import Syntax

public struct PlanError: Error, Hashable, Sendable {
  /// Stable, kebab-case.
  public var id: String
  public var message: String
  public var span: Span
  public var hint: String?

  public init(_ id: String, _ message: String, at span: Span, hint: String? = nil) {
    self.id = id
    self.message = message
    self.span = span
    self.hint = hint
  }
}

extension PlanError {
  static func unknownSource(_ name: Identifier, candidates: [String]) -> PlanError {
    var hint = didYouMean(name.name, candidates)
    if let exact = candidates.first(where: { $0.uppercased() == name.name.uppercased() }) {
      hint =
        "Did you mean \"\(exact)\"? Hint: wrap the source name in double quotes to make it "
        + "case-sensitive."
    }
    return PlanError(
      "unknown-source", "source \"\(name.name)\" does not exist", at: name.span, hint: hint)
  }

  static func unknownColumn(
    _ clause: String, _ name: String, at span: Span, candidates: [String]
  ) -> PlanError {
    PlanError(
      "unknown-column", "\(clause) column '\(name)' cannot be resolved.", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unsupported(_ what: String, at span: Span) -> PlanError {
    PlanError("not-supported", "\(what) is not supported yet", at: span)
  }
}

/// `did you mean "X"?` for the nearest candidate, if one is near.
func didYouMean(_ name: String, _ candidates: [String]) -> String? {
  nearest(to: name, among: candidates).map { "did you mean \"\($0)\"?" }
}

/// The candidate with the least edit distance (insert, delete, replace, swap of neighbours), when that
/// is at most a third of the name's length.
/// Source: optimal string alignment distance.
public func nearest(to name: String, among candidates: [String]) -> String? {
  let wanted = Array(name.uppercased().utf8)
  let limit = max(1, (wanted.count + 1) / 3)
  var best: (distance: Int, name: String)?
  for candidate in candidates {
    let other = Array(candidate.uppercased().utf8)
    guard abs(other.count - wanted.count) <= limit else { continue }
    let distance = alignmentDistance(wanted, other)
    if distance <= limit, distance < (best?.distance ?? Int.max) {
      best = (distance, candidate)
    }
  }
  return best?.name
}

private func alignmentDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var beforeLast = Array(repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    row.reserveCapacity(b.count + 1)
    for j in 0..<b.count {
      var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        cost = min(cost, beforeLast[j - 1] + 1)
      }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
