// How the smaller arrays of long-lived state grow, and those of a value that is copied
// (`GrowingArray` is not): by a quarter and not by doubling, so that a store holds at most that
// much more than it needs. Each element is copied four times in all, where doubling copies it once.

extension Array {
  /// Makes room for so many more elements.
  mutating func makeRoom(for extra: Int) {
    guard extra > 0, count + extra > capacity else { return }
    reserveCapacity(count + Swift.max(extra, count / 4, 16))
  }

  /// Fills up with `element`; nothing happens where there are as many already.
  mutating func grow(to newCount: Int, _ element: Element) {
    let missing = newCount - count
    guard missing > 0 else { return }
    makeRoom(for: missing)
    append(contentsOf: repeatElement(element, count: missing))
  }
}
