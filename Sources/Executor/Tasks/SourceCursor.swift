// One partition of one source, as a query consumes it: a cursor has more rows than an epoch takes,
// and only what is taken moves `committed`. Bad records are told with their offset and reason and
// left out.

import HeadraceFoundations
import HeadraceSyntax
import HeadraceColumns
public import HeadraceFormats
public import HeadraceTopics
import HeadracePlanner

/// A place in a partition that a query has consumed up to.
public struct SourcePosition: Hashable, Sendable {
  /// Next offset to read.
  public var offset: Int64
  /// Highest rowtime (or append sequence) so far; it orders rows of this partition among others.
  public var major: Int64

  public init(offset: Int64, major: Int64) {
    self.offset = offset
    self.major = major
  }

  public static let start = SourcePosition(offset: 0, major: Int64.min)
}

/// A record that its source's schema does not accept.
public struct SourceError: Sendable, Hashable {
  public var source: String
  public var topic: String
  public var partition: Int
  public var offset: Int64
  public var reason: String
  /// The beginning of the side that is bad, as text or in hexadecimal digits; empty where nobody
  /// has it.
  public var excerpt = ""
}

extension SourceError {
  private static let excerptBytes = 200

  /// What of a side's bytes an error shows.
  static func excerpt(_ bytes: UnsafeRawBufferPointer?) -> String {
    guard let bytes, bytes.count > 0 else { return "" }
    let shown = bytes.prefix(excerptBytes)
    let dots = shown.count < bytes.count ? "..." : ""
    // A character may be cut.
    for count in (max(0, shown.count - 3)...shown.count).reversed() {
      if let text = String(validating: shown.prefix(count), as: UTF8.self),
        !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F })
      {
        return text + dots
      }
      if dots.isEmpty { break }
    }
    let digits = shown.prefix(excerptBytes / 4).map { byte in
      let text = String(byte, radix: 16, uppercase: true)
      return text.utf8.count == 1 ? "0" + text : text
    }
    return "0x" + digits.joined() + (shown.count > excerptBytes / 4 ? "..." : "")
  }
}

/// How rows of several partitions form one sequence.
public enum MergeOrder: String, Sendable {
  case rowtime
  case arrival
  /// Before the rows of all sources that have another order.
  case first
}

/// Where a cursor's records come from: the log, or a file. Called by the cursor's task only.
public protocol RecordReader: AnyObject, Sendable {
  /// Records from `offset` on.
  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead
  /// Columns in the order of a record's fields, where the input names them; known once something
  /// was read.
  var fieldOrder: [String]? { get }
  /// The schemas of its records, where the input has its own; known once something was read.
  var schemas: (any SchemaRegistry)? { get }
}

extension RecordReader {
  public var fieldOrder: [String]? { nil }
  public var schemas: (any SchemaRegistry)? { nil }
}

final class SourceCursor {
  let reader: ScanReader
  /// Taken from the reader and not yet consumed; the first may be partly consumed.
  private var pending: [RecordBatch] = []
  private var pendingOffsets: [[Int64]] = []
  /// What each pending batch counts for, and all of them.
  private var pendingWeights: [Int] = []
  private(set) var pendingWeight = 0
  private(set) var pendingRows = 0
  /// Behind all pending rows.
  private var end: SourcePosition
  private(set) var committed: SourcePosition
  private(set) var errors: [SourceError] = []
  private(set) var isAtEnd = false
  /// The pending rows are all that has come yet, and more may come before the end.
  private var isWaiting = false

  /// `position`: where the reader begins.
  init(_ reader: ScanReader, from position: SourcePosition) {
    self.reader = reader
    committed = position
    end = position
  }

  /// Takes what was read, and reads until `rows` rows are pending, or fewer that count for as many,
  /// or the source has no more.
  /// Throws: what stands behind the pending rows cannot be read, and they are too few.
  func fill(rows: Int, maxBytes: Int) throws(QueryFailure) {
    // Only a read that finds nothing says so, lest a slice depend on how far somebody has read.
    isAtEnd = false
    isWaiting = false
    admit(reader.take())
    if let ready = reader.shared.readyRows {
      while pendingWeight < rows, let (batch, offsets) = ready.take() {
        append(batch, offsets, batch.count)
      }
      isAtEnd = ready.isAtEnd
      return
    }
    while pendingWeight < rows {
      if let failure = reader.failure {
        // What was read before it has its turn.
        admit(reader.take())
        if pendingWeight >= rows { return }
        throw failure
      }
      let before = end
      _ = reader.read(upTo: rows, maxBytes: maxBytes)
      admit(reader.takeNext())
      if end == before, reader.failure == nil {
        isAtEnd = reader.isAtEnd
        isWaiting = !isAtEnd
        return
      }
    }
  }

  private func admit(_ ready: ScanReader.Ready) {
    for (place, batch) in ready.batches.enumerated() {
      append(batch, ready.offsets[place], ready.weights[place])
    }
    errors += ready.errors
    if let place = ready.end { end = place }
  }

