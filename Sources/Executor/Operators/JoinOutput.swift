// Rows of a join's result, named by the entries of both sides' slabs and gathered many at once:
// left columns, right columns, key.

import HeadraceColumns
import HeadraceFoundations

struct JoinOutput {
  private let sides: [RowSlab]
  /// Per side: the columns that are the result's key.
  private let keys: [[Int]]
  private let isTable: Bool
  private var entries: [[Int32]] = [[], []]
  /// The row that made the result: its side and its entry; its key is the result's.
  private var makers: [(side: UInt8, entry: Int32)] = []
  private var rowtimes: [Int64] = []
  private var major: [Int64] = []
  private var minor: [UInt64] = []
  private var kinds: [ChangeKind] = []
  /// Of the records that made the rows; nil while none has any.
  private var headers: [[RecordHeader]]?

  init(sides: [RowSlab], keys: [[Int]], isTable: Bool) {
    self.sides = sides
    self.keys = keys
    self.isTable = isTable
  }

  /// `left`, `right`: -1 for NULLs. `side`, `entry`: the row that makes this one, which is row
  /// `row` of the batch.
  mutating func append(
    left: Int32, right: Int32, side: Int, entry: Int32, rowtime: Int64, at batch: RecordBatch,
    _ row: Int, kind: ChangeKind = .insert
  ) {
    entries[0].append(left)
    entries[1].append(right)
    makers.append((UInt8(side), entry))
    if let own = batch.headers?[row], !own.isEmpty || headers != nil {
      if headers == nil { headers = Array(repeating: [], count: rowtimes.count) }
      headers?.append(own)
    } else {
      headers?.append([])
    }
    rowtimes.append(rowtime)
    major.append(batch.positions.major[row])
    minor.append(batch.positions.minor[row])
    if isTable { kinds.append(kind) }
  }

  var count: Int { rowtimes.count }

  /// The rows since the last call.
  mutating func finish() -> RecordBatch {
    defer {
      for side in 0..<2 { entries[side].removeAll(keepingCapacity: true) }
      makers.removeAll(keepingCapacity: true)
      rowtimes = []
      major = []
      minor = []
      kinds = []
      headers = nil
    }
    return RecordBatch(
      columns: sides[0].gather(entries[0]) + sides[1].gather(entries[1]) + keyColumns(),
      rowtimes: rowtimes, positions: Positions(major: major, minor: minor),
      kinds: isTable ? kinds : nil, headers: headers)
  }

  private func keyColumns() -> [Column] {
    guard !keys[0].isEmpty else { return [] }
    var own: [[Int32]] = [[], []]
    var places: [Int32] = []
    for maker in makers { own[Int(maker.side)].append(maker.entry) }
    if own[1].isEmpty || own[0].isEmpty {
      let side = own[1].isEmpty ? 0 : 1
      return keys[side].map { sides[side].gather(own[side], column: $0) }
    }
    var next: [Int32] = [0, Int32(own[0].count)]
    for maker in makers {
      places.append(next[Int(maker.side)])
      next[Int(maker.side)] += 1
    }
    return zip(keys[0], keys[1]).map { left, right in
      Column.concatenate(
        [
          sides[0].gather(own[0], column: left), sides[1].gather(own[1], column: right),
        ], sides[0].types[left]
      ).gather(places)
    }
  }
}
