// The input of a plan that reads rows of memory: what a part of a pull query gave.

public import HeadraceColumns
public import HeadraceTopics

/// Rows that are there already, in the columns of their scan; they come once.
public final class RowsReader: RecordReader, @unchecked Sendable {
  // Unchecked: one cursor's task takes the batch.
  private var batch: RecordBatch?

  public init(_ batch: RecordBatch) { self.batch = batch.count > 0 ? batch : nil }

  func take() -> RecordBatch? {
    defer { batch = nil }
    return batch
  }

  public func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    .end
  }
}
