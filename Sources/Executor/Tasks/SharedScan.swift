// One partition of one source, decoded once for all queries that read it. Queries that stand at the same
// offset get the same decoded chunk; one that lags by more than the chunks kept decodes its own.

import Columns
import LogStorage
import Planner
import Synchronization

/// What one read of a partition gave: the records of `offset ..< nextOffset`.
struct ScanChunk: Sendable {
  var nextOffset: Int64
  var batches: [DecodedBatch]
  var errors: [SourceError]
  var badTimestamp: String?
  /// Holds records that are not committed yet; good for this epoch only.
  var isTentative: Bool
}

final class SharedScan: Sendable {
  /// Chunks kept for the readers that come later; each is one read of at most `readBytes`.
  private static let chunksMax = 32

  private struct State {
    var needed: Set<String> = []
    var readers = 0
    var chunks: [(offset: Int64, chunk: ScanChunk)] = []
    var decoder: DecoderBox?
  }

  let source: SourceDefinition
  let partition: Int
  private let reader: any RecordReader
  private let state = Monitor(State())
  /// Whether a chunk kept is tentative. Only then does the beginning of an epoch wait for a read under way.
  private let hasTentative = Atomic(false)

  init(_ source: SourceDefinition, partition: Int, reader: any RecordReader) {
    self.source = source
    self.partition = partition
    self.reader = reader
  }

  /// Where the rows are there already and nothing is decoded.
  var rows: RowsReader? { reader as? RowsReader }

  /// A cursor that needs these columns begins to read.
  func join(_ columns: Set<String>) {
    state.withLock { state in
      state.readers += 1
      guard !columns.isSubset(of: state.needed) else { return }
      state.needed.formUnion(columns)
      state.decoder = nil
      state.chunks = []
    }
  }

  func leave() { state.withLock { $0.readers -= 1 } }

  /// Forgets what was read of records that were not committed then.
  func beginEpoch() {
    guard hasTentative.exchange(false, ordering: .acquiringAndReleasing) else { return }
    state.withLock { state in state.chunks.removeAll { $0.chunk.isTentative } }
  }

  /// The records from `offset` on; nil when there are none for now.
  func chunk(at offset: Int64, maxBytes: Int) throws(QueryFailure) -> ScanChunk? {
    let result = state.withLock { state -> Result<ScanChunk?, QueryFailure> in
      if let known = state.chunks.first(where: { $0.offset == offset }) {
        return .success(known.chunk)
      }
      let read: LogRead
      do throws(StorageError) {
        read = try reader.read(from: offset, maxBytes: maxBytes)
      } catch {
        return .failure(
          QueryFailure(
            "cannot read source \(source.name): \(error)", isLimit: error.kind == .tooLarge))
      }
      guard read.nextOffset > offset else { return .success(nil) }
      if state.decoder == nil {
        state.decoder = DecoderBox(
          ScanDecoder(source, partition: partition, needed: state.needed))
      }
      let decoded = state.decoder?.decoder.decode(read.records) ?? ScanDecoder.Result()
      let chunk = ScanChunk(
        nextOffset: read.nextOffset, batches: decoded.batches, errors: decoded.errors,
        badTimestamp: decoded.badTimestamp,
        isTentative: (read.records.sequences.last ?? 0) >= tentativeSequence)
      if state.readers > 1 {
        if state.chunks.count >= Self.chunksMax { state.chunks.removeFirst() }
        state.chunks.append((offset, chunk))
        if chunk.isTentative { hasTentative.store(true, ordering: .releasing) }
      }
      return .success(chunk)
    }
    return try result.get()
  }
}

/// Append sequence of records that an earlier query of the same epoch has written: after all that is
/// committed.
public let tentativeSequence = Int64.max - 1

private final class DecoderBox: @unchecked Sendable {
  // Unchecked: used under the scan's mutex only.
  let decoder: ScanDecoder
  init(_ decoder: ScanDecoder) { self.decoder = decoder }
}

/// The scans that the queries of an engine share.
public final class ScanSharing: Sendable {
  private struct Place: Hashable {
    var source: String
    var partition: Int
  }

  private struct WeakScan: Sendable {
    weak var scan: SharedScan?
  }

  private let scans = Monitor<[Place: WeakScan]>([:])

  public init() {}

  /// The running scan of a partition, or a new one. A source that was made anew gets a new one.
  func scan(
    _ source: SourceDefinition, _ partition: Int,
    reader: () throws(QueryFailure) -> any RecordReader
  ) throws(QueryFailure) -> SharedScan {
    let place = Place(source: source.name, partition: partition)
    if let known = scans.withLock({ $0[place]?.scan }), known.source == source { return known }
    let scan = SharedScan(source, partition: partition, reader: try reader())
    scans.withLock { $0[place] = WeakScan(scan: scan) }
    return scan
  }

  /// To be called when what is committed has changed.
  public func beginEpoch() {
    scans.withLock { scans in
      for (place, entry) in scans {
        if let scan = entry.scan { scan.beginEpoch() } else { scans[place] = nil }
      }
    }
  }
}
