// The functions over texts as they read for one row, in UTF-16 units and arrays: slow and plain.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

extension RowForm {
  static let texts: [RowForm] =
    [
      RowForm("SPLIT", .text, .part) { row in
        let (whole, separator) = (row[0].stringValue ?? "", row[1].stringValue ?? "")
        if separator.isEmpty, !whole.isEmpty {
          return .array(whole.unicodeScalars.map { .string(String($0)) })
        }
        let pieces = pieces(Array(whole.utf16), Array(separator.utf16))
        return .array(pieces.map { .string(String(decoding: $0, as: UTF16.self)) })
      },
      RowForm("SPLIT", .bytes, .partOfBytes) { row in
        .array(pieces(row[0].bytesValue ?? [], row[1].bytesValue ?? []).map { .bytes($0) })
      },
      RowForm("SPLIT_TO_MAP", .text, .part, .part) { row in splitToMap(row) },
      RowForm("REPLACE", .text, .part, .part) { row in
        let (old, new) = (Array((row[1].stringValue ?? "").utf16), row[2].stringValue ?? "")
        let whole = row[0].stringValue ?? ""
        if old.isEmpty { return .string(new + whole.unicodeScalars.map { "\($0)\(new)" }.joined()) }
        let pieces = pieces(Array(whole.utf16), old).joined(separator: Array(new.utf16))
        return .string(String(decoding: Array(pieces), as: UTF16.self))
      },
      RowForm("INSTR", .text, .part) { row in position(row) },
      RowForm("INSTR", .text, .part, .int(-16...16)) { row in position(row) },
      RowForm("INSTR", .text, .part, .int(-16...16), .int(-1...4)) { row in position(row) },
      RowForm("INITCAP", .text) { row in
        var result = ""
        var isStart = true
        for character in row[0].stringValue ?? "" {
          result += isStart ? character.uppercased() : character.lowercased()
          isStart = character.isWhitespace
        }
        return .string(result)
      },
      RowForm("CONCAT_WS", .part, .text, .part, .text) { row in
        guard let separator = row[0].stringValue else { return .null }
        return .string(row.dropFirst().compactMap(\.stringValue).joined(separator: separator))
      },
      RowForm("CONCAT_WS", .partOfBytes, .bytes, .bytes) { row in
        guard let separator = row[0].bytesValue else { return .null }
        let parts = row.dropFirst().compactMap(\.bytesValue)
        return .bytes(Array(parts.joined(separator: separator)))
      },
      RowForm("ELT", .int(-1...4), .text, .part, .text) { row in
        let position = Int(row[0].integerValue ?? 0)
        return position >= 1 && position < row.count ? row[position] : .null
      },
      RowForm("EXTRACTJSONFIELD", .json, .path) { (row) throws(FunctionError) in
        try field(row[0].stringValue ?? "", row[1].stringValue ?? "")
      },
      RowForm("FIELD", .part, .part, .part, .text) { row in
        let place = row.dropFirst().firstIndex(of: row[0])
        return .int(row[0].isNull ? 0 : Int32(place ?? 0))
      },
    ] + ["LPAD", "RPAD"].flatMap { pads($0) } + masks

  private static func pads(_ name: String) -> [RowForm] {
    [
      RowForm(name, .text, .int(-2...30), .part) { row in
        let text = Array((row[0].stringValue ?? "").utf16)
        let filled = padded(name, text, row, Array((row[2].stringValue ?? "").utf16)) {
          let isCut = $1 > 0 && $1 < $0.count && UTF16.isLeadSurrogate($0[$1 - 1])
          return Array($0.prefix(isCut ? $1 - 1 : $1))
        }
        return filled.map { .string(String(decoding: $0, as: UTF16.self)) } ?? .null
      },
      RowForm(name, .text, .int(262_145...262_146), .part) { (row) throws(FunctionError) in
        if row[2].stringValue == "" { return .null }
        throw FunctionError("\(name) to more than 262144")
      },
      RowForm(name, .bytes, .int(-2...30), .partOfBytes) { row in
        let filled = padded(name, row[0].bytesValue ?? [], row, row[2].bytesValue ?? []) {
          Array($0.prefix($1))
        }
        return filled.map { .bytes($0) } ?? .null
      },
    ]
  }

  private static func padded<Element>(
    _ name: String, _ input: [Element], _ row: [Value], _ padding: [Element],
    _ cut: ([Element], Int) -> [Element]
  ) -> [Element]? {
    let length = Int(row[1].integerValue ?? 0)
    guard length >= 0, !padding.isEmpty else { return nil }
    if input.count >= length { return cut(input, length) }
    let missing = length - input.count
    let fill = cut((0..<(missing + padding.count)).map { padding[$0 % padding.count] }, missing)
    return name == "LPAD" ? fill + input : input + fill
  }

