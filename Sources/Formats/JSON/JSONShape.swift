// What the records of a JSON stream look like, learned from one that was decoded, for
// `PlainRecords`.

internal import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe: belongs to one decoder.
struct JSONShape: ~Copyable {
  private static let stepsMax = 128

  private let isPossible: Bool
  /// Rows between two attempts to learn a shape.
  private let patience: Int
  private var rowsToNextAttempt = 16
  var plain = PlainRecords()

  /// `isPossible`: records are objects, and every field is of one value.
  init(isPossible: Bool, patience: Int) {
    self.patience = patience
    self.isPossible = isPossible && PlainRecords.isSupported
  }

  /// Whether a shape is to be learned from what was left of `rows` records.
  mutating func isDue(rows: Int) -> Bool {
    guard isPossible, plain.rest > rows / 4 else { return false }
    rowsToNextAttempt -= rows
    guard rowsToNextAttempt <= 0 else { return false }
    rowsToNextAttempt = patience
    return true
  }

  /// Takes the shape of a record that was decoded just now, by the steps that were learned with it.
  mutating func learn(_ record: JSONCursor, _ keys: JSONKeys) {
    plain.forget()
    if !read(record, keys) { plain.forget() }
  }

  /// False: some value is read in no other way than by itself.
  private mutating func read(_ record: JSONCursor, _ keys: JSONKeys) -> Bool {
    var p = record.start
    var kept: Set<Int> = []
    var entry = keys.start.pointee.next
    while entry != keys.start, entry.matches(p, record.end), plain.stepCount < Self.stepsMax {
      let known = entry.pointee
      p += known.length
      if known.kind == .end {
        plain.append(known.text, HEADRACE_PLAIN_KEY, field: nil)
        return p == record.end
      }
      guard p < record.end, let (kind, isStored) = Self.kind(known.kind, first: p[0]),
        !isStored || kept.insert(known.field).inserted, let end = try? record.skipValue(p, depth: 1)
      else { return false }
      let quote: [UInt8] = kind == HEADRACE_PLAIN_STRING ? [0x22] : []
      plain.append(known.text + quote, kind, field: isStored ? known.field : nil)
      p = end
      entry = known.next
    }
    return false
  }

  private static func kind(
    _ kind: ValueKind, first: UInt8
  ) -> (kind: headrace_plain_kind, isStored: Bool)? {
    let isText = first == 0x22
    let isNumber = first &- 48 <= 9 || first == 0x2D
    let isTruth = first == 0x74 || first == 0x66
    switch kind {
    case .bigint, .timestamp: return isNumber ? (HEADRACE_PLAIN_INT64, true) : nil
    case .int, .date: return isNumber ? (HEADRACE_PLAIN_INT32, true) : nil
    case .checkedInteger: return isNumber ? (HEADRACE_PLAIN_INT64, false) : nil
    case .checkedInt: return isNumber ? (HEADRACE_PLAIN_INT32, false) : nil
    case .double: return isNumber ? (HEADRACE_PLAIN_DOUBLE, true) : nil
    case .string: return isText ? (HEADRACE_PLAIN_STRING, true) : nil
    case .checkedString: return isText ? (HEADRACE_PLAIN_STRING, false) : nil
    case .boolean: return isTruth ? (HEADRACE_PLAIN_BOOLEAN, true) : nil
    case .unknown:
      if isText { return (HEADRACE_PLAIN_STRING, false) }
      if isNumber { return (HEADRACE_PLAIN_INT64, false) }
      return isTruth ? (HEADRACE_PLAIN_BOOLEAN, false) : nil
    case .time, .decimal, .base64, .built, .end: return nil
    }
  }
}

extension KeyEntry {
  fileprivate var text: [UInt8] { Array(UnsafeBufferPointer(start: bytes, count: length)) }
}
