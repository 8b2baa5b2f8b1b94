// "did you mean": the candidate that a mistyped name most probably stands for.

import HeadraceFoundations

/// The closest candidate in edits (insert, delete, replace, swap of neighbours), ignoring case.
///
/// Order: the fewest edits, then the earliest candidate; so the answer never depends on hashing if
/// the candidates are ordered. Nil if none is within a third of the name's length.
/// Complexity: O(candidates × length × edits).
public func closestMatch(
  to name: String, among candidates: some Sequence<String>
) -> String? {
  let typed = Array(name.uppercased().unicodeScalars)
  guard !typed.isEmpty, typed.count <= 64 else { return nil }
  var best: (name: String, edits: Int)?
  for candidate in candidates {
    let limit = min(max(1, typed.count / 3), (best?.edits ?? 4) - 1)
    guard limit >= 0 else { break }
    let wanted = Array(candidate.uppercased().unicodeScalars)
    // A name of one letter is one edit away from every other.
    guard min(typed.count, wanted.count) > limit else { continue }
    if let edits = editDistance(typed, wanted, atMost: limit) { best = (candidate, edits) }
  }
  return best?.name
}

/// The hint that offers a name: `did you mean "pageid"?`
public func didYouMean(_ name: String) -> String { "did you mean \"\(name)\"?" }

/// Optimal string alignment distance, or nil beyond `limit`.
func editDistance(
  _ left: [Unicode.Scalar], _ right: [Unicode.Scalar], atMost limit: Int
) -> Int? {
  guard abs(left.count - right.count) <= limit else { return nil }
  var beforeLast = [Int](repeating: 0, count: right.count + 1)
  var last = Array(0...right.count)
  for row in 0..<left.count {
    var current = [row + 1]
    current.reserveCapacity(right.count + 1)
    var lowest = row + 1
    for column in 0..<right.count {
      let cost = left[row] == right[column] ? 0 : 1
      var edits = min(last[column + 1] + 1, current[column] + 1, last[column] + cost)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        edits = min(edits, beforeLast[column - 1] + 1)
      }
      current.append(edits)
      lowest = min(lowest, edits)
    }
    if lowest > limit { return nil }
    beforeLast = last
    last = current
  }
  return last[right.count] <= limit ? last[right.count] : nil
}
