// Records of many groups at once, whose values have the same length.

import HeadraceColumns
import HeadraceFoundations

extension RawRecords {
  /// Appends a record for each slot of an index, under its key, with a byte before it where there
  /// is a `prefix`.
  /// Shape: one value of `width` bytes a slot, one behind the other.
  mutating func append(
    _ slots: [Int32], of index: KeyIndex, prefix: UInt8?, _ values: UnsafeRawBufferPointer,
    width: Int
  ) {
    guard let values = values.baseAddress, !slots.isEmpty else { return }
    let prefixBytes = prefix == nil ? 0 : 1
    var bytes = slots.count * (width + prefixBytes)
    for slot in slots { bytes += index.key(Int(slot)).count }
    buffer.reserve(bytes)
    let base = UnsafeMutableRawPointer(buffer.base)
    var end = buffer.count
    for (row, slot) in slots.enumerated() {
      let key = index.key(Int(slot))
      keyStart.append(Int32(truncatingIfNeeded: end))
      keyLength.append(Int32(truncatingIfNeeded: key.count + prefixBytes))
      if let prefix {
        base.storeBytes(of: prefix, toByteOffset: end, as: UInt8.self)
        end += 1
      }
      if let start = key.baseAddress { (base + end).copyMemory(from: start, byteCount: key.count) }
      end += key.count
      valueStart.append(Int32(truncatingIfNeeded: end))
      (base + end).copyMemory(from: values + row * width, byteCount: width)
      end += width
    }
    buffer.count = end
    valueLength += repeatElement(Int32(truncatingIfNeeded: width), count: slots.count)
    timestamps += repeatElement(0, count: slots.count)
  }
}
