// Results as people see them: boxes that fit the screen, names and values below each other, tables for documents, times and
// NULLs.

import Foundation
import Headrace
import HeadraceColumns
import HeadraceTestSupport
import Testing

@testable import HeadraceCommand

@Suite struct LayoutTests {
  private func printed(
    _ mode: OutputMode, _ columns: [ResultColumn], _ batches: [[ResultRow]],
    _ style: RowStyle = RowStyle()
  ) -> String {
    var layout = mode.layout(columns, style, target: "t")
    var bytes: [UInt8] = []
    layout.begin(into: &bytes)
    for batch in batches { layout.append(batch, into: &bytes) }
    layout.end(rowCount: batches.reduce(0) { $0 + $1.count }, note: nil, into: &bytes)
    return String(decoding: Output.Mark.resolved(bytes), as: UTF8.self)
  }

  private func screen(_ width: Int) -> RowStyle { RowStyle(width: width, isReadable: true) }

  private static let wide = (0..<8).map { ResultColumn("C\($0)", .string) }

  private static func row(_ texts: String...) -> ResultRow { ResultRow(texts.map { .string($0) }) }

  @Test func widestCellsAreCutFirst() {
    let columns = [
      ResultColumn("ID", .bigint), ResultColumn("NAME", .string), ResultColumn("TEXT", .string),
    ]
    let row = ResultRow([
      .bigint(1_234_567_890_123), .string("ann"), .string(String(repeating: "long ", count: 20)),
    ])
    #expect(
      printed(.box, columns, [[row]], screen(40)) == """
        ┌───────────────┬──────┬───────────────┐
        │ ID            │ NAME │ TEXT          │
        ├───────────────┼──────┼───────────────┤
        │ 1234567890123 │ ann  │ long long lo… │
        └───────────────┴──────┴───────────────┘
        (1 row)
        not shown: the end of 1 value; mode vertical shows all

        """)
  }

  @Test func middleColumnsAreLeftOut() {
    let row = ResultRow((0..<8).map { .string("value number \($0)") })
    var style = screen(44)
    #expect(
      printed(.box, Self.wide, [[row]], style) == """
        ┌────────────┬────────────┬───┬────────────┐
        │ C0         │ C1         │ … │ C7         │
        ├────────────┼────────────┼───┼────────────┤
        │ value num… │ value num… │ … │ value num… │
        └────────────┴────────────┴───┴────────────┘
        (1 row)
        not shown: 5 of 8 columns, the ends of 3 values; mode vertical shows all

        """)
    style.isASCII = true
    let ascii = printed(.box, Self.wide, [[row]], style)
    let isASCII = ascii.allSatisfy(\.isASCII)
    #expect(isASCII, "\(ascii)")
    #expect(ascii.contains("..."))
  }

  /// Whatever comes, no line is longer than the screen, and no number is cut while another column can give way.
  @Test func nothingSticksOut() {
    var random = SplitMix(state: 7)
    for _ in 0..<400 {
      let columns = (0..<random.below(12) + 1).map { index in
        ResultColumn(
          String(repeating: "N", count: random.below(20) + 1),
          index % 3 == 0 ? .bigint : .string)
      }
      let batches = (0..<random.below(4)).map { _ in
        (0..<random.below(4)).map { _ in
          ResultRow(
            columns.map { column in
              column.type == .bigint
                ? .bigint(Int64(random.below(1 << 30)))
                : .string(
                  String(
                    repeating: ["x", "日", "e\u{301}"][random.below(3)], count: random.below(60)))
            })
        }
      }
      let width = random.below(261) + 40
      var style = screen(width)
      style.isStreaming = random.below(2) == 0
      style.isASCII = random.below(2) == 0
      style.isErasable = random.below(2) == 0
      for mode in [OutputMode.box, .auto] {
        let text = printed(mode, columns, batches, style)
        for line in text.split(separator: "\n") where !line.hasPrefix("not shown") {
          let size = Screen(String(line), width: 10_000).column
          #expect(size <= width, "\(width): \(line)")
        }
      }
    }
  }

  @Test func autoIsABoxWhereItFits() {
    let row = Self.row("a", "b", "c", "d", "e", "f", "g", "h")
    let box = printed(.auto, Self.wide, [[row]], screen(80))
    #expect(box.hasPrefix("┌"), "\(box)")
    let wide = ResultRow((0..<8).map { .string("value number \($0)") })
    #expect(
      printed(
        .auto, Array(Self.wide.prefix(2)), [[ResultRow(Array(wide.values.prefix(2)))]], screen(30))
          == """
          ─[ row 1 ]────────────────────
          C0 │ value number 0
          C1 │ value number 1
          (1 row)

          """)
    // Without a screen everything fits.
    #expect(printed(.auto, Self.wide, [[wide]]).hasPrefix("┌"))
  }

  @Test func verticalWrapsBelowItself() {
    let columns = [ResultColumn("ID", .int), ResultColumn("NOTE", .string)]
    let rows = [
      ResultRow([.int(1), .string("a text that goes on for a while and then ends")]),
      ResultRow([.int(2), .null]),
    ]
    #expect(
      printed(.vertical, columns, [rows], screen(30)) == """
        ─[ row 1 ]────────────────────
        ID   │ 1
        NOTE │ a text that goes on for
             │  a while and then ends
        ─[ row 2 ]────────────────────
        ID   │ 2
        NOTE │ NULL
        (2 rows)

        """)
  }

  /// Values that outgrow their column begin another box while the screen has room, and are cut when it has none.
  @Test func streamingReflows() {
    var style = screen(40)
    style.isStreaming = true
    let columns = [ResultColumn("A", .string), ResultColumn("B", .int)]
    func row(_ length: Int) -> ResultRow {
      ResultRow([.string(String(repeating: "x", count: length)), .int(1)])
    }
    let text = printed(.box, columns, [[row(3)], [row(14)], [row(60)], [row(70)]], style)
    #expect(text.split(separator: "\n").count { $0.hasPrefix("┌") } == 3, "\(text)")
    #expect(text.contains("│ \(String(repeating: "x", count: 14))    │"), "\(text)")
    #expect(text.contains("│ \(String(repeating: "x", count: 22))… │"), "\(text)")
    #expect(text.hasSuffix("(4 rows)\nnot shown: the ends of 2 values; mode vertical shows all\n"))
    // The header is there before the first row, and taken back when that needs another one.
    style.isErasable = true
    let shown = Screen(printed(.box, columns, [[row(14)]], style), width: 40).lines
    #expect(shown.count { $0.hasPrefix("┌") } == 1, "\(shown)")
    #expect(printed(.box, columns, [], style).contains("│ A            │ B          │"))
  }

  @Test func absentIsNotAText() {
    let columns = [ResultColumn("A", .string, isKey: true), ResultColumn("B", .string)]
    let rows = [
      ResultRow([.string("NULL"), .null]),
      ResultRow([.string("k"), .string("x")], change: .delete),
    ]
    var style = screen(40)
    style.isColoured = true
    let text = printed(.box, columns, [rows], style)
    #expect(text.contains("│ 'NULL' │ \u{1B}[2mNULL\u{1B}[0m      │"), "\(text)")
    #expect(text.contains("│ k      │ \u{1B}[2m<deleted>\u{1B}[0m │"), "\(text)")
    #expect(printed(.html, columns, [rows]).contains("<td>'NULL'</td><td><i>NULL</i></td>"))
  }

  @Test func timesForPeople() {
    let columns = [
      ResultColumn("WINDOWSTART", .bigint, isKey: true), ResultColumn("T", .timestamp),
      ResultColumn("N", .bigint),
    ]
    let row = ResultRow([.bigint(1_700_000_100_000), .timestamp(1_700_000_100_250), .bigint(5)])
    #expect(
      printed(.box, columns, [[row]], screen(80)) == """
        ┌──────────────────────┬──────────────────────────┬───┐
        │ WINDOWSTART          │ T                        │ N │
        ├──────────────────────┼──────────────────────────┼───┤
        │ 2023-11-14 22:15:00Z │ 2023-11-14 22:15:00.250Z │ 5 │
        └──────────────────────┴──────────────────────────┴───┘
        (1 row)

        """)
    let raw = printed(.box, columns, [[row]])
    #expect(raw.contains("│ 1700000100000 │ 2023-11-14T22:15:00.250 │ 5 │"), "\(raw)")
  }

  @Test func nestedValuesAreJSON() {
    let type = DataType.structure([
      StructField("CITY", .string), StructField("AT", .array(.int)),
    ])
    let columns = [
      ResultColumn("LOC", type), ResultColumn("M", .map(key: .string, value: .double)),
    ]
    let row = ResultRow([
      .structure([.string("Praha \"1\""), .array([.int(1), .null])]),
      .map([MapEntry(.string("x"), .double(0.5))]),
    ])
    let json = #"{"CITY":"Praha \"1\"","AT":[1,null]}"#
    #expect(printed(.box, columns, [[row]]).contains("│ \(json) │ {\"x\":0.5} │"))
    #expect(printed(.vertical, columns, [[row]]).contains("LOC │ \(json)\n"))
    #expect(printed(.tsv, columns, [[row]]).contains("\"\(json.replacing("\"", with: "\"\""))\"\t"))
  }

  @Test func documents() {
    let columns = [ResultColumn("a|b", .string), ResultColumn("N", .int)]
    let rows = [
      ResultRow([.string("x | <b>*\\ \"q\"\n&"), .int(1)]), ResultRow([.null, .int(-2)]),
    ]
    #expect(printed(.raw, columns, [rows]) == "x | <b>*\\ \"q\"\n&\t1\n\t-2\n")
    #expect(
      printed(.markdown, columns, [rows]) == #"""
        | a\|b | N |
        | --- | ---: |
        | x \| \<b>\*\\ "q"\\n& | 1 |
        | NULL | -2 |

        """#)
    #expect(
      printed(.html, columns, [rows]) == #"""
        <table>
        <thead><tr><th>a|b</th><th>N</th></tr></thead>
        <tbody>
        <tr><td>x | &lt;b&gt;*\ &quot;q&quot;\n&amp;</td><td align="right">1</td></tr>
        <tr><td><i>NULL</i></td><td align="right">-2</td></tr>
        </tbody>
        </table>

        """#)
  }

  /// INSERT statements give the rows again.
  @Test func insertsAreRead() throws {
    let create = """
      CREATE STREAM s (k STRING KEY, a BIGINT, d DOUBLE, p DECIMAL(6, 2), b BOOLEAN, t TIMESTAMP, e DATE,
        c TIME, y BYTES, l ARRAY<INT>, m MAP<STRING, DOUBLE>, `x y` STRUCT<f INT, `g h` STRING>)
        WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
      """
    let rows = """
      INSERT INTO s VALUES ('it''s', 9223372036854775807, 0.1, 12.30, true, '2024-02-29T12:00:00.123', '2024-02-29',
        '10:11:12', 'AP8=', ARRAY[1, 2], MAP('a' := 0.5), STRUCT(f := 1, `g h` := 'x'));
      INSERT INTO s (k) VALUES ('only');
      """
    let first = try headrace(
      "shell", "--output", "insert", input: "\(create)\n\(rows)\n.mode insert s\nSELECT * FROM s;\n"
    )
    #expect(first.status == 0 && first.out.hasPrefix("INSERT INTO s (K, A, "), "\(first)")
    let query = "\n.mode ndjson\nSELECT * FROM s;\n"
    let one = try headrace("shell", input: create + "\n" + rows + query)
    let two = try headrace("shell", input: create + "\n" + first.out + query)
    #expect(one.out == two.out && one.out.split(separator: "\n").count == 2, "\(two)")
  }
}

/// Results on a terminal.
@Suite(.enabled(if: PseudoTerminal.isThere)) struct TerminalOutputTests {
  @Test func longResultsArePaged() throws {
    let scratch = try Scratch()
    let rows = try scratch.file("rows.json", (1...60).map { "{\"a\":\($0)}\n" }.joined())
    let terminal = try PseudoTerminal(
      in: scratch, size: (60, 20),
      environment: ["TERM": "xterm", "PAGER": "cat > \(scratch.path)/paged; echo PAGED"])
    terminal.expect("headrace> ")
    try terminal.type(
      "CREATE STREAM s (a INT) WITH (FILE='\(rows)', VALUE_FORMAT='JSON');\n")
    terminal.expect("Stream S created")
    try terminal.type("SELECT a FROM s LIMIT 5;\n")
    terminal.expect("(5 rows")
    try terminal.type("SELECT a FROM s;\n")
    terminal.expect("PAGED")
    let paged = try scratch.text("paged")
    #expect(paged.contains("│ 60 │\n└────┘\n(60 rows)\n"), "\(paged)")
    try terminal.type(".pager off\nSELECT a + 1000 AS b FROM s;\n")
    terminal.expect("│ 1060 │")
    try terminal.type(".pager on\nSELECT a FROM s LIMIT 3;\n")
    terminal.expect("PAGED", times: 2)
    let short = try scratch.text("paged")
    #expect(short.contains("(3 rows"), "\(short)")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// A pager that is left early, or that is not there, is no reason to stop.
  @Test(arguments: ["head -3", "no-such-pager"]) func pagersThatEndEarly(_ pager: String) throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(
      in: scratch, size: (60, 20), environment: ["TERM": "xterm", "PAGER": pager])
    terminal.expect("headrace> ")
    try terminal.type("SELECT x FROM GENERATE_SERIES(1, 5000) AS g (x);\n")
    terminal.expect(pager == "head -3" ? "│ X" : "the pager could not be run")
    try terminal.type("SELECT 1 + 41 AS answer;\n")
    terminal.expect("│     42 │")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  @Test func wideResultsAndToggles() throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(in: scratch, size: (40, 24), environment: ["TERM": "xterm"])
    terminal.expect("headrace> ")
    try terminal.type("SELECT 'a text of some length' AS a, 'and another such text' AS b;\n")
    terminal.expect("─[ row 1 ]")
    try terminal.type(
      ".mode box\nSELECT 'a text of some length' AS a, 'and another such text' AS b;\n")
    terminal.expect("the ends of 2 values")
    terminal.expect("…")
    try terminal.type(
      "SELECT CAST('2023-11-14T22:15:00' AS TIMESTAMP) AS t, CAST(NULL AS STRING) AS n;\n")
    terminal.expect("2023-11-14 22:15:00Z")
    terminal.expect("\u{1B}[2mNULL\u{1B}[0m")
    try terminal.type(".raw on\nSELECT CAST('2023-11-14T22:15:00' AS TIMESTAMP) AS t;\n")
    terminal.expect("2023-11-14T22:15:00.000")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// Without colours, and without UTF-8.
  @Test(arguments: [
    ["TERM": "dumb"], ["TERM": "xterm", "NO_COLOR": "1"], ["TERM": "xterm", "LANG": "C"],
  ]) func plainTerminals(_ environment: [String: String]) throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(
      "$0 -c \"SELECT 'a text' AS a, CAST(NULL AS STRING) AS n;\"", in: scratch, size: (80, 24),
      environment: environment)
    #expect(terminal.end("") == 0, "\(terminal.seen)")
    let isColoured = environment["TERM"] == "xterm" && environment["NO_COLOR"] == nil
    #expect(terminal.seen.contains("\u{1B}") == isColoured, "\(terminal.seen)")
    let isASCII = environment["LANG"] == "C"
    #expect(terminal.seen.contains(isASCII ? "| a text |" : "│ a text │"), "\(terminal.seen)")
    #expect(terminal.seen.allSatisfy { $0.isASCII } == isASCII)
  }
}
