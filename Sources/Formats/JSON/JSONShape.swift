// What the records of a stream look like: keys and kinds of values in their order. Records of that shape are read four side by
// side (json_records.c); all others by `JSONDecoder`, which alone says what is right.
// Invariant: a shape never changes what is decoded.

internal import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe: belongs to one decoder.
struct JSONShape: ~Copyable {
  private static let stepsMax = 128
  /// The processor can.
  static var isSupported: Bool { headrace_json_has_records() }

  private let isPossible: Bool
  /// Rows between two attempts to learn a shape.
  private let patience: Int
  private var steps: [headrace_json_step] = []
  /// The field of each step; -1: its value is not kept.
  private var fields: [Int] = []
  private var credits: (together: Int32, alone: Int32) = (0, 0)
  private var rowsToNextAttempt = 16
  private var done: [UInt64] = []
  /// Rows of the batch that are left.
  private(set) var rest = 0

  /// `isPossible`: records are objects, and every field is of one value.
  init(isPossible: Bool, patience: Int) {
    self.patience = patience
    self.isPossible = isPossible && Self.isSupported
  }

  func isDone(_ row: Int) -> Bool {
    !done.isEmpty && done[row &>> 6] &>> UInt64(row & 63) & 1 != 0
  }

  /// Stores the records that have the shape.
  mutating func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>, _ table: FieldSlots
  ) {
    rest = starts.count
    done.removeAll(keepingCapacity: true)
    guard !steps.isEmpty, starts.count >= 4, let first = starts.baseAddress,
      let firstLength = lengths.baseAddress
    else { return }
    let words = starts.count / 64 + 1
    done.append(contentsOf: repeatElement(0, count: words))
    for (index, field) in fields.enumerated() where field >= 0 {
      steps[index].values = table.slots[field].values
      steps[index].lengths = table.slots[field].lengths
    }
    rest = steps.withUnsafeMutableBufferPointer { steps in
      var shape = headrace_json_shape(
        steps: steps.baseAddress, count: UInt32(steps.count), credit_together: credits.together,
        credit_alone: credits.alone)
      defer { credits = (shape.credit_together, shape.credit_alone) }
      return headrace_json_records(
        buffer.base, buffer.capacity + ByteBuffer.padding, first, firstLength, starts.count,
        &shape, &done)
    }
    for field in fields where field >= 0 {
      for word in 0..<words { table.slots[field].validity[word] |= done[word] }
    }
  }

  // MARK: - Learning

  /// Whether a shape is to be learned from what was left of `rows` records.
  mutating func isDue(rows: Int) -> Bool {
    guard isPossible, rest > rows / 4 else { return false }
    rowsToNextAttempt -= rows
    guard rowsToNextAttempt <= 0 else { return false }
    rowsToNextAttempt = patience
    return true
  }

  /// Takes the shape of a record that was decoded just now, by the steps that were learned with it.
  mutating func learn(_ record: JSONCursor, _ keys: JSONKeys) {
    steps = []
    fields = []
    if !read(record, keys) {
      steps = []
      fields = []
    }
    credits = (0, 0)
  }

  /// False: some value is read in no other way than by itself.
  private mutating func read(_ record: JSONCursor, _ keys: JSONKeys) -> Bool {
    var p = record.start
    var entry = keys.start.pointee.next
    while entry != keys.start, entry.matches(p, record.end), steps.count < Self.stepsMax {
      let known = entry.pointee
      p += known.length
      if known.kind == .end {
        append(known, HEADRACE_JSON_KEY, isStored: false)
        return p == record.end
      }
      guard p < record.end, let (kind, isStored) = Self.kind(known.kind, first: p[0]),
        !(isStored && fields.contains(known.field)), let end = try? record.skipValue(p, depth: 1)
      else { return false }
      append(known, kind, isStored: isStored)
      p = end
      entry = known.next
    }
    return false
  }

  private static func kind(
    _ kind: ValueKind, first: UInt8
  ) -> (kind: headrace_json_kind, isStored: Bool)? {
    let isText = first == 0x22
    let isNumber = first &- 48 <= 9 || first == 0x2D
    let isTruth = first == 0x74 || first == 0x66
    switch kind {
    case .bigint, .timestamp: return isNumber ? (HEADRACE_JSON_INT64, true) : nil
    case .int, .date: return isNumber ? (HEADRACE_JSON_INT32, true) : nil
    case .checkedInteger: return isNumber ? (HEADRACE_JSON_INT64, false) : nil
    case .checkedInt: return isNumber ? (HEADRACE_JSON_INT32, false) : nil
    case .double: return isNumber ? (HEADRACE_JSON_DOUBLE, true) : nil
    case .string: return isText ? (HEADRACE_JSON_STRING, true) : nil
    case .checkedString: return isText ? (HEADRACE_JSON_STRING, false) : nil
    case .boolean: return isTruth ? (HEADRACE_JSON_BOOLEAN, true) : nil
    case .unknown:
      if isText { return (HEADRACE_JSON_STRING, false) }
      if isNumber { return (HEADRACE_JSON_INT64, false) }
      return isTruth ? (HEADRACE_JSON_BOOLEAN, false) : nil
    case .time, .decimal, .base64, .built, .end: return nil
    }
  }

  /// A long key takes several steps.
  private mutating func append(_ entry: KeyEntry, _ kind: headrace_json_kind, isStored: Bool) {
    var bytes = Array(UnsafeBufferPointer(start: entry.bytes, count: entry.length))
    if kind == HEADRACE_JSON_STRING { bytes.append(0x22) }
    for start in stride(from: 0, to: bytes.count, by: 32) {
      let part = bytes[start..<min(start + 32, bytes.count)]
      let isLast = part.endIndex == bytes.count
      var step = headrace_json_step()
      step.kind = (isLast ? kind : HEADRACE_JSON_KEY).rawValue
      step.length = UInt32(part.count)
      step.reach = 1
      step.is_stored = isLast && isStored
      withUnsafeMutableBytes(of: &step.bytes) { $0.copyBytes(from: part) }
      withUnsafeMutableBytes(of: &step.mask) { mask in
        for index in part.indices { mask[index - start] = 0xFF }
      }
      steps.append(step)
      fields.append(step.is_stored ? entry.field : -1)
    }
  }
}
