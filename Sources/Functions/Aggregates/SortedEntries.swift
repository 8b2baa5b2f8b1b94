// A sorted list in pieces of bounded length: a change moves the elements of one piece and no more.
// Complexity: insertion and removal take a binary search over the pieces and one within a piece.

struct SortedEntries<Element> {
  private static var pieceMax: Int { 256 }

  private let precedes: (Element, Element) -> Bool
  /// None is empty.
  private var pieces: [[Element]] = []
  private(set) var count = 0

  /// `precedes`: a strict order in which no two elements are equal.
  init(by precedes: @escaping (Element, Element) -> Bool) { self.precedes = precedes }

  /// The first piece whose last element does not precede `element`.
  private func piece(of element: Element) -> Int {
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(pieces[middle][pieces[middle].count - 1], element) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /// The first place in a piece whose element does not precede `element`.
  private func place(of element: Element, in piece: Int) -> Int {
    var low = 0
    var high = pieces[piece].count
    while low < high {
      let middle = (low + high) / 2
      if precedes(pieces[piece][middle], element) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func insert(_ element: Element) {
    count += 1
    guard !pieces.isEmpty else {
      pieces = [[element]]
      return
    }
    let piece = min(piece(of: element), pieces.count - 1)
    pieces[piece].insert(element, at: place(of: element, in: piece))
    guard pieces[piece].count > Self.pieceMax else { return }
    let half = pieces[piece].count / 2
    let upper = Array(pieces[piece][half...])
    pieces[piece].removeLast(pieces[piece].count - half)
    pieces.insert(upper, at: piece + 1)
  }

  /// Takes out the element that is equal in the order; there must be one.
  mutating func remove(_ element: Element) {
    let piece = piece(of: element)
    guard piece < pieces.count else { return }
    let place = place(of: element, in: piece)
    guard place < pieces[piece].count, !precedes(element, pieces[piece][place]) else { return }
    pieces[piece].remove(at: place)
    if pieces[piece].isEmpty { pieces.remove(at: piece) }
    count -= 1
  }

  func prefix(_ length: Int) -> [Element] {
    var result: [Element] = []
    for piece in pieces {
      result += piece.prefix(length - result.count)
      if result.count >= length { break }
    }
    return result
  }

  func suffix(_ length: Int) -> [Element] {
    var parts: [ArraySlice<Element>] = []
    var rest = length
    for piece in pieces.reversed() where rest > 0 {
      let part = piece.suffix(rest)
      rest -= part.count
      parts.append(part)
    }
    return parts.reversed().flatMap { $0 }
  }
}
