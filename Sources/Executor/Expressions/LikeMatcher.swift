// LIKE: `%` stands for any bytes, `_` for one character, line ends among them. Matching backtracks
// to the last `%` only, so it takes at most text x pattern steps, and is given up after `stepsMax`.

import HeadraceFoundations

struct LikeMatcher {
  private enum Part: Equatable {
    case byte(UInt8)
    case anyCharacter
    case anyRun
  }

  /// About a tenth of a second.
  static let stepsMax = 50_000_000

  let source: [UInt8]
  private var parts: [Part] = []

  init(_ pattern: [UInt8], escape: UInt8?) {
    source = pattern
    var index = 0
    while index < pattern.count {
      let byte = pattern[index]
      if let escape, byte == escape, index + 1 < pattern.count {
        index += 1
        parts.append(.byte(pattern[index]))
      } else if byte == UInt8(ascii: "%") {
        if parts.last != .anyRun { parts.append(.anyRun) }
      } else if byte == UInt8(ascii: "_") {
        parts.append(.anyCharacter)
      } else {
        parts.append(.byte(byte))
      }
      index += 1
    }
  }

  /// nil: it takes too long.
  func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool? {
    var steps = 0
    var at = 0
    var part = 0
    var retryPart = -1
    var retryAt = 0
    while at < text.count || part < parts.count {
      if part < parts.count {
        switch parts[part] {
        case .anyRun:
          retryPart = part
          retryAt = at
          part += 1
          continue
        case .anyCharacter where at < text.count:
          at += 1
          while at < text.count, text[at] & 0xC0 == 0x80 { at += 1 }
          part += 1
          continue
        case .byte(let byte) where at < text.count && text[at] == byte:
          at += 1
          part += 1
          continue
        case .anyCharacter, .byte: break
        }
      }
      // Let the last run take one byte more.
      guard retryPart >= 0, retryAt < text.count else { return false }
      steps += at - retryAt + 1
      if steps > Self.stepsMax { return nil }
      retryAt += 1
      at = retryAt
      part = retryPart + 1
    }
    return true
  }
}
