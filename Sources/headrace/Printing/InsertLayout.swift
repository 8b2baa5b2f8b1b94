// Rows as INSERT statements, which give the same rows again where they are run.

import HeadraceColumns
import Headrace
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

struct InsertLayout: RowLayout {
  private let columns: [ResultColumn]
  private let head: String

  /// `target`: the source that the statements name, as it is written.
  init(_ columns: [ResultColumn], target: String) {
    self.columns = columns
    let names = columns.map { Printer.quotedIfNeeded($0.name) }.joined(separator: ", ")
    head = "INSERT INTO \(target) (\(names)) VALUES ("
  }

  func begin(into bytes: inout [UInt8]) {}

  func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      let values = zip(columns, row.shownValues(columns)).map { Self.literal($1, $0.type) }
      let list = values.joined(separator: ", ")
      bytes.append(contentsOf: "\(head)\(list));\n".utf8)
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {}

  static func literal(_ value: Value, _ type: DataType) -> String {
    switch (value, type) {
    case (.null, _): "NULL"
    case (.int, _), (.bigint, _), (.decimal, _), (.boolean, _): text(of: value, type)
    case (.double(let number), _):
      number.isFinite
        ? javaText(of: number) : "CAST(\(Printer.literal(javaText(of: number))) AS DOUBLE)"
    case (.array(let values), .array(let element)):
      "ARRAY[\(values.map { literal($0, element) }.joined(separator: ", "))]"
    case (.map(let entries), .map(let key, let inner)):
      "MAP("
        + entries.map { "\(literal($0.key, key)) := \(literal($0.value, inner))" }
        .joined(separator: ", ") + ")"
    case (.structure(let values), .structure(let fields)):
      "STRUCT("
        + zip(fields, values).map { field, value in
          "\(Printer.quotedIfNeeded(field.name)) := \(literal(value, field.type))"
        }.joined(separator: ", ") + ")"
    case (.string, _), (.bytes, _), (.date, _), (.time, _), (.timestamp, _), (.array, _),
      (.map, _), (.structure, _):
      Printer.literal(text(of: value, type))
    }
  }
}
