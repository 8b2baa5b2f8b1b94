// Which rows of ordered lists a frame reaches, and which reach a row.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct FramedLists {
  private let state: OrderedState
  private let graceMs: Int64
  private let isInt: Bool
  /// How far frames reach back and ahead where they do not reach back to the first row. ROWS by
  /// rows, RANGE in ms.
  private var rowsBack = 0
  private var rowsAhead = 0
  private var rangeBack: Int64 = 0
  private var rangeAhead: Int64 = 0
  private var hasRange = false
  /// Rows at the beginning of a list that stay, as frames from the first row on name them.
  private let pinned: Int
  private let hasRunning: Bool

  init(_ node: Framing, _ state: OrderedState) {
    self.state = state
    graceMs = node.graceMs
    hasRunning = node.hasRunning
    switch node.order.first?.expression.type {
    case .int, .time, .date: isInt = true
    default: isInt = false
    }
    pinned = node.pinnedRows
    for call in node.calls where !call.isRunning {
      let frame = call.frame
      switch frame.unit {
      case .rows:
        rowsBack = max(rowsBack, -Int(frame.start ?? 0))
        rowsAhead = max(rowsAhead, Int(frame.end ?? 0))
      case .range:
        hasRange = true
        rangeBack = max(rangeBack, -(frame.start ?? 0))
        rangeAhead = max(rangeAhead, frame.end ?? 0)
      }
    }
  }

  /// How far a RANGE reaches back; ms.
  var reachMs: Int64 { rangeBack }

  /// No row before this time is taken in any more.
  var earliest: Int64 { state.streamTime.subtractingClamped(graceMs) }

  /// The time by which an entry is ordered, as its order key says it.
  func distance(_ entry: Int32) -> Int64 {
    let key = state.orderKey(entry)
    if isInt {
      let bits = UInt32(bigEndian: key.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
      return Int64(Int32(bitPattern: bits ^ 0x8000_0000))
    }
    let bits = UInt64(bigEndian: key.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
    return Int64(bitPattern: bits ^ 1 << 63)
  }

  /// It would stand behind all rows of its list, and change the results of none of them.
  func comesLast(_ entry: Int32, _ slot: Int32) -> Bool {
    guard rowsAhead == 0, rangeAhead == 0 else { return false }
    let list = state.lists[Int(slot)]
    guard list.count > 0 else { return true }
    let order = compareBytes(state.orderKey(list[list.count - 1]), state.orderKey(entry))
    return hasRange ? order < 0 : order <= 0
  }

  /// The places of the rows that a new row at a place can change.
  func reaching(_ entry: Int32, _ place: Int, _ slot: Int32) -> Range<Int> {
    let list = state.lists[Int(slot)]
    var first = place - rowsAhead
    var end = max(place, place + rowsBack)
    if hasRunning || place < pinned { end = list.count }
    if hasRange {
      let time = distance(entry)
      let earliest = time.subtractingClamped(rangeAhead)
      first = min(first, list.place { distance($0) < earliest })
      let latest = time.addingClamped(rangeBack)
      end = max(end, list.place { distance($0) <= latest })
    }
    first = max(0, first)
    return first..<max(first, min(end, list.count))
  }

  /// The entries that frames of the rows at these places reach, in order. Those between the first
  /// rows and what is reached may be left out.
  func entries(around places: Range<Int>, of slot: Int32) -> [Int32] {
    let list = state.lists[Int(slot)]
    guard !places.isEmpty else { return [] }
    var first = places.lowerBound - rowsBack
    var end = places.upperBound + rowsAhead
    if hasRange {
      let low = distance(list[places.lowerBound])
      let earliest = low.subtractingClamped(rangeBack)
      first = min(first, list.place { distance($0) < earliest })
      let latest = distance(list[places.upperBound - 1]).addingClamped(rangeAhead)
      end = max(end, list.place { distance($0) <= latest })
    }
    first = max(0, first)
    end = min(max(end, first), list.count)
    guard pinned > 0, first > 0 else { return list[first..<end] }
    return list[0..<min(pinned, first)] + list[first..<end]
  }

  /// The places of rows that no frame of a row to come can reach.
  func expired(_ slot: Int32) -> Range<Int> {
    // Totals go from row to row: rows from their middle cannot be told from those that stay.
    if pinned > 0, hasRunning { return 0..<0 }
    let list = state.lists[Int(slot)]
    let horizon = earliest
    var closed = list.place { distance($0) < horizon }
    // A row that is taken in changes rows before it, which reach back in their turn.
    closed -= max(rowsBack + rowsAhead, hasRunning ? 1 : 0)
    if hasRange {
      let reached = horizon.subtractingClamped(rangeBack).subtractingClamped(rangeAhead)
      closed = min(closed, list.place { distance($0) < reached })
    }
    return pinned..<max(pinned, closed)
  }
}
