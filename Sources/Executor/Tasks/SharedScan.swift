// One partition of one source, decoded once for all queries that read it. Queries that stand at the
// same offset get the same decoded chunk; one that lags by more than the chunks kept decodes its
// own.

import HeadraceColumns
public import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import Synchronization

/// What one read of a partition gave: its records up to `nextOffset`. Reading goes in turns, as the
/// next offset is known only afterwards; decoding, which takes longer, does not: whoever asks first
/// does it.
final class ScanChunk: Sendable {
  private enum Content {
    case raw(RawRecords)
    case underWay
    case decoded(ScanDecoder.Result)
  }

  private enum Turn {
    case decode(RawRecords)
    case take(ScanDecoder.Result)
  }

  private static let bytesOfOne = 1024

  let nextOffset: Int64
  /// Good rows are not more than that.
  let recordCount: Int
  /// What they count for in a step's share: each as one, and large ones as as many KiB as they
  /// have.
  let weight: Int
  /// Holds records that are not committed yet; good for this epoch only.
  let isTentative: Bool
  private let content: Monitor<Content>

  init(_ records: RawRecords, next: Int64) {
    nextOffset = next
    recordCount = records.count
    weight = max(records.count, records.contentBytes / Self.bytesOfOne)
    isTentative = (records.sequences.last ?? 0) >= tentativeSequence
    content = Monitor(.raw(records))
  }

  /// The rows; waits for the one who is about to decode them.
  func decoded(_ decode: (RawRecords) -> ScanDecoder.Result) -> ScanDecoder.Result {
    let turn = content.wait { content -> Turn? in
      switch content {
      case .raw(let records):
        content = .underWay
        return .decode(records)
      case .underWay: return nil
      case .decoded(let result): return .take(result)
      }
    }
    switch turn {
    case .decode(let records):
      let result = decode(records)
      content.change { $0 = .decoded(result) }
      return result
    case .take(let result): return result
    }
  }
}

final class SharedScan: Sendable {
  /// Chunks kept for the readers that come later; each is one read of at most `readBytes`.
  private static let chunksMax = 32

  private struct State {
    var readers = 0
    var chunks: [(offset: Int64, chunk: ScanChunk)] = []
  }

  private struct Decoders {
    var needed: Set<TextKey> = []
    /// Those for these columns that nobody uses.
    var free: [DecoderBox] = []
  }

  let source: SourceDefinition
  let partition: Int
  private let reader: any RecordReader
  private let schemas: any SchemaRegistry
  /// nil: the source's own.
  private let makeDecoder: (@Sendable () -> any ChunkDecoder)?
  /// Locked while records are read.
  private let state = Monitor(State())
  /// Under a lock of its own, so that nobody who has records to decode waits for a read.
  private let decoders = Monitor(Decoders())
  /// Whether a chunk kept is tentative. Only then does the beginning of an epoch wait for a read
  /// under way.
  private let hasTentative = Atomic(false)

  init(
    _ source: SourceDefinition, partition: Int, reader: any RecordReader,
    schemas: any SchemaRegistry = EmptySchemaRegistry(),
    decoder makeDecoder: (@Sendable () -> any ChunkDecoder)? = nil
  ) {
    self.schemas = schemas
    self.makeDecoder = makeDecoder
    self.source = source
    self.partition = partition
    self.reader = reader
  }

  /// Where the rows are there already and nothing is decoded.
  var readyRows: RowsReader? { reader as? RowsReader }

  /// A cursor that needs these columns begins to read.
  func join(_ columns: Set<TextKey>) {
    let isWider = decoders.withLock { decoders in
      if columns.isSubset(of: decoders.needed) { return false }
      decoders.needed.formUnion(columns)
      decoders.free = []
      return true
    }
    state.withLock { state in
      state.readers += 1
      // What is read from now on is decoded by the new decoders.
      if isWider { state.chunks = [] }
    }
  }

  func leave() { state.withLock { $0.readers -= 1 } }

  /// Forgets what was read of records that were not committed then.
  func beginEpoch() {
    guard hasTentative.exchange(false, ordering: .acquiringAndReleasing) else { return }
    state.withLock { state in state.chunks.removeAll { $0.chunk.isTentative } }
  }

  /// All who read it have taken what lies before an offset.
  func dropChunks(before offset: Int64) {
    state.withLock { state in state.chunks.removeAll { $0.chunk.nextOffset <= offset } }
  }

  /// What lies from an offset on.
  enum Found {
    /// To be decoded by `rows`.
    case chunk(ScanChunk)
    case nothingYet
    case end
  }

