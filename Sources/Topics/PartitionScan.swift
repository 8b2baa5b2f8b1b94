// Reads a partition to an end that is fixed when it begins: for folds, restores and listings, which
// need all of it.

public import HeadraceColumns
import HeadraceFoundations

/// The committed records of one partition, in order. What has not come yet is waited for.
public struct PartitionScan {
  private static let waitMs = 100
  /// Then the store is taken for one that does not answer.
  private static let waitsMax = 600

  private let store: any TopicStore
  private let topic: String
  private let partition: Int
  public let end: Int64
  /// Where it reads on.
  public private(set) var offset: Int64

  /// `offset`: what retention has dropped behind it is passed over. `end`: nil: what is committed
  /// now.
  public init(
    _ store: any TopicStore, _ topic: String, _ partition: Int, from offset: Int64 = 0,
    to end: Int64? = nil
  ) throws(StorageError) {
    self.store = store
    self.topic = topic
    self.partition = partition
    if let end { self.end = end } else { self.end = try store.committedEnd(topic, partition) }
    self.offset = offset
  }

  public enum Step {
    case records(RawRecords)
    /// There is more, and it has not come yet.
    case nothingYet
    /// That was all.
    case end
  }

  /// The next records, without waiting for them.
  public mutating func step(bytesMax: Int = 1 << 20) throws(StorageError) -> Step {
    while offset < end {
      let read = try store.readKept(
        topic, partition, from: offset, before: end, bytesMax: bytesMax)
      switch read {
      case nil: return .end
      case .records(let records, let next):
        offset = next
        if records.count > 0 { return .records(records) }
      case .nothingYet: return .nothingYet
      case .end: offset = end
      }
    }
    return .end
  }

  /// The next records; nil: that was all.
  public mutating func next(bytesMax: Int = 1 << 20) throws(StorageError) -> RawRecords? {
    for _ in 0...Self.waitsMax {
      let moment = store.moment
      switch try step(bytesMax: bytesMax) {
      case .records(let records): return records
      case .end: return nil
      case .nothingYet: store.wait(after: moment, milliseconds: Self.waitMs)
      }
    }
    throw lateness
  }

  /// Nothing has come for a long time.
  public var lateness: StorageError {
    StorageError(
      .unreachable, "waiting for records of partition \(partition)", path: topic,
      expected: "records before offset \(end)", found: "none from \(offset) on")
  }
}

extension TopicStore {
  /// Records before `end`, from `offset` on or from the first one behind it that retention has
  /// kept; nil: there is none.
  public func readKept(
    _ topic: String, _ partition: Int, from offset: Int64, before end: Int64, bytesMax: Int
  ) throws(StorageError) -> TopicRead? {
    while true {
      let from = max(offset, try earliestOffset(topic, partition))
      guard from < end else { return nil }
      do {
        return try read(topic, partition, from: from, bytesMax: bytesMax).before(end)
      } catch {
        // Retention may have dropped records between the two calls.
        guard try earliestOffset(topic, partition) > from else { throw error }
      }
    }
  }
}

extension RawRecords {
  /// No records.
  public static var none: RawRecords { RawRecords(buffer: ByteBuffer(capacity: 0)) }

  /// The records with offsets below `end`.
  public func before(_ end: Int64) -> RawRecords {
    guard let last = offsets.last, last >= end else { return self }
    return gather(0..<(offsets.firstIndex { $0 >= end } ?? count))
  }

  /// The records with offsets from `start` on.
  public func from(_ start: Int64) -> RawRecords {
    guard let first = offsets.first, first < start else { return self }
    return gather((offsets.firstIndex { $0 >= start } ?? count)..<count)
  }

  /// The first records, in all of about so many bytes, one at least.
  public func first(bytesMax: Int) -> RawRecords {
    guard buffer.count > bytesMax else { return self }
    var bytes = 0
    for row in 0..<count {
      bytes += Int(max(0, keyLength[row])) + Int(max(0, valueLength[row]))
      if bytes >= bytesMax, row + 1 < count { return gather(0..<(row + 1)) }
    }
    return self
  }
}
