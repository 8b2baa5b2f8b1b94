// Unscaled numbers as bytes: two's complement, most significant byte first, as java.math.BigInteger
// writes itself and Avro, Protobuf and Connect keep decimals.

internal import BigInt
import HeadraceFoundations

extension Decimal {
  /// `bytes`: at least one; as many as there are.
  public init(twosComplement bytes: UnsafeBufferPointer<UInt8>, scale: Int) {
    let isNegative = (bytes.first ?? 0) & 0x80 != 0
    let flip: UInt8 = isNegative ? 0xFF : 0
    var words: [UInt] = []
    var end = bytes.count
    while end > 0 {
      var word: UInt = 0
      for byte in bytes[max(0, end - 8)..<end] { word = word << 8 | UInt(byte ^ flip) }
      words.append(word)
      end -= 8
    }
    let magnitude = BigInt(BigUInt(words: words))
    // Of a negative number all bits are turned over: -n - 1.
    self.init(unscaled: isNegative ? -magnitude - 1 : magnitude, scale: scale)
  }

  /// The fewest bytes that hold the unscaled number.
  public var twosComplement: [UInt8] {
    let isNegative = unscaled.sign == .minus && !unscaled.isZero
    let magnitude = isNegative ? (unscaled.magnitude - 1) : unscaled.magnitude
    let flip: UInt8 = isNegative ? 0xFF : 0
    var bytes: [UInt8] = []
    for word in magnitude.words {
      for shift in stride(from: 0, to: UInt.bitWidth, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt(shift)) ^ flip)
      }
    }
    // The sign must stay in the topmost bit.
    while bytes.count > 1, bytes[bytes.count - 1] == flip,
      bytes[bytes.count - 2] & 0x80 == flip & 0x80
    {
      bytes.removeLast()
    }
    if bytes.isEmpty { bytes = [flip] }
    if bytes[bytes.count - 1] & 0x80 != flip & 0x80 { bytes.append(flip) }
    return bytes.reversed()
  }

  /// For a DECIMAL of at most 38 digits.
  public var unscaled128: Int128 { lowBits(unscaled) }
}
