// What flows between operators: rows of one partition, as columns, with where each row stands in
// time and in the order of the stage's input.

import HeadraceFoundations

/// What a row says about its key.
/// In a stream every row is `insert`, but for records with a null value, which are `delete`.
/// In a table an update is two adjacent rows, `updateBefore` then `updateAfter`; a `delete` carries
/// the old row where it was known and NULLs where it was not.
public enum ChangeKind: UInt8, Sendable {
  case insert
  case updateBefore
  case updateAfter
  case delete
}

/// Where rows stand in the one sequence that the inputs of a stage form. Compared by `major`, then
/// `minor`.
public struct Positions: Sendable {
  /// Highest rowtime (or append sequence) seen so far in the row's source partition; ms or a count.
  public var major: [Int64]
  /// Rank of the source (9 bits), partition (14 bits), ordinal of the record in its partition (41
  /// bits). Ranks of tables are their ordinals, those of streams `sourcesMax` more.
  public var minor: [UInt64]

  /// Of a row that is no input row's.
  public static let unknown = UInt64.max

  /// Sources that a stage may have.
  public static let sourcesMax = 256

  public init(major: [Int64], minor: [UInt64]) {
    self.major = major
    self.minor = minor
  }

  public static func minor(source: Int, partition: Int, ordinal: Int64) -> UInt64 {
    UInt64(source & 0x1FF) << 55 | UInt64(partition & 0x3FFF) << 41
      | UInt64(truncatingIfNeeded: ordinal) & ordinalMask
  }

  /// What `minor` was made of.
  public static func origin(_ minor: UInt64) -> (source: Int, partition: Int, ordinal: Int64) {
    (Int(minor >> 55), Int(minor >> 41 & 0x3FFF), Int64(minor & ordinalMask))
  }

  public static let ordinalMask: UInt64 = 0x1FF_FFFF_FFFF

  /// Whether two rows come of the same input row.
  public func isSame(_ a: Int, _ b: Int) -> Bool {
    minor[a] == minor[b] && major[a] == major[b]
  }

  public mutating func append(_ other: Positions) {
    major += other.major
    minor += other.minor
  }

  public func gather(_ indices: [Int32]) -> Positions {
    Positions(major: pick(major, indices), minor: pick(minor, indices))
  }
}

/// Shape: every column, `rowtimes`, `positions`, and `kinds` and `headers` where present, have
/// `count` rows.
/// Order: by position.
public struct RecordBatch: Sendable {
  public var columns: [Column]
  public let count: Int
  /// Event time of each row; ms since the epoch, UTC.
  public var rowtimes: [Int64]
  public var positions: Positions
  /// nil: every row is an insert.
  public var kinds: [ChangeKind]?
  /// Headers of the input records, passed on to output records; nil: none.
  public var headers: [[RecordHeader]]?

  public init(
    columns: [Column], rowtimes: [Int64], positions: Positions, kinds: [ChangeKind]? = nil,
    headers: [[RecordHeader]]? = nil
  ) {
    self.columns = columns
    count = rowtimes.count
    self.rowtimes = rowtimes
    self.positions = positions
    self.kinds = kinds
    self.headers = headers
  }

  /// Rows that no record was read for, in their order. `first`: the number of the first one.
  public init(columns: [Column], count: Int, first: Int = 0) {
    let none = [Int64](repeating: 0, count: count)
    let positions = Positions(major: none, minor: (first..<first + count).map { UInt64($0) })
    self.init(columns: columns, rowtimes: none, positions: positions)
  }

  public func kind(_ row: Int) -> ChangeKind { kinds.map { $0[row] } ?? .insert }

  /// Of the values, about.
  public var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

  /// The rows at `indices`, in that order.
  public func gather(_ indices: [Int32]) -> RecordBatch {
    RecordBatch(
      columns: columns.map { $0.gather(indices) },
      rowtimes: pick(rowtimes, indices), positions: positions.gather(indices),
      kinds: kinds.map { pick($0, indices) }, headers: headers.map { pick($0, indices) })
  }

  /// The same rows with other columns.
  public func with(columns: [Column]) -> RecordBatch {
    RecordBatch(
      columns: columns, rowtimes: rowtimes, positions: positions, kinds: kinds, headers: headers)
  }
}

extension RecordBatch {
  /// A row's values in the first columns, whose types these are.
  public func values(_ row: Int, _ types: [DataType]) -> [Value] {
    types.indices.map { columns[$0].value(row, types[$0]) }
  }
}
