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
    let batch = RecordBatch(columns: piece.columns, count: piece.count, first: piece.first)
    return (batch, (piece.first..<piece.first + piece.count).map { Int64($0) })
  }

  public func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    .end
  }
}
