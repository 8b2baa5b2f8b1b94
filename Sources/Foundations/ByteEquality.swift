// Texts are equal when their bytes are. Swift's own `==` on String is canonical equivalence: it
// takes "é" as one scalar and as "e" with an accent for the same text, while the log, the
// partitioner and every state store tell them apart. Here `==`, `!=`, `~=` (and so `switch`) and
// the searches built on them are declared again for String; a module that imports this one gets
// these, since they are closer than the standard library's. A file without the import, and a
// dictionary or set keyed by String (see `TextKey`), would still get the other: the tidy test
// refuses both.

import Glibc

/// Whether two texts have the same UTF-8 bytes.
public func haveSameBytes(_ left: String, _ right: String) -> Bool {
  let count = left.utf8.count
  guard count == right.utf8.count else { return false }
  let same = left.utf8.withContiguousStorageIfAvailable { a in
    right.utf8.withContiguousStorageIfAvailable { b in
      count == 0 || memcmp(a.baseAddress!, b.baseAddress!, count) == 0
    }
  }
  if let same = same ?? nil { return same }
  return left.utf8.elementsEqual(right.utf8)
}

extension String {
  public static func == (left: String, right: String) -> Bool { haveSameBytes(left, right) }

  public static func != (left: String, right: String) -> Bool { !haveSameBytes(left, right) }

  /// For `case "TEXT":`.
  public static func ~= (pattern: String, text: String) -> Bool { haveSameBytes(pattern, text) }

  /// Whether the bytes begin with those of `prefix`; the standard library's compares characters.
  public func hasPrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  /// Whether the bytes end with those of `suffix`.
  public func hasSuffix(_ suffix: String) -> Bool {
    utf8.reversed().starts(with: suffix.utf8.reversed())
  }
}

extension Optional where Wrapped == String {
  public static func == (left: String?, right: String?) -> Bool {
    switch (left, right) {
    case (let left?, let right?): haveSameBytes(left, right)
    case (nil, nil): true
    case (nil, _), (_, nil): false
    }
  }

  public static func != (left: String?, right: String?) -> Bool { !(left == right) }
}

extension Array where Element == String {
  public static func == (left: [String], right: [String]) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { haveSameBytes($0, $1) }
  }

  public static func != (left: [String], right: [String]) -> Bool { !(left == right) }
}

extension Sequence where Element == String {
  public func contains(_ text: String) -> Bool { contains { haveSameBytes($0, text) } }
}

extension Collection where Element == String {
  public func firstIndex(of text: String) -> Index? { firstIndex { haveSameBytes($0, text) } }
}
