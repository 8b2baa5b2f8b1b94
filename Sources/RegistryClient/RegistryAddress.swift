// Where a registry answers: http or https, a host, maybe a port and the beginning of all paths. A
// name and password in it are taken out, so that what is shown has none.

import HeadraceFoundations

struct RegistryAddress: Sendable, Hashable {
  /// Without a slash at its end, and without user and password.
  let text: String
  /// user:password
  let user: String?

  /// nil: it is none.
  init?(_ given: String) {
    let bytes = Array(given.utf8)
    guard let scheme = ["http://", "https://"].first(where: { bytes.starts(with: $0.utf8) }) else {
      return nil
    }
    var rest = bytes[scheme.utf8.count...]
    while rest.last == UInt8(ascii: "/") { rest.removeLast() }
    guard rest.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), !rest.contains(UInt8(ascii: "?")),
      !rest.contains(UInt8(ascii: "#"))
    else { return nil }
    let pathStart = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
    var user: String?
    // The last one: a password may have others.
    if let at = rest[..<pathStart].lastIndex(of: UInt8(ascii: "@")) {
      user = Self.decoded(rest[..<at])
      guard user != nil else { return nil }
      rest = rest[(at + 1)...]
    }
    guard let first = rest.first, first != UInt8(ascii: "/"), first != UInt8(ascii: ":") else {
      return nil
    }
    text = scheme + String(decoding: rest, as: UTF8.self)
    self.user = user
  }

  private static func decoded(_ bytes: ArraySlice<UInt8>) -> String? {
    var result: [UInt8] = []
    var index = bytes.startIndex
    while index < bytes.endIndex {
      if bytes[index] == UInt8(ascii: "%") {
        guard index + 2 < bytes.endIndex,
          let byte = UInt8(
            String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
        else { return nil }
        result.append(byte)
        index += 3
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(validating: result, as: UTF8.self)
  }

  /// A part of a path, in which all but letters, digits and four signs is escaped.
  static func encoded(_ part: String) -> String {
    var result = ""
    for byte in part.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.utf8.count == 1 ? "%0" + digits : "%" + digits
      }
    }
    return result
  }
}
