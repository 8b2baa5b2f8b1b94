// A text as the key of a dictionary or set. Lookups take Strings, so that callers need not wrap
// what they ask for.

/// Invariant: equality, hash and order are those of the UTF-8 bytes.
public struct TextKey: Sendable {
  public let text: String

  public init(_ text: String) { self.text = text }
}

extension TextKey: Hashable {
  public static func == (left: TextKey, right: TextKey) -> Bool {
    haveSameBytes(left.text, right.text)
  }

  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    hasher.combine(0xFF as UInt8)
  }
}

extension TextKey: Comparable {
  public static func < (left: TextKey, right: TextKey) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }
}

extension TextKey: ExpressibleByStringLiteral, CustomStringConvertible {
  public init(stringLiteral value: String) { text = value }

  public var description: String { text }
}

extension Dictionary where Key == TextKey {
  public subscript(key: String) -> Value? {
    get { self[TextKey(key)] }
    _modify { yield &self[TextKey(key)] }
  }

  public subscript(key: String, default value: @autoclosure () -> Value) -> Value {
    get { self[TextKey(key), default: value()] }
    _modify { yield &self[TextKey(key), default: value()] }
  }

  @discardableResult
  public mutating func removeValue(forKey key: String) -> Value? {
    removeValue(forKey: TextKey(key))
  }

  /// The keys in the order of their bytes.
  public var sortedNames: [String] { keys.sorted().map(\.text) }
}

extension Set where Element == TextKey {
  public init(texts: some Sequence<String>) { self = Set(texts.map { TextKey($0) }) }

  public func contains(_ text: String) -> Bool { contains(TextKey(text)) }

  @discardableResult
  public mutating func insert(_ text: String) -> (inserted: Bool, memberAfterInsert: TextKey) {
    insert(TextKey(text))
  }

  @discardableResult
  public mutating func remove(_ text: String) -> TextKey? {
    remove(TextKey(text))
  }

  /// The members in the order of their bytes.
  public var sortedTexts: [String] { sorted().map(\.text) }
}
