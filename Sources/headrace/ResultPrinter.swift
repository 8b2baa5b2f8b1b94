// Results as text: boxes for people, CSV and JSON for programs. Boxes are sized by the first rows and
// then stream; control bytes of data never reach a terminal.

import ArgumentParser
import Columns
import Engine
import Functions
import Glibc

enum OutputMode: String, ExpressibleByArgument, CaseIterable {
  case box, csv, json, ndjson
}

/// Buffered bytes to a file descriptor; remembers a failure.
final class OutputWriter {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var hasFailed = false

  init(descriptor: Int32) { self.descriptor = descriptor }

  func write(_ text: String) {
    buffer += Array(text.utf8)
    if buffer.count >= 1 << 16 { flush() }
  }

  func flush() {
    var done = 0
    while done < buffer.count, !hasFailed {
      let count = buffer.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + done, buffer.count - done)
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { hasFailed = true } else { done += count }
    }
    buffer.removeAll(keepingCapacity: true)
  }

  /// False when something could not be written.
  func finish() -> Bool {
    flush()
    return !hasFailed
  }

  var isBroken: Bool { hasFailed }
}

final class ResultPrinter: ResultHandler {
  private let mode: OutputMode
  private let writer: OutputWriter
  private let showsMessages: Bool
  private var columns: [ResultColumn] = []
  private var sample: [[String]] = []
  private var widths: [Int] = []
  private var rowCount = 0
  private var isOpen = false

  init(mode: OutputMode, writer: OutputWriter, showsMessages: Bool) {
    self.mode = mode
    self.writer = writer
    self.showsMessages = showsMessages
  }

  func message(_ text: String) {
    if showsMessages { writer.write(text + "\n") } else { complain(text) }
  }

  func begin(_ columns: [ResultColumn]) {
    if isOpen { end(nil) }
    self.columns = columns
    sample = []
    widths = []
    rowCount = 0
    isOpen = true
    switch mode {
    case .csv: writer.write(columns.map { Self.csv($0.name) }.joined(separator: ",") + "\n")
    case .json: writer.write("[")
    case .box, .ndjson: break
    }
  }

  func rows(_ rows: [ResultRow]) -> Bool {
    for row in rows {
      switch mode {
      case .csv:
        let cells = zip(row.values, columns).map { value, column in
          value.isNull ? "" : Self.csv(Functions.text(of: value, column.type))
        }
        writer.write(cells.joined(separator: ",") + "\n")
      case .json: writer.write((rowCount == 0 ? "\n" : ",\n") + json(row))
      case .ndjson: writer.write(json(row) + "\n")
      case .box: box(row)
      }
      rowCount += 1
    }
    if mode != .box { return !writer.isBroken }
    return !writer.isBroken
  }

  func end(_ note: String?) {
    guard isOpen else { return }
    isOpen = false
    switch mode {
    case .json: writer.write(rowCount == 0 ? "]\n" : "\n]\n")
    case .box:
      if widths.isEmpty { openBox() }
      writer.write(line("└", "┴", "┘"))
      let note = note.map { " (\($0))" } ?? ""
      writer.write("\(rowCount) row\(rowCount == 1 ? "" : "s")\(note)\n")
    case .csv, .ndjson: break
    }
    writer.flush()
  }

  // MARK: - Boxes

  private func box(_ row: ResultRow) {
    let cells = zip(row.values, columns).map { value, column in
      value.isNull ? "NULL" : Self.printable(Functions.text(of: value, column.type))
    }
    if widths.isEmpty {
      sample.append(cells)
      if sample.count >= 100 { openBox() }
    } else {
      writer.write(boxRow(cells))
    }
  }

  private func openBox() {
    widths = columns.indices.map { index in
      let cells = sample.map { Self.width($0[index]) }
      return min(60, max(Self.width(columns[index].name), cells.max() ?? 0))
    }
    writer.write(line("┌", "┬", "┐"))
    writer.write(boxRow(columns.map(\.name)))
    writer.write(line("├", "┼", "┤"))
    for cells in sample { writer.write(boxRow(cells)) }
    sample = []
  }

  private func line(_ left: String, _ middle: String, _ right: String) -> String {
    left + widths.map { String(repeating: "─", count: $0 + 2) }.joined(separator: middle) + right
      + "\n"
  }

  private func boxRow(_ cells: [String]) -> String {
    let padded = zip(cells, widths).map { cell, width in
      " " + cell + String(repeating: " ", count: max(0, width - Self.width(cell))) + " "
    }
    return "│" + padded.joined(separator: "│") + "│\n"
  }

  /// Columns of a terminal that the text takes.
  private static func width(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { sum, scalar in
      let value = scalar.value
      if scalar.properties.generalCategory == .nonspacingMark || value == 0x200D { return sum }
      let isWide =
        (0x1100...0x115F).contains(value) || (0x2E80...0xA4CF).contains(value)
        || (0xAC00...0xD7A3).contains(value) || (0xF900...0xFAFF).contains(value)
        || (0xFE30...0xFE6F).contains(value) || (0xFF00...0xFF60).contains(value)
        || (0x1F300...0x1FAFF).contains(value) || (0x20000...0x3FFFD).contains(value)
      return sum + (isWide ? 2 : 1)
    }
  }

  private static func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  // MARK: - CSV and JSON

  private static func csv(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D })
    else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  private func json(_ row: ResultRow) -> String {
    let fields = zip(row.values, columns).map { value, column in
      "\(Self.quoted(column.name)):\(Self.json(value, column.type))"
    }
    return "{" + fields.joined(separator: ",") + "}"
  }

  private static func json(_ value: Value, _ type: DataType) -> String {
    switch (value, type) {
    case (.null, _): return "null"
    case (.boolean, _), (.int, _), (.bigint, _), (.decimal, _):
      return Functions.text(of: value, type)
    case (.double(let number), _): return number.isFinite ? javaText(of: number) : "null"
    case (.array(let values), .array(let element)):
      return "[" + values.map { json($0, element) }.joined(separator: ",") + "]"
    case (.map(let entries), .map(let key, let inner)):
      return "{"
        + entries.map {
          "\(quoted(Functions.text(of: $0.key, key))):\(json($0.value, inner))"
        }.joined(separator: ",") + "}"
    case (.structure(let values), .structure(let fields)):
      return "{"
        + zip(fields, values).map { "\(quoted($0.name)):\(json($1, $0.type))" }
        .joined(separator: ",") + "}"
    default: return quoted(Functions.text(of: value, type))
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let hex = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
