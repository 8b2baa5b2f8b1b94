// REGEXP_EXTRACT, REGEXP_EXTRACT_ALL, REGEXP_REPLACE and REGEXP_SPLIT_TO_ARRAY.

import HeadraceColumns
import HeadraceFoundations

enum RegexFunctions {
  static let all: [ScalarFunction] = [extract, extractAll, replace, split]

  /// A strict overload that keeps the pattern of the row before.
  private static func overload(
    _ parameters: [ParameterType], _ result: ParameterType, patternAt: Int,
    _ body: @escaping @Sendable (Regex, [Value]) throws(FunctionError) -> Value
  ) -> ScalarOverload {
    ScalarOverload(
      parameters, result,
      vector: { call in
        var memo: Regex?
        return rowByRow(call, isStrict: true) { (row) throws(FunctionError) in
          let pattern = row[patternAt].text
          if let memo, memo.pattern == pattern { return try body(memo, row) }
          let regex = try Regex.cached(pattern)
          memo = regex
          return try body(regex, row)
        }
      })
  }

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String), _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "Regular expression", doc: doc, example: example, overloads: overloads)
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> Value {
    .string(String(decoding: Array(bytes), as: UTF8.self))
  }

  /// The group that a third argument asks for; the whole match without it.
  private static func group(_ row: [Value], _ regex: Regex) -> Int? {
    let group = row.count > 2 ? row[2].number : 0
    return (0...regex.groups).contains(group) ? group : nil
  }

  @Sendable private static func firstMatch(
    _ regex: Regex, _ row: [Value]
  ) throws(FunctionError) -> Value {
    let bytes = Array(row[1].text.utf8)
    guard let group = group(row, regex), let match = try regex.first(in: bytes, from: 0),
      let range = match[group]
    else { return .null }
    return text(bytes[range])
  }

  private static let extract = function(
    "REGEXP_EXTRACT",
    "The first part of the second argument that matches the pattern, or of that match one group; "
      + "NULL "
      + "without a match.",
    ("REGEXP_EXTRACT('(\\w+)@(\\w+)', 'to ann@home', 2)", "home"),
    [
      overload([.string, .string], .string, patternAt: 0, firstMatch),
      overload([.string, .string, .int], .string, patternAt: 0, firstMatch),
    ])

  @Sendable private static func allMatches(
    _ regex: Regex, _ row: [Value]
  ) throws(FunctionError) -> Value {
    guard let group = group(row, regex) else { return .null }
    let bytes = Array(row[1].text.utf8)
    var found: [Value] = []
    try regex.forEachMatch(in: bytes) { (match) throws(FunctionError) in
      found.append(match[group].map { text(bytes[$0]) } ?? .null)
    }
    return .array(found)
  }

  private static let extractAll = function(
    "REGEXP_EXTRACT_ALL",
    "All parts of the second argument that match the pattern, or of each match one group.",
    ("REGEXP_EXTRACT_ALL('[a-z]+', 'ab 12 cd')", "[ab, cd]"),
    [
      overload([.string, .string], .array(.string), patternAt: 0, allMatches),
      overload([.string, .string, .int], .array(.string), patternAt: 0, allMatches),
    ])

  private static let replace = function(
    "REGEXP_REPLACE",
    "The text with each match of the pattern replaced; `$1` or `${name}` stands for a group, a "
      + "backslash "
      + "takes the next character as it is.",
    ("REGEXP_REPLACE('2020-05-11', '(\\d+)-(\\d+)-(\\d+)', '$3.$2.$1')", "11.05.2020"),
    [
      overload([.string, .string, .string], .string, patternAt: 1) {
        (regex, row) throws(FunctionError) in
        let bytes = Array(row[0].text.utf8)
        let parts = try replacement(row[2].text, regex)
        var result: [UInt8] = []
        var end = 0
        try regex.forEachMatch(in: bytes) { (match) throws(FunctionError) in
          guard let whole = match[0] else { return }
          result += bytes[end..<whole.lowerBound]
          for part in parts {
            switch part {
            case .literal(let literal): result += literal
            case .group(let group): if let range = match[group] { result += bytes[range] }
            }
          }
          end = whole.upperBound
          try checkLength(result.count)
        }
        return text(result + bytes[end...])
      }
    ])

  private enum Part {
    case literal([UInt8])
    case group(Int)
  }

  /// A group number takes as many digits as still name a group.
  private static func replacement(
    _ template: String, _ regex: Regex
  ) throws(FunctionError) -> [Part] {
    var parts: [Part] = []
    var rest = template[...]
    while let character = rest.popFirst() {
      switch character {
      case "\\":
        guard let next = rest.popFirst() else {
          throw FunctionError("character to be escaped is missing")
        }
        parts.append(.literal(Array(String(next).utf8)))
      case "$":
        if rest.first == "{" {
          guard let close = rest.firstIndex(of: "}"),
            let group = regex.number(ofGroup: String(rest[..<close].dropFirst()))
          else { throw FunctionError("No group with the name in '\(template)'") }
          parts.append(.group(group))
          rest = rest[rest.index(after: close)...]
          continue
        }
        guard let digit = rest.first, digit.isASCII, var group = digit.wholeNumberValue else {
          throw FunctionError("Illegal group reference in '\(template)'")
        }
        rest = rest.dropFirst()
        guard group <= regex.groups else { throw FunctionError("No group \(group)") }
        while let digit = rest.first, digit.isASCII, let next = digit.wholeNumberValue,
          group * 10 + next <= regex.groups
        {
          group = group * 10 + next
          rest = rest.dropFirst()
        }
        parts.append(.group(group))
      default: parts.append(.literal(Array(String(character).utf8)))
      }
    }
    return parts
  }

  private static let split = function(
    "REGEXP_SPLIT_TO_ARRAY", "The pieces of a text between the matches of the pattern.",
    ("REGEXP_SPLIT_TO_ARRAY('a1b22c', '[0-9]+')", "[a, b, c]"),
    [
      overload([.string, .string], .array(.string), patternAt: 1) {
        (regex, row) throws(FunctionError) in
        let bytes = Array(row[0].text.utf8)
        // A pattern that matches nothing at all splits between characters and leaves no empty end.
        let splitsAnywhere = try regex.first(in: [], from: 0) != nil
        var pieces: [Value] = []
        var end = 0
        try regex.forEachMatch(in: bytes) { (match) throws(FunctionError) in
          guard let whole = match[0] else { return }
          if splitsAnywhere, whole.upperBound == 0 { return }
          pieces.append(text(bytes[end..<whole.lowerBound]))
          end = whole.upperBound
        }
        pieces.append(text(bytes[end...]))
        if splitsAnywhere {
          while pieces.count > 1, pieces.last == .string("") { pieces.removeLast() }
        }
        return .array(pieces)
      }
    ])
}
