// The spellings of keys that were met, each with the field it stands for and the spelling that followed
// it last time. A decoder compares the next bytes with that one (16 at once, masked) and is right for
// nearly every key of nearly every stream. Invariant: what is learned never changes what is decoded.

internal import CSupport
internal import Columns

/// A spelling with its quotes and colon: `"price":`. Trivial, so that the hot loop may copy it.
struct KeyEntry {
  var low: UInt64 = 0
  var high: UInt64 = 0
  var lowMask: UInt64 = 0
  var highMask: UInt64 = 0
  /// All bytes of the spelling, of which the first 16 are above.
  var bytes: UnsafeMutablePointer<UInt8>
  /// Larger than any record in entries that must not match.
  var length = Int.max
  var field = 0
  var kind = ValueKind.unknown
  var isExact = false
  /// The entry that followed last time; 0 when none did yet.
  var next = 0

  @inline(__always)
  func matches(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
    let raw = UnsafeRawPointer(p)
    let low = raw.loadUnaligned(as: UInt64.self) ^ self.low
    let high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self) ^ self.high
    guard low & lowMask | high & highMask == 0, length <= end - p else { return false }
    return length <= 16 || tailMatches(p)
  }

  @inline(never)
  private func tailMatches(_ p: UnsafePointer<UInt8>) -> Bool {
    for index in 16..<length where p[index] != bytes[index] { return false }
    return true
  }
}

/// Not thread-safe: belongs to one decoder.
final class JSONKeys {
  /// Streams with more spellings are decoded just as well, only slower.
  private static let countMax = 256
  /// Takes the keys that are not learned.
  static let scratch = countMax

  /// 0 stands before the first key of a record and never matches.
  let entries: UnsafeMutablePointer<KeyEntry>
  private var count = 1
  private let names: FieldNames
  private let kinds: [ValueKind]

  init(_ fields: [FormatField], _ plans: [TypePlan]) {
    names = FieldNames(fields.map(\.name))
    kinds = plans.map(\.kind)
    entries = .allocate(capacity: Self.countMax + 1)
    for index in 0...Self.countMax {
      (entries + index).initialize(to: KeyEntry(bytes: .allocate(capacity: 1)))
    }
  }

  deinit {
    for index in 0...Self.countMax { entries[index].bytes.deallocate() }
    entries.deallocate()
  }

  /// Reads the key at `p` that the entry after `previous` did not match.
  @inline(never)
  func find(
    _ p: UnsafePointer<UInt8>, after previous: Int, _ cursor: JSONCursor, _ reader: JSONReader
  ) throws(BadInput) -> (entry: Int, end: UnsafePointer<UInt8>) {
    // One or a few optional fields may be missing: what comes after them is likely next.
    var candidate = entries[previous].next
    for _ in 0..<4 where candidate != 0 {
      candidate = entries[candidate].next
      if candidate != 0, entries[candidate].matches(p, cursor.end) {
        return (candidate, p + entries[candidate].length)
      }
    }
    for index in 1..<count where entries[index].matches(p, cursor.end) {
      entries[previous].next = index
      return (index, p + entries[index].length)
    }
    let name = try cursor.expect(0x22, p)
    let (quote, hasEscapes) = try cursor.stringEnd(name)
    let end = try cursor.expect(0x3A, cursor.skipSpace(quote + 1))
    let text = UnsafeBufferPointer(start: name, count: quote - name)
    var entry = KeyEntry(bytes: entries[Self.scratch].bytes)
    if let (field, isExact) = reader.find(text, hasEscapes, names) {
      entry.field = field
      entry.kind = kinds[field]
      entry.isExact = isExact
    }
    if hasEscapes || end != quote + 2 || text.count > 200 || count == Self.countMax {
      entries[Self.scratch] = entry
      return (Self.scratch, end)
    }
    return (learn(entry, p, end - p, after: previous), end)
  }

  private func learn(
    _ entry: KeyEntry, _ p: UnsafePointer<UInt8>, _ length: Int, after previous: Int
  ) -> Int {
    let index = count
    count += 1
    entries[index].bytes.deallocate()
    var entry = entry
    entry.length = length
    entry.bytes = .allocate(capacity: length + 16)
    entry.bytes.initialize(repeating: 0, count: length + 16)
    entry.bytes.update(from: p, count: length)
    let raw = UnsafeRawPointer(entry.bytes)
    entry.low = raw.loadUnaligned(as: UInt64.self)
    entry.high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    entry.lowMask = length >= 8 ? ~0 : (1 << UInt64(length * 8)) - 1
    entry.highMask = length >= 16 ? ~0 : length <= 8 ? 0 : (1 << UInt64(length * 8 - 64)) - 1
    if length > 16 { entry.low = raw.loadUnaligned(as: UInt64.self) }
    entries[index] = entry
    entries[previous].next = index
    return index
  }
}
