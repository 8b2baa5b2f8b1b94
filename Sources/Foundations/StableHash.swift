// A hash that is the same in every process and version, for what is derived from names and kept.

/// Source: FNV-1a, 64 bits.
public func stableHash(of text: String) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}
