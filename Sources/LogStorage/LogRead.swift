// What a read of the log gives.

public import HeadraceColumns
import HeadraceFoundations

/// What a read gave.
public struct LogRead: Sendable {
  /// Empty at the committed end.
  public var records: RawRecords
  /// Where to read on; past control batches and compacted gaps, so not always last offset + 1.
  public var nextOffset: Int64

  public init(records: RawRecords, nextOffset: Int64) {
    self.records = records
    self.nextOffset = nextOffset
  }
}
