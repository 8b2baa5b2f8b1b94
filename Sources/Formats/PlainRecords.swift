// Records of one shape - keys or delimiters and kinds of values in their order - read four side by
// side (plain_records.c). All others are left to the format's own decoder, which alone says what is
// right.
// Invariant: a shape never changes what is decoded.

internal import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe: belongs to one decoder.
struct PlainRecords: ~Copyable {
  /// The processor can.
  static var isSupported: Bool { headrace_has_plain_records() }
  /// Bytes before a value that are compared at once.
  private static let prefixMax = 32
  private static let firstCredits: (together: Int32, alone: Int32) = (16, 16)

  private let delimiter: UInt8
  private var steps: [headrace_plain_step] = []
  /// The field of each step; -1: its value is not kept.
  private var fields: [Int] = []
  private var credits: (together: Int32, alone: Int32) = Self.firstCredits
  private var done: [UInt64] = []
  /// Rows of the batch that are left.
  private(set) var rest = 0

  init(delimiter: UInt8 = 0) { self.delimiter = delimiter }

  var stepCount: Int { steps.count }

  /// What was stored of the batch by `decode` needs nothing more.
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
      var shape = headrace_plain_shape(
        steps: steps.baseAddress, count: UInt32(steps.count), delimiter: delimiter,
        credit_together: credits.together, credit_alone: credits.alone)
      defer { credits = (shape.credit_together, shape.credit_alone) }
      return headrace_plain_records(
        buffer.base, buffer.capacity + ByteBuffer.padding, first, firstLength, starts.count,
        &shape, &done)
    }
    for field in fields where field >= 0 {
      for word in 0..<words { table.slots[field].validity[word] |= done[word] }
    }
  }

  // MARK: - The shape

  mutating func forget() {
    steps = []
    fields = []
    credits = Self.firstCredits
  }

  /// `prefix`: what stands before the value; more than fits takes several steps. `field`: where the
  /// value is kept; nil: nowhere.
  mutating func append(_ prefix: [UInt8], _ kind: headrace_plain_kind, field: Int?) {
    var start = 0
    repeat {
      let part = prefix[start..<min(start + Self.prefixMax, prefix.count)]
      let isLast = part.endIndex == prefix.count
      var step = headrace_plain_step()
      step.kind = (isLast ? kind : HEADRACE_PLAIN_KEY).rawValue
      step.length = UInt32(part.count)
      step.reach = 1
      step.is_stored = isLast && field != nil
      withUnsafeMutableBytes(of: &step.bytes) { $0.copyBytes(from: part) }
      withUnsafeMutableBytes(of: &step.mask) { mask in
        for index in part.indices { mask[index - start] = 0xFF }
      }
      steps.append(step)
      fields.append(step.is_stored ? field ?? -1 : -1)
      start = part.endIndex
    } while start < prefix.count
  }
}
