// REGEXP_EXTRACT, REGEXP_EXTRACT_ALL, REGEXP_REPLACE and REGEXP_SPLIT_TO_ARRAY.

import HeadraceColumns
import HeadraceFoundations

enum RegexFunctions {
  static let all: [ScalarFunction] = [extract, extractAll, replace, split]

  /// Appends the result of one row, whose pattern the search has.
  private typealias RowBody = (Int, RegexSearch, ColumnBuilder) throws(FunctionError) -> Void

  /// A strict overload that keeps the pattern of the row before.
  private static func overload(
    _ parameters: [ParameterType], _ result: ParameterType, patternAt: Int, textAt: Int,
    _ body: @escaping @Sendable (VectorCall, ByteColumn) -> RowBody
  ) -> ScalarOverload {
    ScalarOverload(
      parameters, result,
      vector: { call in
        let patterns = call.texts(patternAt)
        let append = body(call, call.texts(textAt))
        var memo = Memo<RegexSearch>()
        return fill(call) { (row, result) throws(FunctionError) in
          let search = try memo.made(from: patterns.view(row)) { (text) throws(FunctionError) in
            try RegexSearch(text)
          }
          try append(row, search, result)
        }
      })
  }

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String), _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "Regular expression", doc: doc, example: example, overloads: overloads)
  }

  /// The group that a third argument asks for; the whole match without it.
  private static func group(_ groups: [Int32], _ row: Int, _ regex: Regex) -> Int? {
    let group = groups.isEmpty ? 0 : Int(groups[row])
    return (0...regex.groups).contains(group) ? group : nil
  }

  private static func appendGroup(
    _ group: Int, of search: RegexSearch, _ row: Int, _ texts: ByteColumn,
    to result: ColumnBuilder
  ) {
    if let range = search[group] {
      result.appendPart(range, of: row, texts)
    } else {
      result.appendNull()
    }
  }

  @Sendable private static func firstMatch(_ call: VectorCall, _ texts: ByteColumn) -> RowBody {
    let groups = call.arguments.count > 2 ? call.ints(2) : []
    return { (row, search, result) throws(FunctionError) in
      guard let group = group(groups, row, search.regex), try search.find(in: texts.view(row))
      else { return result.appendNull() }
      appendGroup(group, of: search, row, texts, to: result)
    }
  }

  private static let extract = function(
    "REGEXP_EXTRACT",
    "The first part of the second argument that matches the pattern, or of that match one group; "
      + "NULL "
      + "without a match.",
    ("REGEXP_EXTRACT('(\\w+)@(\\w+)', 'to ann@home', 2)", "home"),
    [
      overload([.string, .string], .string, patternAt: 0, textAt: 1, firstMatch),
      overload([.string, .string, .int], .string, patternAt: 0, textAt: 1, firstMatch),
    ])

  @Sendable private static func allMatches(_ call: VectorCall, _ texts: ByteColumn) -> RowBody {
    let groups = call.arguments.count > 2 ? call.ints(2) : []
    return { (row, search, result) throws(FunctionError) in
      guard let group = group(groups, row, search.regex) else { return result.appendNull() }
      try search.forEachMatch(in: texts.view(row)) { _ in
        appendGroup(group, of: search, row, texts, to: result.children[0])
      }
      result.endRow()
    }
  }

  private static let extractAll = function(
    "REGEXP_EXTRACT_ALL",
    "All parts of the second argument that match the pattern, or of each match one group.",
    ("REGEXP_EXTRACT_ALL('[a-z]+', 'ab 12 cd')", "[ab, cd]"),
    [
      overload([.string, .string], .array(.string), patternAt: 0, textAt: 1, allMatches),
      overload([.string, .string, .int], .array(.string), patternAt: 0, textAt: 1, allMatches),
    ])

  private static let replace = function(
    "REGEXP_REPLACE",
    "The text with each match of the pattern replaced; `$1` or `${name}` stands for a group, a "
      + "backslash "
      + "takes the next character as it is.",
    ("REGEXP_REPLACE('2020-05-11', '(\\d+)-(\\d+)-(\\d+)', '$3.$2.$1')", "11.05.2020"),
    [
      overload(
        [.string, .string, .string], .string, patternAt: 1, textAt: 0, replaced)
    ])

  @Sendable private static func replaced(_ call: VectorCall, _ texts: ByteColumn) -> RowBody {
    let templates = call.texts(2)
    // The groups that a template may name depend on the pattern.
    var memo = Memo<[Part]>()
    var regex: Regex?
    var buffer: [UInt8] = []
    return { (row, search, result) throws(FunctionError) in
      if regex !== search.regex { (regex, memo) = (search.regex, Memo()) }
      let parts = try memo.made(from: templates.view(row)) { (text) throws(FunctionError) in
        try replacement(text, search.regex)
      }
      let view = texts.view(row)
      var end = 0
      var isFound = false
      buffer.removeAll(keepingCapacity: true)
      try search.forEachMatch(in: view) { (whole) throws(FunctionError) in
        isFound = true
        buffer += view[end..<whole.lowerBound]
        for part in parts {
          switch part {
          case .literal(let literal): buffer += literal
          case .group(let group): if let range = search[group] { buffer += view[range] }
          }
        }
        end = whole.upperBound
        try checkLength(buffer.count)
      }
      guard isFound else { return result.appendPart(0..<view.count, of: row, texts) }
      buffer += view[end...]
      buffer.withUnsafeBytes { result.append(bytes: $0) }
    }
  }

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
      overload([.string, .string], .array(.string), patternAt: 1, textAt: 0, pieces)
    ])

  @Sendable private static func pieces(_ call: VectorCall, _ texts: ByteColumn) -> RowBody {
    // A pattern that matches nothing at all splits between characters and leaves no empty end.
    var known: (search: RegexSearch, splitsAnywhere: Bool)?
    return { (row, search, result) throws(FunctionError) in
      if known?.search !== search {
        known = (search, try search.find(in: ByteView(start: nil, count: 0)))
      }
      let splitsAnywhere = known?.splitsAnywhere ?? false
      let view = texts.view(row)
      let pieces = result.children[0]
      let first = pieces.count
      var end = 0
      try search.forEachMatch(in: view) { whole in
        if splitsAnywhere, whole.upperBound == 0 { return }
        pieces.appendPart(end..<whole.lowerBound, of: row, texts)
        end = whole.upperBound
      }
      pieces.appendPart(end..<view.count, of: row, texts)
      if splitsAnywhere {
        while pieces.count > first + 1, pieces.bytes(pieces.count - 1)?.isEmpty == true {
          pieces.truncate(to: pieces.count - 1)
        }
      }
      result.endRow()
    }
  }
}
