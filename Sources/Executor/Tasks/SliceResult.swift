// What a slice of a query leaves for its epoch's commit.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

/// Records for a partition of a topic, encoded for the log.
public struct PartitionOutput: Sendable {
  /// The stage whose exchange it is for; nil: the query's sink.
  public var stage: Int?
  public var partition: Int
  public var recordCount: Int
  /// nil where nobody reads them before their commit: they are as large as what is encoded.
  public var records: RawRecords?
  public var encoded: any EncodedRecords
}

/// How much a state store holds.
public struct StoreSize: Sendable, Hashable {
  public var name: String
  public var bytes: Int
  public var records: Int
}

/// What one slice did.
public struct SliceResult: Sendable {
  /// Records for the sink's topic, by partition.
  public var outputs: [PartitionOutput] = []
  /// Rows for the client.
  public var rows: [RecordBatch] = []
  public var stateChanges: [(store: String, output: PartitionOutput)] = []
  public var errors: [SourceError] = []
  public var faults = RowFaults()
  /// Input rows consumed.
  public var rowCount = 0
  /// Whether more input is there already.
  public var hasMore = false
  /// It has taken no rows: what came out is still of rows that an earlier slice has taken.
  public var goesOn = false
  /// Some of it has not come yet.
  public var isWaiting = false
  /// Some of it has come, and what it holds is not known yet: why.
  public var undecided: String?
}
