// Parts of URLs, and URL encoding of parameters.
// Source: RFC 3986, appendix B, for the parts; application/x-www-form-urlencoded for the encoding.

import HeadraceColumns
import HeadraceFoundations

enum URLFunctions {
  static let all: [ScalarFunction] = [
    text(
      "URL_DECODE_PARAM", "A parameter without its URL encoding.",
      ("URL_DECODE_PARAM('a%20b+c')", "a b c"), decoded),
    text(
      "URL_ENCODE_PARAM", "A text encoded so that it can stand as a parameter of a URL.",
      ("URL_ENCODE_PARAM('a b&c')", "a+b%26c"), { encoded($0) }),
    part("FRAGMENT", "what stands behind the #", "top") { $0.fragment.map { decoded($0) } ?? nil },
    part("HOST", "the host", "example.com") { $0.host },
    parameter,
    part("PATH", "the path", "/a/b") { decoded($0.path) },
    ScalarFunction(
      "URL_EXTRACT_PORT", family: "URL", doc: "The port of a URL; NULL if it names none.",
      example: ("URL_EXTRACT_PORT('http://localhost:8080/x')", "8080"),
      overloads: [
        ScalarOverload([.string], .int) { (row) throws(FunctionError) in
          try URLParts(row[0].text).port.map { .int($0) } ?? .null
        }
      ]),
    part("PROTOCOL", "the protocol", "https") { $0.scheme },
    part("QUERY", "the query, behind the ?", "q=1&p=2") { $0.query.map { decoded($0) } ?? nil },
  ]

  private static let sample = "https://example.com/a/b?q=1&p=2#top"

  private static func text(
    _ name: String, _ doc: String, _ example: (String, String),
    _ body: @escaping @Sendable (String) -> String?
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "URL", doc: doc, example: example,
      overloads: [
        ScalarOverload([.string], .string) { (row) throws(FunctionError) in
          guard let result = body(row[0].text) else {
            throw FunctionError("'\(row[0].text)' is not well encoded")
          }
          return .string(result)
        }
      ])
  }

  private static func part(
    _ name: String, _ what: String, _ result: String,
    _ body: @escaping @Sendable (URLParts) -> String?
  ) -> ScalarFunction {
    ScalarFunction(
      "URL_EXTRACT_\(name)", family: "URL", doc: "Of a URL \(what); NULL if there is none.",
      example: ("URL_EXTRACT_\(name)('\(sample)')", result),
      overloads: [
        ScalarOverload([.string], .string) { (row) throws(FunctionError) in
          body(try URLParts(row[0].text)).value
        }
      ])
  }

  private static let parameter = ScalarFunction(
    "URL_EXTRACT_PARAMETER", family: "URL",
    doc: "The value of a named parameter of a URL's query; NULL if it has none.",
    example: ("URL_EXTRACT_PARAMETER('\(sample)', 'p')", "2"),
    overloads: [
      ScalarOverload([.string, .string], .string) { (row) throws(FunctionError) in
        guard let query = try URLParts(row[0].text).query else { return .null }
        for piece in query.split(separator: "&") {
          let sides = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          if let name = sides.first, decoded(String(name)) == row[1].text {
            return sides.count > 1 ? decoded(String(sides[1])).value : .null
          }
        }
        return .null
      }
    ])

  /// Form encoding: letters, digits and `.-*_` stay, a blank becomes `+`.
  private static func encoded(_ text: String) -> String {
    var result: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "*"), UInt8(ascii: "_"):
        result.append(byte)
      case UInt8(ascii: " "): result.append(UInt8(ascii: "+"))
      default: result += Array("%".utf8) + Array(hex([byte]).uppercased().utf8)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// nil: a % without two hex digits behind it.
  @Sendable private static func decoded(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "+"): result.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard index + 2 < bytes.count,
          let byte = UInt8(
            String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
        else { return nil }
        result.append(byte)
        index += 2
      default: result.append(bytes[index])
      }
      index += 1
    }
    return String(decoding: result, as: UTF8.self)
  }
}

/// A URL in its parts.
struct URLParts {
  var scheme: String?
  var host: String?
  var port: Int32?
  var path: String
  var query: String?
  var fragment: String?

  init(_ text: String) throws(FunctionError) {
    guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") }) else {
      throw FunctionError("'\(text)' is no URL")
    }
    var rest = text[...]
    if let mark = rest.firstIndex(of: "#") {
      fragment = String(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    if let mark = rest.firstIndex(of: "?") {
      query = String(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    if let colon = rest.firstIndex(of: ":"), colon != rest.startIndex,
      rest[..<colon].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
      ),
      rest.first?.isLetter == true
    {
      scheme = String(rest[..<colon])
      rest = rest[rest.index(after: colon)...]
    }
    if rest.hasPrefix("//") {
      rest = rest.dropFirst(2)
      var authority = rest.prefix { $0 != "/" }
      rest = rest[authority.endIndex...]
      if let at = authority.lastIndex(of: "@") {
        authority = authority[authority.index(after: at)...]
      }
      if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
        port = Int32(authority[authority.index(after: colon)...])
        authority = authority[..<colon]
      }
      if !authority.isEmpty { host = String(authority) }
    }
    path = String(rest)
  }
}
