// COUNT_DISTINCT: exact up to 256 values, then an estimate.
// Source: Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation
// algorithm", with linear counting for the small range; 4096 registers give an error of about 1.6
// %.

import HeadraceColumns
import HeadraceFoundations
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
    let (register, rank) = Self.place(hash)
    raise(register, to: rank)
  }

  /// The register that a hash counts for, and its rank there.
  static func place(_ hash: UInt64) -> (register: Int, rank: UInt8) {
    let rest = hash << indexBits | 1 << (indexBits - 1)
    return (Int(hash >> (64 - indexBits)), UInt8(rest.leadingZeroBitCount + 1))
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
    registers.isEmpty ? Int64(hashes.count) : Self.estimate(frequencies)
  }

  /// `frequencies`: how many registers have each rank.
  static func estimate(_ frequencies: [Int]) -> Int64 {
    let size = Double(1 << Int(indexBits))
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
      // In order: equal states have equal bytes, whatever the process hashes by.
      for hash in hashes.sorted() { withUnsafeBytes(of: hash) { bytes.append(contentsOf: $0) } }
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

  /// FNV-1a over the bytes of the value's canonical form, then SplitMix64's finalizer so that every
  /// bit counts.
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

/// The sketch of values that may also be taken out: how many of them have each hash, and, while
/// they are more than can be counted, how many give each register each rank. Its count is what
/// `DistinctSketch` says of the values that are there.
struct CountedSketch: Sendable {
  private var hashes: [UInt64: Int32] = [:]
  /// By register and rank; these three are empty while the hashes are few.
  private var ranks: [UInt32: Int32] = [:]
  private var registers: [UInt8] = []
  private var frequencies: [Int] = []

  mutating func add(_ value: Value) {
    let hash = DistinctSketch.hash(value)
    hashes[hash, default: 0] += 1
    guard hashes[hash] == 1 else { return }
    if !registers.isEmpty { return mark(hash) }
    guard hashes.count > DistinctSketch.exactLimit else { return }
    registers = Array(repeating: 0, count: 1 << Int(DistinctSketch.indexBits))
    frequencies = [registers.count] + Array(repeating: 0, count: 64)
    for known in hashes.keys { mark(known) }
  }

  private mutating func mark(_ hash: UInt64) {
    let (register, rank) = DistinctSketch.place(hash)
    ranks[UInt32(register) << 8 | UInt32(rank), default: 0] += 1
    if rank > registers[register] { set(register, rank) }
  }

  mutating func remove(_ value: Value) {
    let hash = DistinctSketch.hash(value)
    guard let count = hashes[hash] else { return }
    hashes[hash] = count == 1 ? nil : count - 1
    guard count == 1, !registers.isEmpty else { return }
    let (register, rank) = DistinctSketch.place(hash)
    let key = UInt32(register) << 8 | UInt32(rank)
    let left = (ranks[key] ?? 1) - 1
    ranks[key] = left == 0 ? nil : left
    guard left == 0, rank == registers[register] else { return }
    var next = rank
    while next > 0, ranks[UInt32(register) << 8 | UInt32(next)] == nil { next -= 1 }
    set(register, next)
  }

  private mutating func set(_ register: Int, _ rank: UInt8) {
    frequencies[Int(registers[register])] -= 1
    frequencies[Int(rank)] += 1
    registers[register] = rank
  }

  var count: Int64 {
    hashes.count <= DistinctSketch.exactLimit
      ? Int64(hashes.count) : DistinctSketch.estimate(frequencies)
  }
}

enum DistinctAggregates {
  static let all = [
    counting("COUNT_DISTINCT", ""),
    counting("APPROX_COUNT_DISTINCT", "The same as COUNT_DISTINCT. "),
  ]

  private static func counting(_ name: String, _ doc: String) -> AggregateFunction {
    AggregateFunction(
      name,
      doc: doc
        + "How many different values that are not NULL: exact while they are few, then an estimate "
        + "with an error of about 2 %.",
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
        }.decided { _ in .distinctCount }.distinct(.makesNoDifference)
      ])
  }
}
