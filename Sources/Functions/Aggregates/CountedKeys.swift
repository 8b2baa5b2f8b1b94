// A sorted list of different keys, each with how often it is there, in pieces of bounded length: a
// change moves the entries of one piece, and a key is found by its rank over the totals of the
// pieces.
// Invariant: no piece is empty, and no count is 0 or less.

import HeadraceFoundations

struct CountedKeys<Key: Comparable & Sendable>: Sendable {
  private static var pieceMax: Int { 256 }

  private struct Piece {
    var keys: [Key]
    var counts: [Int64]
  }

  private var pieces: [Piece] = []
  /// How much each piece holds, repetitions included.
  private var totals: [Int64] = []
  private(set) var total: Int64 = 0

  /// The first piece whose last key is not below `key`.
  private func piece(of key: Key) -> Int {
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      let keys = pieces[middle].keys
      if keys[keys.count - 1] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func place(of key: Key, in piece: Int) -> Int {
    var low = 0
    var high = pieces[piece].keys.count
    while low < high {
      let middle = (low + high) / 2
      if pieces[piece].keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Adds `count` of a key.
  mutating func add(_ key: Key, _ count: Int64 = 1) {
    guard count > 0 else { return }
    total += count
    guard !pieces.isEmpty else {
      pieces = [Piece(keys: [key], counts: [count])]
      totals = [count]
      return
    }
    let piece = min(piece(of: key), pieces.count - 1)
    let place = place(of: key, in: piece)
    totals[piece] += count
    if place < pieces[piece].keys.count, !(key < pieces[piece].keys[place]) {
      pieces[piece].counts[place] += count
      return
    }
    pieces[piece].keys.insert(key, at: place)
    pieces[piece].counts.insert(count, at: place)
    if pieces[piece].keys.count > Self.pieceMax { split(piece) }
  }

  private mutating func split(_ piece: Int) {
    let half = pieces[piece].keys.count / 2
    let upper = Piece(
      keys: Array(pieces[piece].keys[half...]), counts: Array(pieces[piece].counts[half...]))
    pieces[piece].keys.removeLast(upper.keys.count)
    pieces[piece].counts.removeLast(upper.counts.count)
    let moved = upper.counts.reduce(0, +)
    totals[piece] -= moved
    pieces.insert(upper, at: piece + 1)
    totals.insert(moved, at: piece + 1)
  }

  /// Takes one of a key out. One that is not there, because its group was NULL when it came,
  /// changes nothing.
  mutating func remove(_ key: Key) {
    let piece = piece(of: key)
    guard piece < pieces.count else { return }
    let place = place(of: key, in: piece)
    guard place < pieces[piece].keys.count, !(key < pieces[piece].keys[place]) else { return }
    total -= 1
    totals[piece] -= 1
    pieces[piece].counts[place] -= 1
    guard pieces[piece].counts[place] == 0 else { return }
    pieces[piece].keys.remove(at: place)
    pieces[piece].counts.remove(at: place)
    guard pieces[piece].keys.isEmpty else { return }
    pieces.remove(at: piece)
    totals.remove(at: piece)
  }

  /// The key at a place of the sorted list, repetitions included; `rank` is below `total`.
  func key(at rank: Int64) -> Key {
    var rest = rank
    var piece = 0
    while rest >= totals[piece] {
      rest -= totals[piece]
      piece += 1
    }
    var place = 0
    while rest >= pieces[piece].counts[place] {
      rest -= pieces[piece].counts[place]
      place += 1
    }
    return pieces[piece].keys[place]
  }

  /// How many different keys there are.
  var distinctCount: Int { pieces.reduce(0) { $0 + $1.keys.count } }

  /// In order.
  func forEach(_ body: (Key, Int64) -> Void) {
    for piece in pieces {
      for place in piece.keys.indices { body(piece.keys[place], piece.counts[place]) }
    }
  }
}