  private static let masks: [RowForm] =
    [RowForm("MASK", .text) { (row) throws(FunctionError) in try masked("MASK", row) }]
    + ["MASK_KEEP_LEFT", "MASK_KEEP_RIGHT", "MASK_LEFT", "MASK_RIGHT"].flatMap { name in
      [
        RowForm(name, .text, .int(-1...15)) { (row) throws(FunctionError) in
          try masked(name, row)
        },
        RowForm(name, .text, .int(0...15), .part, .part, .part, .part) {
          (row) throws(FunctionError) in try masked(name, row)
        },
      ]
    }

  private static func masked(_ name: String, _ row: [Value]) throws(FunctionError) -> Value {
    guard let text = row[0].stringValue else { return .null }
    let count = name == "MASK" ? 0 : Int(row[1].integerValue ?? -1)
    if count < 0 {
      throw FunctionError("function \(name) requires a non-negative number of characters")
    }
    let given = row.dropFirst(name == "MASK" ? 1 : 2)
    let signs =
      given.isEmpty
      ? ["X", "x", "n", "-"] : given.map { $0.stringValue.flatMap { $0.unicodeScalars.first } }
    let scalars = Array(text.unicodeScalars)
    var result = String.UnicodeScalarView()
    for (index, scalar) in scalars.enumerated() {
      let isHidden =
        switch name {
        case "MASK": true
        case "MASK_KEEP_LEFT": index >= count
        case "MASK_KEEP_RIGHT": index < scalars.count - count
        case "MASK_LEFT": index < count
        default: index >= scalars.count - count
        }
      let kind =
        switch scalar.properties.generalCategory {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .decimalNumber: 2
        default: 3
        }
      result.append(isHidden ? signs[kind] ?? scalar : scalar)
    }
    return .string(String(result))
  }

  /// Every element on its own for an empty separator.
  private static func pieces<Element: Equatable>(
    _ whole: [Element], _ separator: [Element]
  ) -> [[Element]] {
    if whole.isEmpty { return [[]] }
    if separator.isEmpty { return whole.map { [$0] } }
    var pieces: [[Element]] = [[]]
    var index = 0
    while index < whole.count {
      if whole[index...].starts(with: separator) {
        pieces.append([])
        index += separator.count
      } else {
        pieces[pieces.count - 1].append(whole[index])
        index += 1
      }
    }
    return pieces
  }

  private static func splitToMap(_ row: [Value]) -> Value {
    let parts = row.map { Array(($0.stringValue ?? "").utf16) }
    let (outer, inner) = (parts[1], parts[2])
    if outer.isEmpty || inner.isEmpty || outer == inner { return .null }
    var entries: [MapEntry] = []
    for piece in pieces(parts[0], outer) {
      let sides = piece.isEmpty ? [] : pieces(piece, inner)
      guard sides.count > 1 else { continue }
      let key = Value.string(String(decoding: sides[0], as: UTF16.self))
      let value = Value.string(String(decoding: sides[1], as: UTF16.self))
      if let known = entries.firstIndex(where: { $0.key == key }) {
        entries[known].value = value
      } else {
        entries.append(MapEntry(key, value))
      }
    }
    return .map(entries)
  }

  /// EXTRACTJSONFIELD for the paths that are drawn.
  private static func field(_ text: String, _ path: String) throws(FunctionError) -> Value {
    var steps: [String] = []
    var rest = path.dropFirst()
    while let first = rest.first {
      guard first == "." || first == "[" else {
        throw FunctionError("Invalid JSON path: '\(path)'")
      }
      let step = rest.dropFirst().prefix { first == "." ? $0 != "." && $0 != "[" : $0 != "]" }
      let isNumber = first == "[" && Int(step) != nil
      steps.append(isNumber ? "\(Int(step) ?? 0)" : step.filter { $0 != "'" && $0 != "\"" })
      rest = rest[step.endIndex...].dropFirst(first == "[" ? 1 : 0)
    }
    guard var node = JSONNode(text) else { throw FunctionError("Invalid JSON format: \(text)") }
    for step in steps {
      if case .array(let nodes) = node {
        guard let index = Int(step), nodes.indices.contains(index) else { return .null }
        node = nodes[index]
      } else {
        guard let found = node[step] else { return .null }
        node = found
      }
    }
    if case .string(let content) = node { return .string(content) }
    return .string(node.description)
  }

  /// INSTR, place by place.
  private static func position(_ row: [Value]) -> Value {
    let whole = Array((row[0].stringValue ?? "").utf16)
    let part = Array((row[1].stringValue ?? "").utf16)
    let begin = row.count > 2 ? Int(row[2].integerValue ?? 0) : 1
    var wanted = row.count > 3 ? Int(row[3].integerValue ?? 0) : 1
    guard !part.isEmpty, begin != 0, wanted > 0, part.count <= whole.count else { return .int(0) }
    let last = whole.count - part.count
    let places =
      begin > 0
      ? Array(stride(from: begin - 1, through: last, by: 1))
      : Array(stride(from: min(whole.count + begin, last), through: 0, by: -1))
    for place in places where whole[place...].starts(with: part) {
      wanted -= 1
      if wanted == 0 { return .int(Int32(place + 1)) }
    }
    return .int(0)
  }
}
