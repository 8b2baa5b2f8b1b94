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
      ScalarOverload(
        [.string, .string], variadic: 1, .string, isStrict: false,
        vector: TextKernels.concatWithSeparator),
      ScalarOverload(
        [.bytes, .bytes], variadic: 1, .bytes, isStrict: false,
        vector: TextKernels.concatWithSeparator),
    ])

  private static let element = function(
    "ELT",
    "The argument at a position, the first after the position being 1; NULL where there is none.",
    ("ELT(2, 'a', 'b')", "b"),
    [
      ScalarOverload(
        [.int, .string], variadic: 1, .string, isStrict: false, vector: TextKernels.element)
    ])

  private static let field = function(
    "FIELD",
    "The position of the first argument among the others, 1 for the next one; 0 if it is none.",
    ("FIELD('b', 'a', 'b')", "2"),
    [
      ScalarOverload(
        [.string, .string], variadic: 1, .int, isStrict: false, vector: TextKernels.field)
    ])

  private static let initCap = function(
    "INITCAP", "Each word with a capital first letter and small ones behind it.",
    ("INITCAP('hello WORLD')", "Hello World"),
    [ScalarOverload([.string], .string, vector: TextKernels.initCap)])

  private static let inString = function(
    "INSTR",
    "The position of a text within another, 1 for the first; 0 if it is not there. A third "
      + "argument says "
      + "where to begin (negative: from the end backwards), a fourth which occurrence is wanted.",
    ("INSTR('banana', 'an')", "2"),
    [
      ScalarOverload([.string, .string], .int, vector: TextKernels.position),
      ScalarOverload([.string, .string, .int], .int, vector: TextKernels.position),
      ScalarOverload([.string, .string, .int, .int], .int, vector: TextKernels.position),
    ])

  private static func pad(
    _ name: String, _ place: String, _ example: (String, String), isLeft: Bool
  ) -> ScalarFunction {
    function(
      name,
      "Fills up a text \(place) to a length by repeating the third argument; a longer text is cut. A "
        + "text "
        + "is counted in UTF-16 units; a character of two units that would be cut is left out.",
      example,
      [
        ScalarOverload(
          [.string, .int, .string], .string, vector: TextKernels.pad(name, isLeft: isLeft)),
        ScalarOverload(
          [.bytes, .int, .bytes], .bytes, vector: TextKernels.pad(name, isLeft: isLeft)),
      ])
  }

  private static let replace = function(
    "REPLACE", "The first text with each occurrence of the second replaced by the third.",
    ("REPLACE('banana', 'an', '-')", "b--a"),
    [ScalarOverload([.string, .string, .string], .string, vector: TextKernels.replace)])

  private static let split = function(
    "SPLIT", "The pieces between the separators; each character on its own for an empty separator.",
    ("SPLIT('a,b,,c', ',')", "[a, b, , c]"),
    [
      ScalarOverload([.string, .string], .array(.string), vector: TextKernels.split),
      ScalarOverload([.bytes, .bytes], .array(.bytes), vector: TextKernels.split),
    ])

  private static let splitToMap = function(
    "SPLIT_TO_MAP",
    "A map from a text of entries: the second argument separates entries, the third a key from "
      + "its value, which ends at the next one.",
    ("SPLIT_TO_MAP('a=1;b=2', ';', '=')", "{a=1, b=2}"),
    [
      ScalarOverload(
        [.string, .string, .string], .map(.string, .string), vector: TextKernels.splitToMap)
    ])
}
