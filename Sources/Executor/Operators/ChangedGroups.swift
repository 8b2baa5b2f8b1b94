// The groups of a conflated aggregation that have changed since the slice began, each with its key,
// what it was, and the place of the last row that changed it.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

struct ChangedGroups {
  private let keys: [DataType]
  private let results: [DataType]
  /// Whether what the groups were is told with what they are.
  private let keepsBefore: Bool
  private var slots: [Int32] = []
  /// By slot: where the group is among those that have changed; -1: nowhere.
  private var places: [Int32] = []
  private var wasNew: [Bool] = []
  private var last = Positions(major: [], minor: [])
  /// nil: no row has had any.
  private var headers: [[RecordHeader]]?
  private var starts: [Int64] = []
  /// A piece a batch.
  private var keyPieces: [[Column]] = []
  private var beforePieces: [[Column]] = []

  init(keys: [DataType], results: [DataType], keepsBefore: Bool) {
    self.keys = keys
    self.results = results
    self.keepsBefore = keepsBefore
  }

  /// Takes in the rows of a batch; the slots of those groups that change for the first time.
  mutating func note(
    _ rowSlots: [Int32], _ rows: RecordBatch, _ groups: [Column], _ windows: [Int64]?,
    isNew: (Int32) -> Bool
  ) -> [Int32] {
    let known = slots.count
    var firsts: [Int32] = []
    for (row, slot) in rowSlots.enumerated() {
      places.grow(to: Int(slot) + 1, -1)
      if places[Int(slot)] < 0 {
        places[Int(slot)] = Int32(slots.count)
        slots.append(slot)
        wasNew.append(isNew(slot))
        last.major.append(0)
        last.minor.append(0)
        headers?.append([])
        if let windows { starts.append(windows[row]) }
        firsts.append(Int32(row))
      }
      let place = Int(places[Int(slot)])
      last.major[place] = rows.positions.major[row]
      last.minor[place] = rows.positions.minor[row]
    }
    if let own = rows.headers {
      if headers == nil { headers = Array(repeating: [], count: slots.count) }
      for (row, slot) in rowSlots.enumerated() { headers?[Int(places[Int(slot)])] = own[row] }
    }
    if !firsts.isEmpty { keyPieces.append(groups.map { $0.gather(firsts) }) }
    return Array(slots[known...])
  }

  /// What the groups were that `note` has just named.
  mutating func keep(_ before: [Column]) { beforePieces.append(before) }

  /// The changes, by the places of their last rows; nil: there are none. `current`: results of
  /// slots. `rowtime`: of a slot.
  mutating func take(
    _ current: ([Int32]) -> [Column], _ rowtime: (Int) -> Int64
  ) -> RecordBatch? {
    guard !slots.isEmpty else { return nil }
    defer { reset() }
    let windowed = starts.isEmpty ? [] : [Column.bigint(Fixed(starts))]
    let now = joined(keyPieces, keys) + current(slots) + windowed
    let order = slots.indices.sorted {
      (last.major[$0], last.minor[$0], $0) < (last.major[$1], last.minor[$1], $1)
    }
    var rows: [Int32] = []
    var kinds: [ChangeKind] = []
    var sources: [Int32] = []
    for place in order {
      if keepsBefore, !wasNew[place] {
        rows.append(Int32(slots.count + place))
        kinds.append(.updateBefore)
        sources.append(Int32(place))
      }
      rows.append(Int32(place))
      kinds.append(keepsBefore && wasNew[place] ? .insert : .updateAfter)
      sources.append(Int32(place))
    }
    var columns = now
    if keepsBefore {
      let before = joined(keyPieces, keys) + joined(beforePieces, results) + windowed
      let types = keys + results + windowed.map { _ in .bigint }
      columns = zip(types, zip(now, before)).map { type, sides in
        Column.concatenate([sides.0, sides.1], type)
      }
    }
    return RecordBatch(
      columns: columns.map { $0.gather(rows) },
      rowtimes: sources.map { rowtime(Int(slots[Int($0)])) }, positions: last.gather(sources),
      kinds: kinds, headers: headers.map { all in sources.map { all[Int($0)] } })
  }

  private func joined(_ pieces: [[Column]], _ types: [DataType]) -> [Column] {
    types.indices.map { index in Column.concatenate(pieces.map { $0[index] }, types[index]) }
  }

  private mutating func reset() {
    for slot in slots { places[Int(slot)] = -1 }
    slots.removeAll(keepingCapacity: true)
    wasNew.removeAll(keepingCapacity: true)
    last = Positions(major: [], minor: [])
    headers = nil
    starts = []
    (keyPieces, beforePieces) = ([], [])
  }
}
