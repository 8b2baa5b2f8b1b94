// MASK and its relatives: letters and digits replaced by one sign a class.

import HeadraceColumns
import HeadraceFoundations

enum MaskFunctions {
  static let all: [ScalarFunction] = [
    function(
      "MASK", "every character", ("MASK('My 1st')", "Xx-nxx"), takesCount: false
    ) { _, count in 0..<count },
    function(
      "MASK_KEEP_LEFT", "every character but the first n", ("MASK_KEEP_LEFT('abc1', 2)", "abxn")
    ) { number, count in min(number, count)..<count },
    function(
      "MASK_KEEP_RIGHT", "every character but the last n", ("MASK_KEEP_RIGHT('abc1', 2)", "xxc1")
    ) { number, count in 0..<max(count - number, 0) },
    function("MASK_LEFT", "the first n characters", ("MASK_LEFT('abc1', 2)", "xxc1")) {
      number, count in 0..<min(number, count)
    },
    function("MASK_RIGHT", "the last n characters", ("MASK_RIGHT('abc1', 2)", "abxn")) {
      number, count in max(count - number, 0)..<count
    },
  ]

  private static func function(
    _ name: String, _ what: String, _ example: (String, String), takesCount: Bool = true,
    range: @escaping @Sendable (Int, Int) -> Range<Int>
  ) -> ScalarFunction {
    let leading: [ParameterType] = takesCount ? [.string, .int] : [.string]
    let mask = kernel(name, takesCount: takesCount, range)
    return ScalarFunction(
      name, family: "String",
      doc: "Hides \(what): capital letters as X, small ones as x, digits as n, all else as -. Four "
        + "further arguments give other signs, NULL keeping that kind of character.",
      example: example,
      overloads: [
        ScalarOverload(leading, .string, isStrict: false, vector: mask),
        ScalarOverload(
          leading + [.string, .string, .string, .string], .string, isStrict: false, vector: mask),
      ])
  }

  /// The signs of one row, each as UTF-8; nil keeps the characters of that class.
  private typealias Signs = [ByteView?]

  private static let usualSigns: StaticString = "Xxn-"

  private static func kernel(
    _ name: String, takesCount: Bool, _ range: @escaping @Sendable (Int, Int) -> Range<Int>
  ) -> @Sendable (VectorCall) -> VectorResult {
    { call in
      let texts = call.texts(0)
      let counts = takesCount ? call.ints(1) : []
      let given = call.arguments.indices.dropFirst(takesCount ? 2 : 1)
      let columns = given.map { call.texts($0) }
      var signs: Signs = (0..<4).map { ByteView(start: usualSigns.utf8Start + $0, count: 1) }
      return fill(call, isStrict: false) { (row, result) throws(FunctionError) in
        if call.arguments[0].isNull(row) { return result.appendNull() }
        var number = 0
        if takesCount {
          guard !call.arguments[1].isNull(row), counts[row] >= 0 else {
            throw FunctionError("function \(name) requires a non-negative number of characters")
          }
          number = Int(counts[row])
        }
        for (index, place) in given.enumerated() {
          let view = columns[index].view(row)
          let isKept = view.isEmpty || call.arguments[place].isNull(row)
          signs[index] = isKept ? nil : ByteView(rebasing: view[..<characterEnd(view, 0)])
        }
        write(texts.view(row), masked: number, range, signs, into: result)
      }
    }
  }

  private static func write(
    _ view: ByteView, masked number: Int, _ range: (Int, Int) -> Range<Int>, _ signs: Signs,
    into result: ColumnBuilder
  ) {
    let count = view.count { $0 & 0xC0 != 0x80 }
    let hidden = range(number, count)
    // A sign has four bytes at most.
    result.appendBytes(maximum: view.count + 3 * hidden.count) { target in
      var end = target
      var start = 0
      for place in 0..<count {
        let next = characterEnd(view, start)
        let character = ByteView(rebasing: view[start..<next])
        start = next
        if hidden.contains(place), let sign = signs[classIndex(character)] {
          end.write(sign)
        } else {
          end.write(character)
        }
      }
      return end - target
    }
  }

  private static func classIndex(_ character: ByteView) -> Int {
    switch character[0] {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): return 0
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return 1
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return 2
    case ..<0x80: return 3
    default: break
    }
    switch String(decoding: character, as: UTF8.self).unicodeScalars.first?.properties
      .generalCategory
    {
    case .uppercaseLetter: return 0
    case .lowercaseLetter: return 1
    case .decimalNumber: return 2
    default: return 3
    }
  }
}
