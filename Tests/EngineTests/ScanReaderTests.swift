// A partition that several threads read ahead comes in its order, whole and once; what cannot be read comes after all
// that stands before it.

@testable import HeadraceFormats
import HeadraceFoundations
import HeadraceColumns
import HeadraceLogStorage
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax
import Testing

@testable import HeadraceExecutor

@Suite struct ScanReaderTests {
  /// Records `{"N":offset,...}` from 0 on. Chunks differ in size and by far in what it takes to decode them, so that
  /// later ones are done before earlier ones.
  private final class Numbers: RecordReader {
    let count: Int64
    let failsAtEnd: Bool
    let reads = Monitor<[Int64]>([])
    static let pads = [0, 2_000, 10, 0, 500, 0, 0, 4_000, 3]

    init(count: Int64, failsAtEnd: Bool) {
      self.count = count
      self.failsAtEnd = failsAtEnd
    }

    static func isBad(_ offset: Int64) -> Bool { offset % 13 == 5 || (300..<340).contains(offset) }

    func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
      reads.withLock { $0.append(offset) }
      if offset >= count, failsAtEnd { throw StorageError(.io, "read", path: "numbers") }
      let pad = String(repeating: "x", count: Self.pads[Int(offset) % Self.pads.count])
      let end = min(count, offset + 1 + offset % 29)
      guard end > offset else { return .end }
      var records = RawRecords(buffer: ByteBuffer(capacity: 256))
      for number in offset..<end {
        let text = Self.isBad(number) ? "{\"N\":" : "{\"P\":[\"\(pad)\"],\"N\":\(number)}"
        records.append(key: nil, value: Array(text.utf8), timestamp: 1_000 + number / 2)
      }
      records.offsets = Array(offset..<end)
      records.sequences = records.offsets
      return .records(records, next: end)
    }
  }

  private let source = SourceDefinition(
    name: "NUMBERS", kind: .stream,
    schema: Schema([SchemaColumn("N", .bigint), SchemaColumn("P", .array(.string))]),
    topic: "numbers", keyFormat: FormatSpec(.noColumns), valueFormat: FormatSpec(.json),
    partitions: 1)

  private func cursor(_ shared: SharedScan, _ names: [String]) -> SourceCursor {
    let columns = source.schema.columns.enumerated().filter { names.contains($0.element.name) }
      .map { PlanColumn(ColumnID($0.offset), $0.element.name, $0.element.type) }
    let scan = Scan(source: source, alias: "N", columns: columns, system: [:], keys: [])
    return SourceCursor(
      ScanReader(
        scan: scan, ordinal: 0, partition: 0, shared: shared, order: .rowtime, position: .start,
        failsOnBadTimestamp: false), from: .start)
  }

  @Test func whatIsReadAheadComesInOrder() throws {
    let good = (0..<Int64(4_000)).filter { !Numbers.isBad($0) }
    for (workers, failsAtEnd) in [(1, false), (2, true), (4, false), (4, true)] {
      for queries in 1...2 {
        let numbers = Numbers(count: 4_000, failsAtEnd: failsAtEnd)
        let shared = SharedScan(source, partition: 0, reader: numbers)
        let cursors = (0..<queries).map { cursor(shared, $0 == 0 ? ["N"] : ["N", "P"]) }
        let pool = WorkerPool(workers: workers)
        let ahead = ReadAhead()
        var values = [[Int64]](repeating: [], count: queries)
        var bad = [[Int64]](repeating: [], count: queries)
        var failures = 0
        var isOver = false
        while !isOver {
          ahead.begin(cursors.map { ($0.reader, 0) }, rows: 200, bytes: 1 << 16, pool)
          isOver = true
          for (index, cursor) in cursors.enumerated() {
            do {
              try cursor.fill(rows: 70, maxBytes: 1 << 16)
              #expect(cursor.isAtEnd || cursor.pendingWeight >= 70)
            } catch {
              #expect(values[index].count + cursor.pendingRows == good.count)
              failures += 1
            }
            for batch in cursor.take(70) {
              let majors = Array(batch.positions.major)
              #expect(majors == majors.sorted())
              guard case .bigint(let column) = batch.columns[0] else { continue }
              values[index] += column.values
              #expect(majors == column.values.map { 1_000 + $0 / 2 })
              isOver = false
            }
            bad[index] += cursor.drainErrors().map(\.offset)
          }
        }
        ahead.stop(pool)
        pool.close()
        let label: Comment = "\(workers) workers, \(queries) queries, fails: \(failsAtEnd)"
        for index in 0..<queries {
          #expect(values[index] == good, label)
          #expect(bad[index] == (0..<4_000).filter(Numbers.isBad), label)
          #expect(cursors[index].committed == SourcePosition(offset: 4_000, major: 2_999), label)
        }
        #expect((failures > 0) == failsAtEnd, label)
        // Nobody reads twice what one reader has read; a second one may lag by more than is kept.
        let reads = numbers.reads.withLock { $0.filter { $0 < 4_000 } }
        #expect(queries > 1 || reads == reads.sorted() && Set(reads).count == reads.count, label)
      }
    }
  }
}
