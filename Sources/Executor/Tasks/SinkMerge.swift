// What several tasks write to one partition of the sink: PARTITION BY, for instance, deals the rows
// of every input partition to every output partition. The records are merged by the positions of
// their rows, so that a slice of many rows leaves them in the same order as many slices of few.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// Records of one task for one partition of the sink's topic.
struct SinkPart: Sendable {
  var partition: Int
  var records: RawRecords
  /// nil where no other task writes to the topic.
  var positions: Positions?

  func encoded(
    _ encode: RecordEncoding
  ) throws(QueryFailure) -> PartitionOutput {
    do {
      return PartitionOutput(
        stage: nil, partition: partition, recordCount: records.count, records: records,
        encoded: try encode(records))
    } catch {
      throw QueryFailure("cannot write a record: \(error)", isLimit: error.kind == .tooLarge)
    }
  }

  /// Parts of the same partition, each in position order, as one. `parts` is not empty.
  static func merge(_ parts: [SinkPart]) -> SinkPart {
    guard parts.count > 1 else { return parts[0] }
    var next = Array(repeating: 0, count: parts.count)
    let hasHeaders = parts.contains { !$0.records.headers.isEmpty }
    var merged = RawRecords(
      buffer: ByteBuffer(capacity: parts.reduce(0) { $0 + $1.records.buffer.count }))
    while let best = least(parts, next) {
      let records = parts[best].records
      let row = next[best]
      merged.append(
        key: records.key(row) ?? UnsafeRawBufferPointer(start: nil, count: 0),
        value: records.value(row), timestamp: records.timestamps[row])
      if records.keyLength[row] < 0 { merged.keyLength[merged.count - 1] = -1 }
      if hasHeaders { merged.headers.append(records.headers.isEmpty ? [] : records.headers[row]) }
      next[best] += 1
    }
    return SinkPart(partition: parts[0].partition, records: merged, positions: nil)
  }

  /// The part whose next record comes first; of equals the first part's.
  private static func least(_ parts: [SinkPart], _ next: [Int]) -> Int? {
    var best: Int?
    for (index, part) in parts.enumerated() where next[index] < part.records.count {
      guard let known = best else {
        best = index
        continue
      }
      guard let a = part.positions, let b = parts[known].positions else { continue }
      let (i, j) = (next[index], next[known])
      if a.major[i] != b.major[j] ? a.major[i] < b.major[j] : a.minor[i] < b.minor[j] {
        best = index
      }
    }
    return best
  }
}

/// The parts of all tasks, merged and encoded side by side.
final class SinkMerge: @unchecked Sendable {
  // Unchecked: each job has a place of its own; read after the pool's barrier.
  private let partitions: [Int]
  private let parts: [Int: [SinkPart]]
  private let encode: RecordEncoding
  private let results: UnsafeMutableBufferPointer<Result<PartitionOutput, QueryFailure>?>

  init(_ all: [SinkPart], _ encode: @escaping RecordEncoding) {
    parts = Dictionary(grouping: all, by: \.partition)
    partitions = parts.keys.sorted()
    self.encode = encode
    results = .allocate(capacity: partitions.count)
    results.initialize(repeating: nil)
  }

  deinit {
    results.deinitialize()
    results.deallocate()
  }

  /// One output a partition, in their order.
  func run(_ pool: WorkerPool) throws(QueryFailure) -> [PartitionOutput] {
    pool.run(partitions.indices.map { index in { self.encodePart(index) } })
    var outputs: [PartitionOutput] = []
    for result in results {
      if let result { outputs.append(try result.get()) }
    }
    return outputs
  }

  private func encodePart(_ index: Int) {
    do throws(QueryFailure) {
      let merged = SinkPart.merge(parts[partitions[index]] ?? [])
      results[index] = .success(try merged.encoded(encode))
    } catch {
      results[index] = .failure(error)
    }
  }
}
