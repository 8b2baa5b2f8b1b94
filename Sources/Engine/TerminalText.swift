// What may go to a terminal: no value, name or error text may steer it.

import HeadraceFoundations

/// Replaces control bytes (but line feed and tab), DEL and the C1 controls by `\xNN`. Keeps what it
/// needs between two pieces of a text.
public struct TerminalText: Sendable {
  /// The last byte began a two-byte character that may be a C1 control.
  private var isOpen = false

  public init() {}

  public mutating func escaped(_ bytes: [UInt8]) -> [UInt8] {
    let isPlain = bytes.allSatisfy { ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x0A || $0 == 0x09 }
    if isPlain, !isOpen { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 16)
    for byte in bytes {
      let isControl = (byte < 0x20 && byte != 0x0A && byte != 0x09) || byte == 0x7F
      if isOpen {
        isOpen = false
        if byte >= 0x80, byte < 0xA0 {
          Self.escape(byte, into: &result)
          continue
        }
        result.append(0xC2)
      }
      if byte == 0xC2 {
        isOpen = true
      } else if isControl {
        Self.escape(byte, into: &result)
      } else {
        result.append(byte)
      }
    }
    return result
  }

  private static func escape(_ byte: UInt8, into result: inout [UInt8]) {
    let digits = Array("0123456789ABCDEF".utf8)
    result += [
      UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)],
    ]
  }
}

/// What is kept out of histories and listings.
public enum Secret {
  private static let words = [
    "password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "api_key",
    "api.key",
    "private_key", "private.key", "access_key", "access.key", "jaas", "authorization",
  ]

  /// Whether a text, or the name of a property or variable, speaks of a secret.
  public static func isMentioned(in text: String) -> Bool {
    let lower = text.lowercased()
    return words.contains { lower.contains($0) }
  }

  /// What is on or off is no secret.
  static func shown(_ value: String, of name: String) -> String {
    isMentioned(in: name) && !name.lowercased().hasSuffix(".enabled") ? "******" : value
  }
}
