// A list of entries in pieces of bounded length: what is put in or taken out moves the entries of
// one piece. Complexity: a search takes one over the pieces and one within a piece; a place costs
// as many steps as there are pieces.

import HeadraceFoundations

struct EntryList {
  private static let pieceMax = 512

  /// All entries while they fit into one piece, and there are no others.
  private var only: [Int32] = []
  /// None is empty.
  private var pieces: [[Int32]] = []
  private(set) var count = 0

  /// How many entries belong before what is looked for. `isBefore`: true of the first ones, false
  /// of all others.
  func place(_ isBefore: (Int32) -> Bool) -> Int {
    guard let last = pieces.last?.last ?? only.last else { return 0 }
    if isBefore(last) { return count }
    if pieces.isEmpty { return Self.place(in: only, isBefore) }
    var low = 0
    var high = pieces.count - 1
    while low < high {
      let middle = (low + high) / 2
      if isBefore(pieces[middle][pieces[middle].count - 1]) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    var place = 0
    for piece in pieces[..<low] { place += piece.count }
    return place + Self.place(in: pieces[low], isBefore)
  }

  private static func place(in piece: [Int32], _ isBefore: (Int32) -> Bool) -> Int {
    var (from, to) = (0, piece.count)
    while from < to {
      let middle = (from + to) / 2
      if isBefore(piece[middle]) { from = middle + 1 } else { to = middle }
    }
    return from
  }

  /// Of lists in pieces: the piece of a place, and how far in it. `place`: of an entry, or behind
  /// the last one.
  private func piece(_ place: Int) -> (piece: Int, offset: Int) {
    if place == count, let last = pieces.last { return (pieces.count - 1, last.count) }
    var rest = place
    for (index, piece) in pieces.enumerated() {
      if rest < piece.count { return (index, rest) }
      rest -= piece.count
    }
    return (0, 0)
  }

  subscript(place: Int) -> Int32 {
    get {
      if pieces.isEmpty { return only[place] }
      let (piece, offset) = piece(place)
      return pieces[piece][offset]
    }
    set {
      if pieces.isEmpty {
        only[place] = newValue
      } else {
        let (piece, offset) = piece(place)
        pieces[piece][offset] = newValue
      }
    }
  }

  subscript(places: Range<Int>) -> [Int32] {
    guard !places.isEmpty else { return [] }
    if pieces.isEmpty { return Array(only[places]) }
    var result: [Int32] = []
    result.reserveCapacity(places.count)
    var (index, offset) = piece(places.lowerBound)
    while result.count < places.count {
      result += pieces[index][offset...].prefix(places.count - result.count)
      index += 1
      offset = 0
    }
    return result
  }

  mutating func insert(_ entry: Int32, at place: Int) {
    defer { count += 1 }
    if pieces.isEmpty {
      guard count >= Self.pieceMax else { return only.insert(entry, at: place) }
      pieces = [only]
      only = []
    }
    let (index, offset) = piece(place)
    pieces[index].insert(entry, at: offset)
    guard pieces[index].count > Self.pieceMax else { return }
    // What grows at its end leaves full pieces behind.
    let half = offset == Self.pieceMax ? Self.pieceMax : Self.pieceMax / 2
    let upper = Array(pieces[index][half...])
    pieces[index].removeLast(pieces[index].count - half)
    pieces.insert(upper, at: index + 1)
  }

  @discardableResult
  mutating func remove(at place: Int) -> Int32 {
    if pieces.isEmpty {
      count -= 1
      return only.remove(at: place)
    }
    let (index, offset) = piece(place)
    let entry = pieces[index].remove(at: offset)
    if pieces[index].isEmpty { pieces.remove(at: index) }
    count -= 1
    return entry
  }

  var all: [Int32] { self[0..<count] }
}
