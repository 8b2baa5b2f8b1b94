// The state of an aggregation as records: one a group, under the bytes of its key (and the start of its window), with
// the highest rowtime and what each accumulator writes; and one without a key, with what the operator knows of time.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceTopics

extension AggregateOperator {
  func append(
    _ slot: Int32, to records: inout RawRecords, _ value: inout [UInt8]
  ) {
    value.removeAll(keepingCapacity: true)
    withUnsafeBytes(of: rowtimes[Int(slot)]) { value.append(contentsOf: $0) }
    for accumulator in accumulators { accumulator.serialize(Int(slot), into: &value) }
    value.withUnsafeBytes {
      records.append(key: index.key(Int(slot)), value: $0, timestamp: 0)
    }
  }

  private func appendTime(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    withUnsafeBytes(of: closedBefore) { value += $0 }
    records.append(key: [], value: value, timestamp: 0)
  }

  func drainChanges(into records: inout RawRecords) {
    for key in removedKeys { records.append(key: key, value: nil, timestamp: 0) }
    var scratch: [UInt8] = []
    for slot in dirtySlots {
      dirty[Int(slot)] = false
      if index.isUsed(Int(slot)) {
        append(slot, to: &records, &scratch)
        valueBytes.set(Int(slot), scratch.count)
      }
    }
    if streamTime != savedStreamTime { appendTime(to: &records) }
    savedStreamTime = streamTime
    removedKeys.removeAll()
    dirtySlots.removeAll(keepingCapacity: true)
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    var scratch: [UInt8] = []
    for slot in 0..<index.slotCount where index.isUsed(slot) {
      append(Int32(slot), to: &pieces.records, &scratch)
      try pieces.passOn()
    }
    appendTime(to: &pieces.records)
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    // A windowed key ends with the start of its window.
    let keyBytesMin = spec.window == nil ? 0 : 8
    for record in 0..<records.count {
      let damage = DamagedState(record: record)
      guard let key = records.key(record) else { throw damage }
      guard let value = records.value(record) else {
        if let slot = index.find(key) {
          valueBytes.set(slot, 0)
          index.remove(slot: slot)
        }
        continue
      }
      if key.isEmpty, value.count == 16 {
        streamTime = value.loadUnaligned(as: Int64.self)
        closedBefore = value.loadUnaligned(fromByteOffset: 8, as: Int64.self)
        savedStreamTime = streamTime
        continue
      }
      guard !key.isEmpty, key.count >= keyBytesMin, value.count >= 8 else { throw damage }
      let (slot, _) = index.insert(key)
      while rowtimes.count <= slot {
        rowtimes.append(Int64.min)
        dirty.append(false)
        isNew.append(false)
      }
      rowtimes[slot] = value.loadUnaligned(as: Int64.self)
      isNew[slot] = false
      var position = 8
      for accumulator in accumulators {
        accumulator.reserve(groups: (index.slotCount + 1023) & ~1023)
        accumulator.reset(slot)
        guard accumulator.restore(slot, from: value, at: &position) else { throw damage }
      }
      guard position == value.count else { throw damage }
      valueBytes.set(slot, value.count)
    }
  }
}
