// What a copy has done, and how far it is.

import HeadraceFoundations
import Synchronization

/// What a copy holds, as both sides were read after it.
public struct LogCopyReport: Sendable {
  public struct Topic: Sendable {
    public var name: String
    /// Kept by the engine for itself, or private.
    public var isInternal: Bool
    public var partitions: Int
    public var records = 0
    /// Keys, values and headers.
    public var bytes = 0
    /// CRC-32C over the checksums of the partitions, each over its records in order.
    public var checksum: UInt32 = 0
  }

  /// Order: by name.
  public var topics: [Topic] = []
  /// Of the statement log.
  public var statements = 0
  public var queries = 0
  /// The copy before this one had everything but the settings of some topics: only these were set
  /// now.
  public var wasWhole = false

  public var records: Int { topics.reduce(0) { $0 + $1.records } }
  public var bytes: Int { topics.reduce(0) { $0 + $1.bytes } }
}

/// How far a copy is, for those who watch it. All records are passed twice: copied, and compared.
public final class LogCopyProgress: Sendable {
  private let passed = Atomic<Int>(0)
  private let offsetsPassed = Atomic<Int64>(0)
  private let offsets = Atomic<Int64>(0)

  /// Records that were copied or compared.
  public var records: Int { passed.load(ordering: .relaxed) }

  /// From 0 to 1; nil before it is known how much there is.
  public var fraction: Double? {
    let whole = offsets.load(ordering: .relaxed)
    guard whole > 0 else { return nil }
    return min(1, Double(offsetsPassed.load(ordering: .relaxed)) / Double(whole))
  }

  /// So many offsets are to be passed.
  func begin(_ count: Int64) { offsets.store(count, ordering: .relaxed) }

  func pass(records: Int, offsets: Int64) {
    passed.wrappingAdd(records, ordering: .relaxed)
    offsetsPassed.wrappingAdd(offsets, ordering: .relaxed)
  }
}
