// What the groups of an aggregate hold in lists and texts, by the length of what was last saved of
// each: exact at the end of each epoch, and nothing is done for a row.

struct ValueBytes {
  /// A value in memory has more bytes than its saved form.
  private static let factor = 3

  private let isCounting: Bool
  private var lengths: [Int32] = []
  private var sum = 0
  /// The longest that there was; bytes.
  private(set) var largest = 1

  init(isCounting: Bool) { self.isCounting = isCounting }

  var total: Int { sum * Self.factor + lengths.count * 4 }

  /// The last saved length; 0 where nothing is counted.
  func bytes(_ group: Int) -> Int { group < lengths.count ? Int(lengths[group]) : 0 }

  mutating func set(_ group: Int, _ bytes: Int) {
    guard isCounting else { return }
    let missing = group + 1 - lengths.count
    if missing > 0 { lengths.append(contentsOf: repeatElement(0, count: missing)) }
    sum += bytes - Int(lengths[group])
    lengths[group] = Int32(clamping: bytes)
    largest = max(largest, bytes)
  }
}