  func chunk(at offset: Int64, maxBytes: Int) throws(QueryFailure) -> Found {
    try state.withLock { (state) throws(QueryFailure) -> Found in
      if let known = state.chunks.first(where: { $0.offset == offset }) {
        return .chunk(known.chunk)
      }
      let read: TopicRead
      do throws(StorageError) {
        read = try reader.read(from: offset, maxBytes: maxBytes)
      } catch {
        // What is out of reach comes when it is there again.
        if error.kind == .unreachable { return .nothingYet }
        throw QueryFailure(
          "cannot read source \(source.name): \(error)", isLimit: error.kind == .tooLarge)
      }
      let chunk: ScanChunk
      switch read {
      case .records(let records, let next): chunk = ScanChunk(records, next: next)
      case .nothingYet: return .nothingYet
      case .end: return .end
      }
      if state.readers > 1 {
        if state.chunks.count >= Self.chunksMax { state.chunks.removeFirst() }
        state.chunks.append((offset, chunk))
        if chunk.isTentative { hasTentative.store(true, ordering: .releasing) }
      }
      return .chunk(chunk)
    }
  }

  /// The rows of a chunk. Several threads may decode chunks at once, each with a decoder of its
  /// own.
  func rows(of chunk: ScanChunk) -> ScanDecoder.Result {
    let result = decoded(chunk)
    // Who comes later reads it anew, and decides then.
    if result.undecided != nil { state.withLock { $0.chunks.removeAll { $0.chunk === chunk } } }
    return result
  }

  private func decoded(_ chunk: ScanChunk) -> ScanDecoder.Result {
    chunk.decoded { records in
      let (free, needed) = decoders.withLock { ($0.free.popLast(), $0.needed) }
      let box =
        free
        ?? DecoderBox(
          makeDecoder?()
            ?? ScanDecoder(
              source, partition: partition, needed: needed, order: reader.fieldOrder,
              schemas: reader.schemas ?? schemas), needed)
      defer { decoders.withLock { if $0.needed == box.needed { $0.free.append(box) } } }
      return box.decoder.decode(records)
    }
  }
}

/// Append sequence of records that an earlier query of the same epoch has written: after all that
/// is committed.
public let tentativeSequence = Int64.max - 1

private final class DecoderBox: @unchecked Sendable {
  // Unchecked: one thread has it at a time.
  let decoder: any ChunkDecoder
  let needed: Set<TextKey>
  init(_ decoder: any ChunkDecoder, _ needed: Set<TextKey>) {
    self.decoder = decoder
    self.needed = needed
  }
}

/// Up to where each scan was taken by all queries that were noted.
public struct TakenScans {
  private var scans: [ObjectIdentifier: (scan: SharedScan, offset: Int64)] = [:]

  public init() {}

  public mutating func note(_ runtime: QueryRuntime) {
    for cursor in runtime.cursors {
      let scan = cursor.reader.shared
      let known = scans[ObjectIdentifier(scan)]?.offset ?? Int64.max
      scans[ObjectIdentifier(scan)] = (scan, min(known, cursor.committed.offset))
    }
  }

  /// What was kept of them for those who come later goes.
  public func dropChunks() {
    for (scan, offset) in scans.values { scan.dropChunks(before: offset) }
  }
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

  private let schemas: any SchemaRegistry
  private let scans = Monitor<[Place: WeakScan]>([:])

  /// `schemas`: the registry that the sources' formats may need.
  public init(schemas: any SchemaRegistry) { self.schemas = schemas }

  /// The running scan of a partition, or a new one. A source that was made anew gets a new one.
  func scan(
    _ source: SourceDefinition, _ partition: Int,
    reader: () throws(QueryFailure) -> any RecordReader
  ) throws(QueryFailure) -> SharedScan {
    let place = Place(source: source.name, partition: partition)
    if let known = scans.withLock({ $0[place]?.scan }), known.source == source { return known }
    let scan = SharedScan(
      source, partition: partition, reader: try reader(), schemas: schemas)
    scans.withLock { $0[place] = WeakScan(scan: scan) }
    return scan
  }

  /// A source is dropped: one that is made like it later gets scans of its own.
  public func forget(_ source: String) {
    scans.withLock { scans in scans = scans.filter { $0.key.source != source } }
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

extension RawRecords {
  /// Of keys and values; the buffer may hold others as well.
  fileprivate var contentBytes: Int {
    guard buffer.count / 1024 > count else { return buffer.count }
    return keyLength.reduce(0) { $0 + Int(max(0, $1)) }
      + valueLength.reduce(0) { $0 + Int(max(0, $1)) }
  }
}
