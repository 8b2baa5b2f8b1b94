// Regular expressions with bounded work, after Java's: a search that would backtrack for long is
// given up with an error.

import CHeadracePCRE2
import HeadraceFoundations

final class Regex: @unchecked Sendable {
  // Unchecked: the compiled pattern is never written after `init`, and searches keep no state in
  // it.
  fileprivate let code: OpaquePointer
  let pattern: String
  let groups: Int

  private static let cache = SharedCache<String, Regex>(capacity: 500)

  static func cached(_ pattern: String) throws(FunctionError) -> Regex {
    try cache.value(for: pattern) { (pattern) throws(FunctionError) in try Regex(pattern) }
  }

  init(_ pattern: String) throws(FunctionError) {
    self.pattern = pattern
    var message = [CChar](repeating: 0, count: 256)
    var offset = 0
    var text = Regex.translated(pattern)
    let compiled = text.withUTF8 { bytes in
      headrace_regex_compile(bytes.baseAddress, bytes.count, &message, message.count, &offset)
    }
    guard let compiled else {
      let reason = String(
        decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw FunctionError(
        "Invalid regular expression pattern: \(pattern): \(reason) near \(offset)")
    }
    code = compiled
    groups = Int(headrace_regex_groups(compiled))
  }

  deinit { headrace_regex_free(code) }

  /// Java's `\u0041` is PCRE's `\x{0041}`.
  private static func translated(_ pattern: String) -> String {
    guard pattern.utf8.contains(UInt8(ascii: "\\")) else { return pattern }
    var result: [UInt8] = []
    let bytes = Array(pattern.utf8)
    var index = 0
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
        result.append(bytes[index])
        index += 1
        continue
      }
      if bytes[index + 1] == UInt8(ascii: "u"), index + 6 <= bytes.count {
        result += Array("\\x{".utf8) + bytes[index + 2..<index + 6] + [UInt8(ascii: "}")]
        index += 6
      } else {
        result += bytes[index...index + 1]
        index += 2
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  func number(ofGroup name: String) -> Int? {
    let number = headrace_regex_group_named(code, name)
    return number >= 0 ? Int(number) : nil
  }
}

/// Searches with one pattern; keeps the groups of its last match. Not thread-safe.
final class RegexSearch {
  let regex: Regex
  private let match: OpaquePointer

  init(_ pattern: String) throws(FunctionError) {
    regex = try Regex.cached(pattern)
    guard let match = headrace_regex_match_create(regex.code) else {
      throw FunctionError("the regular expression '\(pattern)' failed")
    }
    self.match = match
  }

  deinit { headrace_regex_match_free(match) }

  /// The bytes of a group in the last match; nil: it took no part.
  subscript(group: Int) -> Range<Int>? {
    guard let ranges = headrace_regex_ranges(match) else { return nil }
    let (lower, upper) = (ranges[2 * group], ranges[2 * group + 1])
    // -1 for a group that took no part.
    return lower >= 0 && lower <= upper ? lower..<upper : nil
  }

  /// Whether the pattern matches at or after a byte of well-formed UTF-8.
  func find(in text: ByteView, from start: Int = 0) throws(FunctionError) -> Bool {
    // No bytes may have no address.
    var nothing: UInt8 = 0
    let status = withUnsafePointer(to: &nothing) { nothing in
      headrace_regex_search(
        regex.code, match, text.baseAddress ?? nothing, text.count, start)
    }
    switch Int(status) {
    case 0: return true
    case Int(HEADRACE_REGEX_NO_MATCH): return false
    case Int(HEADRACE_REGEX_LIMIT):
      throw FunctionError("the regular expression '\(regex.pattern)' takes too long on this text")
    default: throw FunctionError("the regular expression '\(regex.pattern)' failed")
    }
  }

  /// Calls `body` with each match in order; after an empty one the search goes on one character
  /// later.
  func forEachMatch(
    in text: ByteView, _ body: (Range<Int>) throws(FunctionError) -> Void
  ) throws(FunctionError) {
    var start = 0
    while start <= text.count, try find(in: text, from: start), let whole = self[0] {
      try body(whole)
      start = whole.upperBound
      if whole.isEmpty { start = start < text.count ? characterEnd(text, start) : start + 1 }
    }
  }
}

/// What is no pattern is found nowhere.
package func isPattern(_ pattern: String, foundIn text: String) -> Bool {
  var text = text
  return text.withUTF8 { view in
    do throws(FunctionError) {
      return try RegexSearch(pattern).find(in: view)
    } catch {
      return false
    }
  }
}
