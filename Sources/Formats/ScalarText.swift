// Values out of plain text: the numeric strings that JSON accepts, and the fields of DELIMITED.
// Follows Java's parsers (Integer.parseInt, Double.parseDouble, BigDecimal); nil means: not such a
// text.

internal import HeadraceColumns
import HeadraceFoundations

enum ScalarText {
  typealias Text = UnsafeBufferPointer<UInt8>

  /// A value of any type but STRING and BYTES; nil when the text is no such value.
  static func value(_ text: Text, _ plan: TypePlan) -> Scalar? {
    switch plan.kind {
    case .bigint, .int: return integer(text).flatMap { ranged($0, plan.kind) }
    case .timestamp, .date, .time:
      return (integer(text) ?? plan.times?.read(text, plan.type)).flatMap { ranged($0, plan.kind) }
    case .double: return double(text).map { .double($0) }
    case .boolean: return boolean(text).map { .boolean($0) }
    case .decimal, .built: return NumberText(text).flatMap { decimal($0, plan) }
    case .string, .base64, .checkedInteger, .checkedInt, .checkedString, .unknown, .end: return nil
    }
  }

  /// An integer as a value of a type that integers stand for; nil where the type does not reach so
  /// far.
  static func ranged(_ value: Int64, _ kind: ValueKind) -> Scalar? {
    switch kind {
    case .int, .date: return Int32(exactly: value) == nil ? nil : .integer(value)
    case .time: return TimeOfDay.range.contains(value) ? .integer(value) : nil
    default: return .integer(value)
    }
  }

  static func decimal(_ number: NumberText, _ plan: TypePlan) -> Scalar? {
    if plan.kind == .decimal {
      return number.unscaled(scale: plan.scale, bound: plan.bound).map { .decimal($0) }
    }
    return number.decimal(precision: plan.precision, scale: plan.scale).map { .wide($0) }
  }

  private static func integer(_ text: Text) -> Int64? {
    guard let number = NumberText(text), number.isPlainInteger else { return nil }
    return number.int64
  }

  private static func double(_ text: Text) -> Double? {
    if let number = NumberText(text) { return number.double }
    // Rare, so that comparing strings does no harm.
    switch String(decoding: text, as: UTF8.self) {
    case "NaN": return .nan
    case "Infinity", "+Infinity": return .infinity
    case "-Infinity": return -.infinity
    default: return nil
    }
  }

  private static func boolean(_ text: Text) -> Bool? {
    if isWord("true", text) { return true }
    return isWord("false", text) ? false : nil
  }

  private static func isWord(_ word: StaticString, _ text: Text) -> Bool {
    guard text.count == word.utf8CodeUnitCount else { return false }
    for index in 0..<text.count where text[index] | 0x20 != word.utf8Start[index] { return false }
    return true
  }

  /// Appends the bytes that base64 text stands for; nil when it is none. Missing padding is fine.
  static func appendBase64(_ text: Text, to arena: ByteBuffer) -> Scalar? {
    let start = arena.count
    var rest = text
    while rest.count > 0, text.count - rest.count < 2, rest[rest.count - 1] == 0x3D {
      rest = Text(rebasing: rest.dropLast())
    }
    if rest.count % 4 == 1 { return nil }
    arena.reserve(rest.count)
    var bits: UInt32 = 0
    var count = 0
    for byte in rest {
      let symbol: UInt8
      switch byte {
      case 0x41...0x5A: symbol = byte - 0x41
      case 0x61...0x7A: symbol = byte - 0x61 + 26
      case 0x30...0x39: symbol = byte - 0x30 + 52
      case 0x2B: symbol = 62
      case 0x2F: symbol = 63
      default:
        arena.count = start
        return nil
      }
      bits = bits << 6 | UInt32(symbol)
      count += 6
      if count >= 8 {
        count -= 8
        arena.base[arena.count] = UInt8(truncatingIfNeeded: bits >> UInt32(count))
        arena.count += 1
      }
    }
    return .spilled(start: start, length: arena.count - start)
  }
}
