// Which partition a key belongs to: Kafka's default partitioner, bit for bit, so that a key lies in
// the same partition as when one of Kafka's own clients had produced it. Must never change.
// Source: Kafka's Utils.murmur2 (seed 0x9747b28c) and BuiltInPartitioner.

/// Kafka's placement of keys.
public enum Partitioner {
  /// The partition of a record.
  /// - Parameter inputPartition: where a record without key comes from; taken modulo the target's
  ///   count.
  public static func partition(
    key: UnsafeRawBufferPointer?, inputPartition: Int, partitionCount: Int
  ) -> Int {
    guard let key else { return inputPartition % partitionCount }
    // 32 bits: division of 64 takes several times as long.
    let hash = UInt32(bitPattern: murmur2(key) & 0x7FFF_FFFF)
    return Int(hash % UInt32(truncatingIfNeeded: partitionCount))
  }

  public static func partition(key: [UInt8], partitionCount: Int) -> Int {
    key.withUnsafeBytes { partition(key: $0, inputPartition: 0, partitionCount: partitionCount) }
  }

  /// The 32-bit MurmurHash 2 of `key`.
  public static func murmur2(_ key: UnsafeRawBufferPointer) -> Int32 {
    let m: UInt32 = 0x5bd1_e995
    let length = key.count
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: length)
    var at = 0
    while at + 4 <= length {
      var word = UInt32(littleEndian: key.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      word = word &* m
      word ^= word >> 24
      word = word &* m
      hash = (hash &* m) ^ word
      at += 4
    }
    let rest = length - at
    if rest >= 3 { hash ^= UInt32(key[at + 2]) << 16 }
    if rest >= 2 { hash ^= UInt32(key[at + 1]) << 8 }
    if rest >= 1 {
      hash ^= UInt32(key[at])
      hash = hash &* m
    }
    hash ^= hash >> 13
    hash = hash &* m
    hash ^= hash >> 15
    return Int32(bitPattern: hash)
  }
}
