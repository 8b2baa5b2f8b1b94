// Rows of a query that is read once, against plain arrays of values: sorted in runs with and without a limit, gathered
// over pieces, numbered by keys.

import HeadraceColumns
import HeadraceFunctions
@testable import HeadracePlanner
import HeadraceTestSupport
import Testing

@testable import HeadraceExecutor

@Suite struct SnapshotRowsTests {
  private static let types: [DataType] = [
    .int, .string, .double, .array(.bigint), .map(key: .string, value: .int),
  ]
  private static let layout = types.indices.map {
    PlanColumn(ColumnID($0), "C\($0)", types[$0])
  }

  private static func entry(_ key: String, _ value: Int32) -> MapEntry {
    MapEntry(.string(key), .int(value))
  }

  private static func drawn(_ count: Int, _ random: inout SplitMix) -> [[Value]] {
    (0..<count).map { row in
      let number = Int.random(in: 0..<7, using: &random)
      let values: [Value] = [
        .int(Int32(number - 3)),
        .string(["", "a", "ab", "longer than eight", "longer than nine", "\u{E000}", "😀"][number]),
        .double([0, -0.0, .nan, -1, 1e300, -.infinity, 0.5][number]),
        .array((0..<number).map { .bigint(Int64($0)) }),
        .map([entry("k\(row % 2)", 1), entry("k2", 2)]),
      ]
      return values.map { Int.random(in: 0..<5, using: &random) == 0 ? .null : $0 }
    }
  }

  /// In batches of any size.
  private static func batches(
    _ rows: [[Value]], _ random: inout SplitMix, _ take: ([Column], Int) -> Void
  ) {
    var first = 0
    while first < rows.count {
      let part = rows[first..<min(rows.count, first + Int.random(in: 0...9, using: &random))]
      take(types.indices.map { index in .from(part.map { $0[index] }, types[index]) }, part.count)
      first += part.count
    }
  }

  private static func values(_ columns: [Column]) -> [[Value]] {
    (0..<(columns.first?.count ?? 0)).map { row in
      zip(columns, types).map { $0.value(row, $1) }
    }
  }

  @Test(arguments: 0..<40) func sortsInRuns(_ seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let count = Int.random(in: 0..<400, using: &random)
    let rows = Self.drawn(count, &random)
    let limit = [nil, 0, 1, 10, 300, 500][Int.random(in: 0..<6, using: &random)]
    let items = (0..<4).shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)).map {
      Sort.Item(
        expression: .column(ColumnID($0), Self.types[$0]), isDescending: .random(using: &random),
        nullsFirst: .random(using: &random))
    }
    let evaluator = Evaluator(functions: .builtin, columns: Self.layout)
    var sorted = SortedRows(Self.types, items, evaluator, limit: limit, pieceRows: 16)
    Self.batches(rows, &random) { sorted.append($0, count: $1) }
    sorted.close()
    var found: [[Value]] = []
    while found.count < sorted.count {
      let part = Self.values(sorted.take(min(7, sorted.count - found.count)))
      #expect(!part.isEmpty)
      found += part
    }
    let order = rows.indices.sorted { a, b in
      for item in items {
        guard case .column(let id, _) = item.expression,
          let place = Self.layout.firstIndex(where: { $0.id == id })
        else { continue }
        let (x, y) = (rows[a][place], rows[b][place])
        if x.isNull || y.isNull {
          if x.isNull != y.isNull { return x.isNull == item.nullsFirst }
          continue
        }
        let compared = orderValues(x, y)
        if compared != 0 { return item.isDescending ? compared > 0 : compared < 0 }
      }
      return a < b
    }
    #expect(found == order.prefix(limit ?? .max).map { rows[$0] }, "seed \(seed)")
  }

  @Test(arguments: 0..<20) func gathersOverPieces(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    let rows = Self.drawn(Int.random(in: 1..<300, using: &random), &random)
    var collected = CollectedRows(Self.types, pieceRows: [8, 64, 1000][Int(seed % 3)])
    Self.batches(rows, &random) { collected.append($0, count: $1) }
    collected.close()
    #expect(collected.count == rows.count)
    #expect(collected.pieces.flatMap { Self.values($0.columns) } == rows)
    #expect(collected.joined().map { Self.values($0) } == rows)
    let wanted = (0..<200).map { _ in Int32.random(in: -1..<Int32(rows.count), using: &random) }
    let none = [Value](repeating: .null, count: Self.types.count)
    #expect(Self.values(collected.gather(wanted)) == wanted.map { $0 < 0 ? none : rows[Int($0)] })
  }

  @Test(arguments: [false, true]) func numbersKeysAsTheyCome(omitsNulls: Bool) {
    var random = SplitMix(state: 5)
    let rows = Self.drawn(500, &random).map { row in
      // Maps are equal whatever the order of their entries.
      guard case .map(let entries) = row[4], Bool.random(using: &random) else { return row }
      return Array(row[..<4]) + [.map(entries.reversed())]
    }
    let slots = KeySlots(Self.types, omitsNulls: omitsNulls)
    var expected: [[Value]: Int32] = [:]
    var (found, wanted): ([Int32], [Int32]) = ([], [])
    Self.batches(rows, &random) { columns, count in
      found += slots.insert(columns, count: count)
      #expect(slots.find(columns, count: count) == Array(found.suffix(count)))
    }
    for row in rows {
      if omitsNulls, row.contains(where: \.isNull) {
        wanted.append(-1)
        continue
      }
      let slot = expected[row] ?? Int32(expected.count)
      expected[row] = slot
      wanted.append(slot)
    }
    #expect(found == wanted && slots.count == expected.count)
  }
}
