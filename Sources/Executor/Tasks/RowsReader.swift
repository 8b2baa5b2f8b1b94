// The input of a plan that reads rows of memory: what a part of a pull query gave.

import HeadraceColumns
public import HeadraceTopics

/// Rows that are there already, in the columns of their scan; they come once.
public final class RowsReader: RecordReader, @unchecked Sendable {
  // Unchecked: one cursor's task takes the pieces.
  private var pieces: ArraySlice<CollectedRows.Piece>

  public init(_ rows: CollectedRows) { pieces = rows.pieces[...] }

  var isAtEnd: Bool { pieces.isEmpty }

  /// The next rows, with their numbers.
  func take() -> (batch: RecordBatch, offsets: [Int64])? {
    guard let piece = pieces.popFirst() else { return nil }
    let offsets = (0..<piece.count).map { Int64(piece.first + $0) }
    let none = [Int64](repeating: 0, count: piece.count)
    let positions = Positions(major: none, minor: offsets.map { UInt64($0) })
    let batch = RecordBatch(columns: piece.columns, rowtimes: none, positions: positions)
    return (batch, offsets)
  }

  public func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    .end
  }
}
