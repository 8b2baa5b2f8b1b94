// JSON: an array of objects, or one object a line. Nested values are nested; BYTES are base64,
// times ISO texts; NaN and the infinities, which JSON has not, are texts too.

import HeadraceColumns
import Headrace
import HeadraceFunctions

struct JSONLayout: RowLayout {
  private let columns: [ResultColumn]
  private let isArray: Bool
  /// `"NAME":`, ready to be copied.
  private let names: [[UInt8]]
  private var isFirst = true

  init(_ columns: [ResultColumn], isArray: Bool) {
    self.columns = columns
    self.isArray = isArray
    names = columns.map { column in
      var bytes: [UInt8] = []
      JSONText.append(column.name, into: &bytes)
      return bytes + [UInt8(ascii: ":")]
    }
  }

  func begin(into bytes: inout [UInt8]) {
    if isArray { bytes.append(UInt8(ascii: "[")) }
  }

  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      if isArray {
        bytes.append(contentsOf: (isFirst ? "\n  " : ",\n  ").utf8)
        isFirst = false
      }
      let shown = row.shownValues(columns)
      bytes.append(UInt8(ascii: "{"))
      for index in columns.indices {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: names[index])
        JSONText.append(shown[index], columns[index].type, into: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
      if !isArray { bytes.append(UInt8(ascii: "\n")) }
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {
    if isArray { bytes.append(contentsOf: (isFirst ? "]\n" : "\n]\n").utf8) }
  }
}

/// Values as JSON text.
enum JSONText {
  /// As it is where it has one value, as JSON where it has several.
  static func plain(_ value: Value, _ type: DataType) -> String {
    switch value {
    case .array, .map, .structure: json(value, type)
    default: text(of: value, type)
    }
  }

  private static func json(_ value: Value, _ type: DataType) -> String {
    var bytes: [UInt8] = []
    append(value, type, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  static func append(_ value: Value, _ type: DataType, into bytes: inout [UInt8]) {
    switch (value, type) {
    case (.null, _): bytes.append(contentsOf: "null".utf8)
    case (.boolean, _), (.int, _), (.bigint, _), (.decimal, _):
      bytes.append(contentsOf: text(of: value, type).utf8)
    case (.double(let number), _):
      if number.isFinite {
        bytes.append(contentsOf: javaText(of: number).utf8)
      } else {
        append(javaText(of: number), into: &bytes)
      }
    case (.string(let text), _): append(text, into: &bytes)
    case (.array(let values), .array(let element)):
      list(values, "[", "]", into: &bytes) { value, bytes in
        append(value, element, into: &bytes)
      }
    case (.map(let entries), .map(let key, let inner)):
      list(entries, "{", "}", into: &bytes) { entry, bytes in
        append(text(of: entry.key, key), into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(entry.value, inner, into: &bytes)
      }
    case (.structure(let values), .structure(let fields)):
      list(Array(zip(fields, values)), "{", "}", into: &bytes) { pair, bytes in
        append(pair.0.name, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(pair.1, pair.0.type, into: &bytes)
      }
    case (.bytes, _), (.date, _), (.time, _), (.timestamp, _), (.array, _), (.map, _),
      (.structure, _):
      append(text(of: value, type), into: &bytes)
    }
  }

  private static func list<Item>(
    _ items: [Item], _ open: Unicode.Scalar, _ close: Unicode.Scalar, into bytes: inout [UInt8],
    _ each: (Item, inout [UInt8]) -> Void
  ) {
    bytes.append(UInt8(ascii: open))
    for (index, item) in items.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      each(item, &bytes)
    }
    bytes.append(UInt8(ascii: close))
  }

  static func append(_ text: String, into bytes: inout [UInt8]) {
    JSONString.append(text, into: &bytes)
  }
}
