// What was met between the values of objects: `{"id":`, `,"price": `, `}`. Each such step is kept
// with the field it leads to and the step that followed it last time. A decoder compares the next
// bytes with that one (16 at once, masked) and is right for nearly every step of nearly every
// stream.
// Invariant: what is learned never changes what is decoded; a step that opens an object is only
// ever compared where an object opens.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations
internal import Glibc

/// The bytes between two values, from the end of one to the start of the next. Trivial, and used in
/// place.
struct KeyEntry {
  var low: UInt64 = 0
  var high: UInt64 = 0
  var lowMask: UInt64 = 0
  var highMask: UInt64 = 0
  /// Larger than any record in entries that must not match.
  var length = Int.max
  /// The entry that followed last time; the first of all when none did yet.
  var next: UnsafeMutablePointer<KeyEntry>
  var field = 0
  var kind = ValueKind.unknown
  var isExact = false
  var opensObject = false
  /// All bytes of the step, of which the first 16 are above.
  var bytes: UnsafeMutablePointer<UInt8>
}

extension UnsafeMutablePointer<KeyEntry> {
  @inline(__always)
  func matches(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
    let raw = UnsafeRawPointer(p)
    let low = raw.loadUnaligned(as: UInt64.self) ^ pointee.low
    let high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self) ^ pointee.high
    let isSame = low & pointee.lowMask | high & pointee.highMask == 0
    guard isSame, pointee.length <= end - p else { return false }
    return pointee.length <= 16 || tailMatches(p, pointee.bytes, pointee.length)
  }
}

@inline(never)
private func tailMatches(
  _ p: UnsafePointer<UInt8>, _ bytes: UnsafeMutablePointer<UInt8>, _ length: Int
) -> Bool {
  memcmp(p + 16, bytes + 16, length - 16) == 0
}

/// Not thread-safe: belongs to one decoder.
final class JSONKeys {
  /// Streams with more of them are decoded just as well, only slower.
  private static let countMax = 256

  /// Stands before a record and never matches.
  let start: UnsafeMutablePointer<KeyEntry>
  /// Takes the steps that are not learned.
  private let scratch: UnsafeMutablePointer<KeyEntry>
  private var count = 1
  private let names: FieldNames
  private let kinds: [ValueKind]

  init(_ fields: [FormatField], _ plans: [TypePlan]) {
    names = FieldNames(fields.map(\.name))
    kinds = zip(fields, plans).map { field, plan in
      switch plan.kind {
      case .bigint, .timestamp: field.isNeeded ? plan.kind : .checkedInteger
      case .int: field.isNeeded ? .int : .checkedInt
      case .string: field.isNeeded ? .string : .checkedString
      default: plan.kind
      }
    }
    start = .allocate(capacity: Self.countMax + 1)
    scratch = start + Self.countMax
    for index in 0...Self.countMax {
      (start + index).initialize(to: KeyEntry(next: start, bytes: .allocate(capacity: 1)))
    }
  }

  deinit {
    for index in 0...Self.countMax { start[index].bytes.deallocate() }
    start.deallocate()
  }

  /// Reads the step at `p` that the entry after `previous` did not match. The end of the object is
  /// one too, of kind `end`.
  @inline(never)
  func find(
    _ p: UnsafePointer<UInt8>, after previous: UnsafeMutablePointer<KeyEntry>, opensObject: Bool,
    _ cursor: JSONCursor, _ reader: JSONReader
  ) throws(BadInput) -> (entry: UnsafeMutablePointer<KeyEntry>, end: UnsafePointer<UInt8>) {
    // One or a few optional fields may be missing: what comes after them is likely next.
    var candidate = previous.pointee.next
    for _ in 0..<4 where candidate != start && !opensObject {
      candidate = candidate.pointee.next
      if candidate.matches(p, cursor.end) { return (candidate, p + candidate.pointee.length) }
    }
    for index in 1..<count where start[index].opensObject == opensObject {
      guard (start + index).matches(p, cursor.end) else { continue }
      previous.pointee.next = start + index
      return (start + index, p + start[index].length)
    }
    var entry = KeyEntry(next: start, bytes: scratch.pointee.bytes)
    entry.opensObject = opensObject
    let (name, isEnd) = try separator(p, opensObject: opensObject, cursor)
    if isEnd {
      entry.kind = .end
      return (learn(entry, p, name - p, after: previous), name)
    }
    let (quote, hasEscapes) = try cursor.stringEnd(name)
    let colon = cursor.skipSpace(quote + 1)
    let end = cursor.skipSpace(try cursor.expect(0x3A, colon))
    let text = UnsafeBufferPointer(start: name, count: quote - name)
    if let (field, isExact) = reader.find(text, hasEscapes, names) {
      entry.field = field
      entry.kind = kinds[field]
      entry.isExact = isExact
    }
    return (learn(entry, p, end - p, after: previous), end)
  }

  /// The first byte of the next key at or behind `p`, or the position behind the object.
  private func separator(
    _ p: UnsafePointer<UInt8>, opensObject: Bool, _ cursor: JSONCursor
  ) throws(BadInput) -> (position: UnsafePointer<UInt8>, isEnd: Bool) {
    var p = cursor.skipSpace(p)
    if opensObject {
      p = cursor.skipSpace(try cursor.expect(0x7B, p))
      if p < cursor.end, p[0] == 0x7D { return (p + 1, true) }
    } else {
      guard p < cursor.end else { throw cursor.fault("", p) }
      if p[0] == 0x7D { return (p + 1, true) }
      guard p[0] == 0x2C else { throw cursor.fault("expected ',' or '}'", p) }
      p = cursor.skipSpace(p + 1)
    }
    return (try cursor.expect(0x22, p), false)
  }

  private func learn(
    _ entry: KeyEntry, _ p: UnsafePointer<UInt8>, _ length: Int,
    after previous: UnsafeMutablePointer<KeyEntry>
  ) -> UnsafeMutablePointer<KeyEntry> {
    if length > 200 || count == Self.countMax {
      scratch.pointee = entry
      return scratch
    }
    let target = start + count
    count += 1
    target.pointee.bytes.deallocate()
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
    target.pointee = entry
    previous.pointee.next = target
    return target
  }
}
