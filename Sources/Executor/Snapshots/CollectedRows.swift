// All rows of a part of a query that is read once: columns, in pieces whose places fit into 32
// bits. Many small batches become one piece step by step, so that each row is copied twice, and
// nothing of what a batch was cut from is kept.

public import HeadraceColumns
import HeadraceFoundations

public struct CollectedRows {
  public struct Piece {
    public let columns: [Column]
    public let count: Int
    /// The number of its first row among all.
    public let first: Int
  }

  private static let bytesMax = 1 << 28
  private static let batchesMax = 64

  private let types: [DataType]
  private let pieceRows: Int
  public private(set) var pieces: [Piece] = []
  public private(set) var count = 0
  /// Of the values; bytes.
  public private(set) var byteCount = 0
  private var batches = Part()
  private var merged = Part()

  /// What waits to become one.
  private struct Part {
    var columns: [[Column]] = []
    var count = 0
    var bytes = 0

    mutating func append(_ columns: [Column], count: Int, bytes: Int) {
      self.columns.append(columns)
      self.count += count
      self.bytes += bytes
    }

    consuming func joined(_ types: [DataType]) -> [Column] {
      types.indices.map { column in
        .concatenate(columns.map { $0[column] }, types[column])
      }
    }
  }

  /// `pieceRows`: a piece has about so many.
  public init(_ types: [DataType], pieceRows: Int = 1 << 20) {
    self.types = types
    self.pieceRows = pieceRows
  }

  public mutating func append(_ columns: [Column], count: Int) {
    if count == 0 { return }
    let bytes = columns.reduce(0) { $0 + $1.byteCount }
    self.count += count
    byteCount += bytes
    batches.append(columns, count: count, bytes: bytes)
    if batches.columns.count >= Self.batchesMax || batches.count >= pieceRows / 16
      || batches.bytes >= Self.bytesMax
    {
      merge()
    }
  }

  /// There are no more.
  public mutating func close() {
    merge()
    if merged.count > 0 { endPiece() }
  }

  private mutating func merge() {
    guard batches.count > 0 else { return }
    let (count, bytes) = (batches.count, batches.bytes)
    merged.append(batches.joined(types), count: count, bytes: bytes)
    batches = Part()
    if merged.count >= pieceRows || merged.bytes >= Self.bytesMax { endPiece() }
  }

  private mutating func endPiece() {
    let first = count - batches.count - merged.count
    let rows = merged.count
    pieces.append(Piece(columns: merged.joined(types), count: rows, first: first))
    merged = Part()
  }

  /// The pieces so far, which are not kept any longer.
  mutating func takePieces() -> [Piece] {
    defer {
      pieces = []
      count = batches.count + merged.count
      byteCount = batches.bytes + merged.bytes
    }
    return pieces
  }

  /// All of them as one batch; nil: they have too many bytes for one.
  public func joined() -> [Column]? {
    guard byteCount <= Int(UInt32.max) else { return nil }
    return types.indices.map { column in
      .concatenate(pieces.map { $0.columns[column] }, types[column])
    }
  }

  /// Rows of the pieces by number, in that order; -1: a row of NULLs.
  public func gather(_ rows: [Int32]) -> [Column] {
    if pieces.count == 1, !rows.contains(-1) {
      return pieces[0].columns.map { $0.gather(rows) }
    }
    // The rows of each piece, and behind them one of NULLs, in one column that is then put in
    // order.
    var picked = [[Int32]](repeating: [], count: pieces.count)
    var homes: [(piece: Int, place: Int)] = []
    homes.reserveCapacity(rows.count)
    for row in rows {
      guard row >= 0 else {
        homes.append((pieces.count, 0))
        continue
      }
      let piece = self.piece(of: Int(row))
      homes.append((piece, picked[piece].count))
      picked[piece].append(row - Int32(pieces[piece].first))
    }
    var starts: [Int] = []
    var end = 0
    for part in picked {
      starts.append(end)
      end += part.count
    }
    starts.append(end)
    let places = homes.map { Int32(starts[$0.piece] + $0.place) }
    return types.indices.map { column in
      let parts = zip(pieces, picked).filter { !$1.isEmpty }.map { $0.columns[column].gather($1) }
      return Column.concatenate(parts + [.nulls(types[column], count: 1)], types[column])
        .gather(places)
    }
  }

  private func piece(of row: Int) -> Int {
    var low = 0
    var high = pieces.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if pieces[middle].first <= row { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
