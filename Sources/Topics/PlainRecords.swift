// Records as they are, for stores that have no form of their own, and for rows that no store will
// see.

public import HeadraceColumns
import HeadraceFoundations

/// How a store encodes records (`TopicStore.encode`), for code that has no store at hand.
public typealias RecordEncoding =
  @Sendable (RawRecords) throws(StorageError) -> any EncodedRecords

/// Records that are their own encoding.
public struct PlainRecords: EncodedRecords {
  public let records: RawRecords

  public init(_ records: RawRecords) { self.records = records }

  public var recordCount: Int { records.count }
  public var byteCount: Int { records.buffer.count }
  public var hasNullKeys: Bool { records.keyLength.contains { $0 < 0 } }
}
