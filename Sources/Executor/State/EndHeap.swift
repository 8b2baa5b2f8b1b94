// The ends of open windows, the earliest first. Entries are not taken out when a window grows:
// whoever pops one looks up what has become of the window.

import HeadraceFoundations

struct EndHeap {
  struct Entry: BitwiseCopyable {
    var end: Int64
    var group: Int32
    var slot: Int32
  }

  private var items: [Entry] = []

  var count: Int { items.count }
  var earliest: Int64? { items.first?.end }

  mutating func push(_ entry: Entry) {
    items.append(entry)
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard items[child].end < items[parent].end else { break }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> Entry? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    guard !items.isEmpty else { return first }
    items[0] = last
    var parent = 0
    while true {
      var least = parent
      let left = 2 * parent + 1
      if left < items.count, items[left].end < items[least].end { least = left }
      if left + 1 < items.count, items[left + 1].end < items[least].end { least = left + 1 }
      if least == parent { break }
      items.swapAt(parent, least)
      parent = least
    }
    return first
  }
}
