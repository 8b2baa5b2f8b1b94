// Functions over strings (and byte strings alike, where it makes sense).

import HeadraceColumns
import HeadraceFoundations

enum StringFunctions {
  static let all: [ScalarFunction] = [
    concat, concatWithSeparator, element, field, initCap, inString,
    function(
      "LCASE", "The text in small letters.", ("LCASE('Ab')", "ab"),
      [ScalarOverload([.string], .string, vector: TextKernels.changeCase(false))]),
    function(
      "LEN",
      "How many characters a STRING has, counted in UTF-16 units, or how many bytes a BYTES.",
      ("LEN('abc')", "3"),
      [.string, .bytes].map { ScalarOverload([$0], .int, vector: TextKernels.length) }),
    pad("LPAD", "in front", ("LPAD('7', 3, '0')", "007"), isLeft: true),
    replace,
    pad("RPAD", "at the end", ("RPAD('7', 3, '0')", "700"), isLeft: false),
    split, splitToMap,
    function(
      "SUBSTRING",
      "The part from a position on, with at most so many characters. The first is 1; a negative "
        + "position counts from the end. A STRING is counted in UTF-16 units; a character of two "
        + "units that "
        + "would be cut is left out.", ("SUBSTRING('stream', 2, 3)", "tre"),
      ([.string, .bytes] as [ParameterType]).flatMap { type in
        [
          ScalarOverload([type, .int], type, vector: TextKernels.substring),
          ScalarOverload([type, .int, .int], type, vector: TextKernels.substring),
        ]
      }),
    function(
      "TRIM", "The text without white space at both ends.", ("TRIM('  a b ')", "a b"),
      [ScalarOverload([.string], .string, vector: TextKernels.trim)]),
    function(
      "UCASE", "The text in capital letters.", ("UCASE('Ab')", "AB"),
      [ScalarOverload([.string], .string, vector: TextKernels.changeCase(true))]),
  ]

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String), _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(name, family: "String", doc: doc, example: example, overloads: overloads)
  }

  private static let concat = function(
    "CONCAT", "All arguments one after the other; NULLs count as nothing.",
    ("CONCAT('a', 'b', NULL, 'c')", "abc"),
    ([.string, .bytes] as [ParameterType]).map { type in
      ScalarOverload([type], variadic: 0, type, isStrict: false, vector: TextKernels.concat)
    })

  private static let concatWithSeparator = function(
    "CONCAT_WS", "The arguments after the first with the first between them; NULLs are left out.",
    ("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"),
    [
      ScalarOverload([.string, .string], variadic: 1, .string, isStrict: false) { row in
        if row[0].isNull { return .null }
        return .string(row.dropFirst().compactMap(\.stringValue).joined(separator: row[0].text))
      },
      ScalarOverload([.bytes, .bytes], variadic: 1, .bytes, isStrict: false) { row in
        if row[0].isNull { return .null }
        let parts = row.dropFirst().compactMap(\.bytesValue)
        return .bytes(Array(parts.joined(separator: row[0].content)))
      },
    ])

  private static let element = function(
    "ELT",
    "The argument at a position, the first after the position being 1; NULL where there is none.",
    ("ELT(2, 'a', 'b')", "b"),
    [
      ScalarOverload([.int, .string], variadic: 1, .string, isStrict: false) { row in
        let position = row[0].number
        return position >= 1 && position < row.count ? row[position] : .null
      }
    ])

  private static let field = function(
    "FIELD",
    "The position of the first argument among the others, 1 for the next one; 0 if it is none.",
    ("FIELD('b', 'a', 'b')", "2"),
    [
      ScalarOverload([.string, .string], variadic: 1, .int, isStrict: false) { row in
        if row[0].isNull { return .int(0) }
        let position = row.dropFirst().firstIndex(of: row[0]) ?? 0
        return .int(Int32(truncatingIfNeeded: position))
      }
    ])

  private static let initCap = function(
    "INITCAP", "Each word with a capital first letter and small ones behind it.",
    ("INITCAP('hello WORLD')", "Hello World"),
    [
      ScalarOverload([.string], .string) { row in
        var result = ""
        var isStart = true
        for character in row[0].text {
          result += isStart ? character.uppercased() : character.lowercased()
          isStart = character.isWhitespace
        }
        return .string(result)
      }
    ])

  private static let inString = function(
    "INSTR",
    "The position of a text within another, 1 for the first; 0 if it is not there. A third "
      + "argument says "
      + "where to begin (negative: from the end backwards), a fourth which occurrence is wanted.",
    ("INSTR('banana', 'an')", "2"),
    [
      ScalarOverload([.string, .string], .int, row: position),
      ScalarOverload([.string, .string, .int], .int, row: position),
      ScalarOverload([.string, .string, .int, .int], .int, row: position),
    ])

  @Sendable private static func position(_ row: [Value]) -> Value {
    let whole = row[0].text.units
    let part = row[1].text.units
    let begin = row.count > 2 ? row[2].number : 1
    var wanted = row.count > 3 ? row[3].number : 1
    guard !part.isEmpty, begin != 0, wanted > 0, part.count <= whole.count else { return .int(0) }
    let last = whole.count - part.count
    let places =
      begin > 0
      ? Array(stride(from: begin - 1, through: last, by: 1))
      : Array(stride(from: min(whole.count + begin, last), through: 0, by: -1))
    for place in places where part.indices.allSatisfy({ whole[place + $0] == part[$0] }) {
      wanted -= 1
      if wanted == 0 { return .int(Int32(truncatingIfNeeded: place + 1)) }
    }
    return .int(0)
  }

  /// A value beyond this length is a mistake.
  private static let longest = 1 << 18

  private static func pad(
    _ name: String, _ place: String, _ example: (String, String), isLeft: Bool
  ) -> ScalarFunction {
    /// `cut`: as many elements, or fewer where there is no cutting.
    @Sendable func padded<Element>(
      _ input: [Element], _ row: [Value], _ padding: [Element],
      _ cut: ([Element], Int) -> [Element]
    ) throws(FunctionError) -> [Element]? {
      let length = row[1].number
      guard length >= 0, !padding.isEmpty else { return nil }
      guard length <= longest else { throw FunctionError("\(name) to more than \(longest)") }
      if input.count >= length { return cut(input, length) }
      let missing = length - input.count
      let repeated = (0..<(missing + padding.count)).map { padding[$0 % padding.count] }
      let fill = cut(repeated, missing)
      return isLeft ? fill + input : input + fill
    }
    return function(
      name,
      "Fills up a text \(place) to a length by repeating the third argument; a longer text is cut. A "
        + "text "
        + "is counted in UTF-16 units; a character of two units that would be cut is left out.",
      example,
      [
        ScalarOverload([.string, .int, .string], .string) { (row) throws(FunctionError) in
          try padded(row[0].text.units, row, row[2].text.units, wholeCharacters)
            .map { String(units: $0) }.value
        },
        ScalarOverload([.bytes, .int, .bytes], .bytes) { (row) throws(FunctionError) in
          let result = try padded(row[0].content, row, row[2].content) { Array($0.prefix($1)) }
          return result.map { .bytes($0) } ?? .null
        },
      ])
  }

  private static let replace = function(
    "REPLACE", "The first text with each occurrence of the second replaced by the third.",
    ("REPLACE('banana', 'an', '-')", "b--a"),
    [
      ScalarOverload([.string, .string, .string], .string) { (row) throws(FunctionError) in
        let (whole, old) = (row[0].text.units, row[1].text.units)
        let new = row[2].text.units
        if old.isEmpty {
          try checkLength((whole.count + 1) * (new.count + 1))
          var result = row[2].text
          for scalar in row[0].text.unicodeScalars {
            result.unicodeScalars.append(scalar)
            result += row[2].text
          }
          return .string(result)
        }
        if whole.isEmpty { return row[0] }
        let pieces = HeadraceFunctions.split(whole, old)
        try checkLength(whole.count + pieces.count * new.count)
        return .string(String(units: pieces.joined(separator: new)))
      }
    ])

  private static let split = function(
    "SPLIT", "The pieces between the separators; each character on its own for an empty separator.",
    ("SPLIT('a,b,,c', ',')", "[a, b, , c]"),
    [
      ScalarOverload([.string, .string], .array(.string)) { row in
        if row[1].text.isEmpty {
          let pieces = row[0].text.unicodeScalars.map { Value.string(String($0)) }
          return .array(pieces.isEmpty ? [.string("")] : pieces)
        }
        let pieces = HeadraceFunctions.split(Array(row[0].text.utf8), Array(row[1].text.utf8))
        return .array(pieces.map { .string(String(decoding: $0, as: UTF8.self)) })
      },
      ScalarOverload([.bytes, .bytes], .array(.bytes)) { row in
        .array(HeadraceFunctions.split(row[0].content, row[1].content).map { .bytes($0) })
      },
    ])

  private static let splitToMap = function(
    "SPLIT_TO_MAP",
    "A map from a text of entries: the second argument separates entries, the third a key from "
      + "its value, which ends at the next one.",
    ("SPLIT_TO_MAP('a=1;b=2', ';', '=')", "{a=1, b=2}"),
    [
      ScalarOverload([.string, .string, .string], .map(.string, .string)) { row in
        let (outer, inner) = (Array(row[1].text.utf8), Array(row[2].text.utf8))
        if outer.isEmpty || inner.isEmpty || outer == inner { return .null }
        var entries: [MapEntry] = []
        var index: [Value: Int] = [:]
        for piece in HeadraceFunctions.split(Array(row[0].text.utf8), outer) {
          guard let place = find(inner, in: piece) else { continue }
          let key = Value.string(String(decoding: piece[..<place], as: UTF8.self))
          let rest = piece[(place + inner.count)...]
          let end = find(inner, in: piece, from: rest.startIndex) ?? piece.count
          let value = Value.string(String(decoding: rest[..<end], as: UTF8.self))
          if let known = index[key] {
            entries[known].value = value
          } else {
            index[key] = entries.count
            entries.append(MapEntry(key, value))
          }
        }
        return .map(entries)
      }
    ])
}
