// Several cursors as one, in key order, with only the newest record of each key: a tournament tree
// in which the loser of each match stays at its node, so that the next record takes one match a
// level. Of equal keys that of the earlier cursor wins; those of the later ones are passed over.
// Source: Knuth, The Art of Computer Programming, volume 3, 5.4.1.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

struct MergedRecords {
  private let cursors: [RecordCursor]
  /// Losers by node, from 1 on; the winner stands at 0. -1: not played yet.
  private var tree: [Int]
  /// Of each cursor's current key.
  private var prefixes: [UInt64]
  /// The key that was given last.
  private let lastKey = ByteBuffer(capacity: 64)
  private var lastPrefix: UInt64 = 0
  private var hasBegun = false

  /// - Parameter cursors: the newest records first.
  init(_ cursors: [RecordCursor]) {
    self.cursors = cursors
    prefixes = cursors.map(\.prefix)
    tree = [Int](repeating: -1, count: max(1, cursors.count))
    for leaf in cursors.indices { play(leaf) }
  }

  @inline(__always)
  private mutating func play(_ leaf: Int) {
    var winner = leaf
    var node = (leaf + cursors.count) / 2
    while node > 0 {
      let other = tree[node]
      // At the start the first of two waits for the second.
      if other < 0 {
        tree[node] = winner
        return
      }
      if beats(other, winner) {
        tree[node] = winner
        winner = other
      }
      node /= 2
    }
    tree[0] = winner
  }

  @inline(__always)
  private func beats(_ a: Int, _ b: Int) -> Bool {
    prefixes[a] != prefixes[b] ? prefixes[a] < prefixes[b] : beatsInFull(a, b)
  }

  private func beatsInFull(_ a: Int, _ b: Int) -> Bool {
    if cursors[a].isDone || cursors[b].isDone {
      return cursors[a].isDone == cursors[b].isDone ? a < b : cursors[b].isDone
    }
    let (left, right) = (cursors[a].current, cursors[b].current)
    let order = compareBytes(left.key, left.keyCount, right.key, right.keyCount)
    return order != 0 ? order < 0 : a < b
  }

  /// The value of the record that was given last, where it is not in memory.
  var large: LargeValue? { cursors[tree[0]].large }

  /// The newest record of the next key; nil: that were all. Valid until the next call.
  mutating func next() throws(StorageError) -> RecordView? {
    guard !cursors.isEmpty else { return nil }
    if hasBegun { try advanceWinner() }
    while true {
      let winner = cursors[tree[0]]
      if winner.isDone { return nil }
      let record = winner.current
      let isKnown =
        hasBegun && winner.prefix == lastPrefix && record.keyCount == lastKey.count
        && isSame(record.key, lastKey.base, record.keyCount)
      if !isKnown {
        hasBegun = true
        lastPrefix = winner.prefix
        lastKey.count = 0
        lastKey.append(UnsafeRawBufferPointer(start: record.key, count: record.keyCount))
        return record
      }
      try advanceWinner()
    }
  }

  @inline(__always)
  private mutating func advanceWinner() throws(StorageError) {
    let winner = tree[0]
    try cursors[winner].advance()
    prefixes[winner] = cursors[winner].prefix
    play(winner)
  }
}
