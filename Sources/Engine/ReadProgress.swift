// How far the statement at work has read its input: counted by the thread that reads, seen by any
// other.

import HeadraceExecutor
import Synchronization

/// How far a statement has come.
public struct StatementProgress: Sendable, Hashable {
  public var rows: Int
  /// Of files; 0: it reads none.
  public var bytes: Int
  /// From 0 to 1; nil where nobody knows.
  public var fraction: Double?

  public init(rows: Int, bytes: Int, fraction: Double?) {
    self.rows = rows
    self.bytes = bytes
    self.fraction = fraction
  }
}

final class ReadProgress: Sendable {
  /// What an input had when the query began. Offsets of files are bytes.
  struct Extent {
    var alias: String
    var partition: Int
    var end: Int64
    var isFile: Bool
    /// Where the first slice has ended, as nobody knows where a topic's first record lies; of files
    /// where they begin.
    var start: Int64?
  }

  private let rows = Atomic<Int>(0)
  private let bytes = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  private let total = Atomic<Int>(0)

  /// The query has ended; rows go on being counted.
  func endQuery() { set(rows: rows.load(ordering: .relaxed), bytes: 0, done: 0, total: 0) }

  private func set(rows: Int, bytes: Int, done: Int, total: Int) {
    self.rows.store(rows, ordering: .relaxed)
    self.bytes.store(bytes, ordering: .relaxed)
    self.done.store(done, ordering: .relaxed)
    self.total.store(total, ordering: .relaxed)
  }

  /// After a slice of so many rows; `offset`: how far an input was read, nil where it is not read
  /// by offsets.
  func advance(
    rows count: Int, _ extents: inout [Extent],
    _ offset: (_ alias: String, _ partition: Int) -> Int64?
  ) {
    var (read, readBytes, all) = (0, 0, 0)
    for index in extents.indices {
      let extent = extents[index]
      guard let place = offset(extent.alias, extent.partition) else { continue }
      let start = extent.start ?? (extent.isFile ? 0 : min(place, extent.end))
      extents[index].start = start
      let here = Int(min(max(place, start), extent.end) - start)
      read += here
      all += Int(extent.end - start)
      if extent.isFile { readBytes += here }
    }
    set(
      rows: rows.load(ordering: .relaxed) + count, bytes: readBytes, done: read, total: all)
  }

  var present: StatementProgress {
    let all = total.load(ordering: .relaxed)
    return StatementProgress(
      rows: rows.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed),
      fraction: all > 0 ? Double(done.load(ordering: .relaxed)) / Double(all) : nil)
  }
}
