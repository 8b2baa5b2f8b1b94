// The ends of open windows, the earliest first. Entries are not taken out when a window grows: whoever
// pops one checks that a window with that end still exists.

struct EndHeap {
  private var items: [(end: Int64, key: [UInt8])] = []

  var earliest: Int64? { items.first?.end }

  mutating func push(_ end: Int64, _ key: [UInt8]) {
    items.append((end, key))
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard items[child].end < items[parent].end else { break }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> (end: Int64, key: [UInt8])? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    guard !items.isEmpty else { return first }
    items[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < items.count && items[child].end < items[least].end {
        least = child
      }
      if least == parent { break }
      items.swapAt(parent, least)
      parent = least
    }
    return first
  }
}
