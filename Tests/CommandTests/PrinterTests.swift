// Layouts of rows, without a process around them.

import Foundation
import HeadraceColumns
import Headrace
import Testing

@testable import HeadraceCommand

@Suite struct PrinterTests {
  private func printed(
    _ mode: OutputMode, _ columns: [ResultColumn], _ rows: [[ResultRow]], note: String? = nil
  ) -> String {
    var layout = mode.layout(columns, RowStyle(), target: "t")
    var bytes: [UInt8] = []
    layout.begin(into: &bytes)
    for batch in rows { layout.append(batch, into: &bytes) }
    layout.end(rowCount: rows.reduce(0) { $0 + $1.count }, note: note, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private let name = ResultColumn("name", .string, isKey: true)
  private let count = ResultColumn("n", .bigint)

  /// An error behind the first rows makes another one: what was printed is not the whole result.
  @Test(arguments: [
    (ServiceError.Kind.statement, 3, ServiceError.Kind.truncated), (.io, 3, .truncated),
    (.limit, 1, .truncated), (.file, 1, .truncated), (.statement, 0, .statement),
    (.limit, 0, .limit), (.corruption, 3, .corruption), (.interrupted, 3, .interrupted),
  ]) func failsBehindRows(_ kind: ServiceError.Kind, _ count: Int, _ told: ServiceError.Kind) {
    let printer = ResultPrinter(
      Output(open("/dev/null", O_WRONLY)), mode: .csv, messages: Output(2))
    do throws(ServiceError) {
      try printer.print { () throws(ServiceError) in
        printer.begin([name])
        _ = printer.rows(Array(repeating: ResultRow([.string("x")]), count: count))
        throw ServiceError(kind, "error: x")
      }
    } catch {
      #expect(error.kind == told)
      #expect(error.text.contains("not whole") == (told == .truncated), "\(error.text)")
    }
  }

  @Test func emptyBox() {
    #expect(
      printed(.box, [name, count], []) == """
        ┌──────┬───┐
        │ name │ n │
        ├──────┼───┤
        └──────┴───┘
        (0 rows)

        """)
  }

  /// Rows that come later and are wider begin another box; nothing sticks out, whatever comes.
  @Test func widerRowsBeginAnotherBox() {
    func row(_ text: String, _ number: Int64) -> ResultRow {
      ResultRow([.string(text), .bigint(number)])
    }
    #expect(
      printed(.box, [name, count], [[row("a", 1)], [row("b", 22)], [row("longer than that", 3)]])
        == """
        ┌──────┬───┐
        │ name │ n │
        ├──────┼───┤
        │ a    │ 1 │
        └──────┴───┘
        ┌──────┬────┐
        │ name │ n  │
        ├──────┼────┤
        │ b    │ 22 │
        └──────┴────┘
        ┌──────────────────────┬────┐
        │ name                 │ n  │
        ├──────────────────────┼────┤
        │ longer than that     │  3 │
        └──────────────────────┴────┘
        (3 rows)

        """)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let batches = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        (0..<Int.random(in: 0...4, using: &random)).map { _ in
          row(
            String(repeating: "x", count: Int.random(in: 0...60, using: &random)),
            Int64.random(
              in: 0...Int64.max >> Int64.random(in: 0...62, using: &random), using: &random))
        }
      }
      var width = 0
      for line in printed(.box, [name, count], batches).split(separator: "\n").dropLast() {
        if line.hasPrefix("┌") { width = line.count }
        #expect(line.count == width, "\(line)")
      }
    }
  }

  @Test func wideCharactersAndControls() {
    let rows = ["日本", "🚀", "e\u{301}", "a\u{1B}[31m", "two\nlines", "bell\u{7}"].map {
      ResultRow([.string($0), .bigint(1)])
    }
    #expect(
      printed(.box, [name, count], [rows], note: "Limit Reached") == """
        ┌────────────┬───┐
        │ name       │ n │
        ├────────────┼───┤
        │ 日本       │ 1 │
        │ 🚀         │ 1 │
        │ e\u{301}          │ 1 │
        │ a\\x1B[31m  │ 1 │
        │ two\\nlines │ 1 │
        │ bell\\x07   │ 1 │
        └────────────┴───┘
        (6 rows, Limit Reached)

        """)
  }

  @Test func deletions() {
    let rows = [ResultRow([.string("k"), .bigint(1)], change: .delete)]
    #expect(printed(.csv, [name, count], [rows]) == "name,n\nk,\n")
    #expect(printed(.ndjson, [name, count], [rows]) == "{\"name\":\"k\",\"n\":null}\n")
    #expect(printed(.box, [name, count], [rows]).contains("<deleted>"))
  }

  @Test func separated() {
    let rows = [
      ResultRow([.string("a\tb"), .bigint(1)]), ResultRow([.string("x\r\ny"), .null]),
      ResultRow([.null, .null]), ResultRow([.string(""), .bigint(-1)]),
    ]
    #expect(
      printed(.csv, [name, count], [rows]) == "name,n\na\tb,1\n\"x\r\ny\",\n,\n\"\",-1\n")
    #expect(
      printed(.tsv, [name, count], [rows]).hasPrefix("name\tn\n\"a\tb\"\t1\n"))
  }

  @Test func nestedJSON() {
    let type = DataType.structure([
      StructField("list", .array(.double)), StructField("map", .map(key: .string, value: .int)),
      StructField("time", .timestamp), StructField("raw", .bytes),
      StructField("price", .decimal(precision: 5, scale: 2)),
    ])
    let value = Value.structure([
      .array([.double(1), .double(.nan), .null]),
      .map([MapEntry(.string("a\"b"), .int(2)), MapEntry(.string("\u{1}"), .null)]),
      .timestamp(0), .bytes([1, 2, 3]), .decimal(Decimal("12.30") ?? Decimal(0)),
    ])
    #expect(
      printed(.ndjson, [ResultColumn("v", type)], [[ResultRow([value])]])
        == "{\"v\":{\"list\":[1.0,\"NaN\",null],\"map\":{\"a\\\"b\":2,\"\\u0001\":null},"
        + "\"time\":\"1970-01-01T00:00:00.000\",\"raw\":\"AQID\",\"price\":12.30}}\n")
    #expect(printed(.json, [count], []) == "[]\n")
  }

  @Test func groupedNumbers() {
    #expect(grouped(0) == "0")
    #expect(grouped(999) == "999")
    #expect(grouped(1000) == "1,000")
    #expect(grouped(1_234_567) == "1,234,567")
    #expect(grouped(-100) == "-100")
  }
}
