// A text of several lines as one line, and back: for the metadata and the shell's history. By
// bytes: characters may hold a line end, or a backslash, together with what follows it.

import HeadraceFoundations

package enum EscapedLine {
  private static let backslash = UInt8(ascii: "\\")

  package static func escaped(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count + 8)
    for byte in text.utf8 {
      switch byte {
      case backslash: bytes += [backslash, backslash]
      case 0x0A: bytes += [backslash, UInt8(ascii: "n")]
      case 0x0D: bytes += [backslash, UInt8(ascii: "r")]
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  package static func unescaped(_ text: some StringProtocol) -> String {
    unescaped(bytes: text.utf8)
  }

  static func unescaped(bytes text: some Collection<UInt8>) -> String {
    // Nearly all have none, and a start reads thousands of them.
    if !text.contains(backslash) { return String(decoding: text, as: UTF8.self) }
    var bytes: [UInt8] = []
    var isEscape = false
    for byte in text {
      if isEscape {
        switch byte {
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        default: bytes.append(byte)
        }
        isEscape = false
      } else if byte == backslash {
        isEscape = true
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
