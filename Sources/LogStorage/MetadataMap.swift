// The small ordered map that the store keeps for the modules above: catalog, positions, queries.
// Sorted by key bytes, so that a prefix is one stretch and no hash order ever shows. A copy is a
// reference until one of the two changes, which is what a checkpoint needs.

import HeadraceFoundations

struct MetadataMap: Sendable {
  private(set) var keys: [[UInt8]] = []
  private(set) var values: [[UInt8]] = []

  /// First place whose key is not below `key`.
  private func place(_ key: [UInt8]) -> Int {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle].lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  subscript(key: [UInt8]) -> [UInt8]? {
    let index = place(key)
    return index < keys.count && keys[index] == key ? values[index] : nil
  }

  mutating func set(_ key: [UInt8], _ value: [UInt8]?) {
    let index = place(key)
    let isPresent = index < keys.count && keys[index] == key
    switch (value, isPresent) {
    case (let value?, true): values[index] = value
    case (let value?, false):
      keys.insert(key, at: index)
      values.insert(value, at: index)
    case (nil, true):
      keys.remove(at: index)
      values.remove(at: index)
    case (nil, false): break
    }
  }

  func entries(prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])] {
    var found: [(key: [UInt8], value: [UInt8])] = []
    var index = place(prefix)
    while index < keys.count && keys[index].starts(with: prefix) {
      found.append((keys[index], values[index]))
      index += 1
    }
    return found
  }
}
