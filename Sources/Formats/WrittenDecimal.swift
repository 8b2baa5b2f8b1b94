// Decimals as Avro, Protobuf and Connect write them: the unscaled number in two's complement, most
// significant byte first.

internal import HeadraceColumns
import HeadraceFoundations

/// The DECIMAL that a written one is read as: unrounded, or not at all.
struct WrittenDecimal {
  let precision: Int
  let scale: Int
  /// The first magnitude that the column cannot hold; of up to 38 digits.
  let bound: UInt128

  init(_ plan: TypePlan) {
    precision = plan.precision
    scale = plan.scale
    bound = plan.bound
  }

  /// `writtenScale`: digits after the point of what was written; at most 10,000 either way.
  func value(
    _ bytes: UnsafeBufferPointer<UInt8>, writtenScale: Int
  ) throws(BadInput) -> Scalar {
    guard bytes.count > 0 else { throw BadInput("a decimal of no bytes") }
    if bytes.count <= 16, precision <= 38, writtenScale == scale {
      var value = Int128(truncatingIfNeeded: bytes[0] & 0x80 == 0 ? 0 : -1)
      for byte in bytes { value = value << 8 | Int128(byte) }
      guard value.magnitude < bound else { throw tooLarge }
      return .decimal(value)
    }
    // Repetitions of the sign say nothing, and a number with more bytes than that cannot fit.
    let sign: UInt8 = bytes[0] & 0x80 == 0 ? 0 : 0xFF
    var first = 0
    while first < bytes.count - 1, bytes[first] == sign, bytes[first + 1] & 0x80 == sign & 0x80 {
      first += 1
    }
    let short = UnsafeBufferPointer(rebasing: bytes[first...])
    let bytesMax = precision * 10 / 24 + 2 + max(0, writtenScale - scale) * 10 / 24
    guard short.count <= bytesMax,
      let fitted = Decimal(twosComplement: short, scale: writtenScale).fitted(
        precision: precision, scale: scale, rounding: .unnecessary)
    else { throw tooLarge }
    return .wide(fitted)
  }

  private var tooLarge: BadInput {
    BadInput("a decimal does not fit DECIMAL(\(precision), \(scale))")
  }
}