  private func append(_ batch: RecordBatch, _ offsets: [Int64], _ weight: Int) {
    pending.append(batch)
    pendingOffsets.append(offsets)
    pendingWeights.append(weight)
    pendingRows += batch.count
    pendingWeight += weight
  }

  /// Position of the last of the batches that hold the first `rows` pending rows, which orders this
  /// partition among others; nil: nothing is pending. `isExact`: of the last of these rows itself.
  func lastPosition(of rows: Int, isExact: Bool = false) -> (major: Int64, minor: UInt64)? {
    let count = batches(of: rows)
    guard let batch = pending.prefix(count).last else { return nil }
    var row = batch.count - 1
    if isExact {
      let before = pending.prefix(count - 1).reduce(0) { $0 + $1.count }
      row = min(row, max(0, rows - before - 1))
    }
    return (batch.positions.major[row], batch.positions.minor[row])
  }

  /// Whether there are rows behind the first `rows`, as far as is known.
  func hasMore(than rows: Int) -> Bool { !isAtEnd || batches(of: rows) < pending.count }

  /// How many batches hold the first `rows` pending rows, or fewer that count for as many; all of
  /// them where there are not so many.
  private func batches(of rows: Int) -> Int {
    var sum = 0
    for (index, weight) in pendingWeights.enumerated() {
      sum += weight
      if sum >= rows { return index + 1 }
    }
    return pending.count
  }

  /// Major position of the first pending row.
  var firstMajor: Int64? { pending.first?.positions.major[0] }

  /// Position of the last pending row where more rows may follow, of the same position maybe; nil:
  /// there are none.
  var openPosition: (major: Int64, minor: UInt64)? {
    guard !isAtEnd, let last = pending.last else { return nil }
    return (last.positions.major[last.count - 1], last.positions.minor[last.count - 1])
  }

  /// Whether all pending rows have one position.
  var hasOnePosition: Bool {
    guard let first = pending.first, let last = openPosition else { return false }
    return first.positions.major[0] == last.major && first.positions.minor[0] == last.minor
  }

  /// Rows of other partitions at or behind this major position wait for what has not come yet here.
  var holdsBack: Int64? { isWaiting ? end.major : nil }

  /// Least major position that the next row can have; nil: there is none for now.
  var frontier: Int64? {
    if let first = pending.first { return first.positions.major[0] }
    return isAtEnd ? nil : end.major
  }

  /// Takes the batches that hold the first `rows` pending rows.
  func take(_ rows: Int) -> [RecordBatch] {
    let count = batches(of: rows)
    let taken = Array(pending.prefix(count))
    consume(taken.reduce(0) { $0 + $1.count }, pendingWeights.prefix(count).reduce(0, +))
    pending.removeFirst(count)
    pendingOffsets.removeFirst(count)
    pendingWeights.removeFirst(count)
    if let next = pendingOffsets.first?.first, let last = taken.last {
      // The next row's own place: in a file a record is as long as its line.
      committed = SourcePosition(offset: next, major: last.positions.major[last.count - 1])
    } else {
      committed = end
    }
    return taken
  }

  /// Takes the pending rows up to and including `cut`.
  func take(upTo cut: (major: Int64, minor: UInt64)) -> [RecordBatch] {
    var taken: [RecordBatch] = []
    while let batch = pending.first {
      var low = 0
      var high = batch.count
      while low < high {
        let middle = (low + high) / 2
        let major = batch.positions.major[middle]
        let within =
          major != cut.major
          ? major < cut.major : batch.positions.minor[middle] <= cut.minor
        if within { low = middle + 1 } else { high = middle }
      }
      if low == 0 { break }
      committed = SourcePosition(
        offset: pendingOffsets[0][low - 1] + 1, major: batch.positions.major[low - 1])
      let weight =
        low == batch.count ? pendingWeights[0] : pendingWeights[0] * low / batch.count
      consume(low, weight)
      if low == batch.count {
        taken.append(batch)
        pending.removeFirst()
        pendingOffsets.removeFirst()
        pendingWeights.removeFirst()
      } else {
        pendingWeights[0] -= weight
        taken.append(batch.gather((0..<Int32(low)).map { $0 }))
        pending[0] = batch.gather((Int32(low)..<Int32(batch.count)).map { $0 })
        pendingOffsets[0].removeFirst(low)
        break
      }
    }
    if pending.isEmpty {
      committed = end
    } else if !taken.isEmpty {
      // The next row's own place: in a file a record is as long as its line.
      committed.offset = pendingOffsets[0][0]
    }
    return taken
  }

  private func consume(_ rows: Int, _ weight: Int) {
    pendingRows -= rows
    pendingWeight -= weight
    reader.consumed(weight)
  }

  /// Errors found since the last call.
  func drainErrors() -> [SourceError] {
    defer { errors = [] }
    return errors
  }
}
