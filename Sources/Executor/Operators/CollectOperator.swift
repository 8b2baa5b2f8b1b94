// The end of a query whose rows go to a client: batches are kept for whoever asked.

import HeadraceColumns

final class CollectOperator: Operator {
  private(set) var batches: [RecordBatch] = []

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    // Strings may be views of what the operators remember, which goes on while the client reads.
    var batch = batch
    batch.columns = batch.columns.map { $0.owned() }
    batches.append(batch)
  }

  override func drainRows() -> [RecordBatch] {
    defer { batches = [] }
    return batches
  }
}

/// The end of a query whose rows are counted and thrown away: `SET 'headrace.sink' = 'discard'`,
/// for measuring what a query costs without its output.
final class DiscardOperator: Operator {
  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {}
}
