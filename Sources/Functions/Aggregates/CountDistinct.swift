// COUNT_DISTINCT: exact up to 256 values, then an estimate.
// Source: Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation
// algorithm", with linear counting for the small range; 4096 registers give an error of about 1.6
// %.

import Columns
import Foundations
import Glibc

/// The distinct values that were added, by 64-bit hashes: the hashes themselves while they are few.
struct DistinctSketch: Sendable {
  static let exactLimit = 256
  static let indexBits: UInt64 = 12

  private(set) var hashes: Set<UInt64> = []
  private(set) var registers: [UInt8] = []
  /// How many registers have each value; the estimate needs no more.
  private var frequencies: [Int] = []

  mutating func add(hash: UInt64) {
    if registers.isEmpty {
      hashes.insert(hash)
      if hashes.count > Self.exactLimit { spill() }
    } else {
      mark(hash)
    }
  }

  private mutating func spill() {
    registers = [UInt8](repeating: 0, count: 1 << Int(Self.indexBits))
    countRegisters()
    for hash in hashes { mark(hash) }
    hashes = []
  }

  private mutating func mark(_ hash: UInt64) {
    let index = Int(hash >> (64 - Self.indexBits))
    let rest = hash << Self.indexBits | 1 << (Self.indexBits - 1)
    raise(index, to: UInt8(rest.leadingZeroBitCount + 1))
  }

  private mutating func raise(_ index: Int, to value: UInt8) {
    guard value > registers[index] else { return }
    frequencies[Int(registers[index])] -= 1
    frequencies[Int(value)] += 1
    registers[index] = value
  }

  private mutating func countRegisters() {
    frequencies = [Int](repeating: 0, count: 65)
    for register in registers { frequencies[min(Int(register), 64)] += 1 }
  }

  mutating func merge(_ other: DistinctSketch) {
    for hash in other.hashes { add(hash: hash) }
    guard !other.registers.isEmpty else { return }
    if registers.isEmpty { spill() }
    for (index, value) in other.registers.enumerated() { raise(index, to: value) }
  }

  var count: Int64 {
    if registers.isEmpty { return Int64(hashes.count) }
    let size = Double(registers.count)
    var sum = 0.0
    var weight = 1.0
    for frequency in frequencies {
      sum += Double(frequency) * weight
      weight /= 2
    }
    let zeros = Double(frequencies[0])
    let estimate = 0.7213 / (1 + 1.079 / size) * size * size / sum
    if estimate <= 2.5 * size, zeros > 0 { return Int64((size * log(size / zeros)).rounded()) }
    return Int64(estimate.rounded())
  }

  var saved: Value {
    var bytes: [UInt8] = registers
    if registers.isEmpty {
      for hash in hashes { withUnsafeBytes(of: hash) { bytes.append(contentsOf: $0) } }
    }
    return .structure([.boolean(!registers.isEmpty), .bytes(bytes)])
  }

  init() {}

  init?(_ value: Value) {
    guard case .structure(let parts) = value, parts.count == 2,
      let isSketch = parts[0].booleanValue, let bytes = parts[1].bytesValue
    else { return nil }
    if isSketch {
      guard bytes.count == 1 << Int(Self.indexBits), bytes.allSatisfy({ $0 <= 64 }) else {
        return nil
      }
      registers = bytes
      countRegisters()
    } else {
      bytes.withUnsafeBytes { raw in
        for offset in stride(from: 0, to: raw.count - 7, by: 8) {
          hashes.insert(raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
      }
    }
  }

  /// FNV-1a over the bytes of the value's canonical form, then SplitMix64's finalizer so that every bit counts.
  static func hash(_ value: Value) -> UInt64 {
    var bytes: [UInt8] = []
    ValueCodec.append(value.canonicalForm, to: &bytes)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
    return hash ^ (hash >> 31)
  }
}

enum DistinctAggregates {
  static let all = [countDistinct]

  static let countDistinct = AggregateFunction(
    "COUNT_DISTINCT",
    doc:
      "How many different values that are not NULL: exact while they are few, then an estimate "
      + "with "
      + "an error of about 2 %.",
    overloads: [
      AggregateOverload(Signature([.T], .bigint), canUndo: false) { (_) throws(FunctionError) in
        Aggregation<DistinctSketch>(
          initial: DistinctSketch(),
          add: { (state, values, _) throws(FunctionError) in
            if !values[0].isNull { state.add(hash: DistinctSketch.hash(values[0])) }
          },
          merge: { (state, other) throws(FunctionError) in state.merge(other) },
          result: { (state) throws(FunctionError) in .bigint(state.count) },
          save: { $0.saved }, load: { DistinctSketch($0) })
      }.distinct(.makesNoDifference)
    ])
}
