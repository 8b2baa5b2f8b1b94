// The encoding of messages without their schema: tags, what may be skipped, and the messages that
// mean one value.
//
// Source: the Protobuf encoding guide; google/protobuf/timestamp.proto, google/type/date.proto,
// google/type/timeofday.proto, confluent/type/decimal.proto.
// Invariant: as in `Varint`, up to 10 bytes behind the end of a record may be loaded.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

enum ProtobufText {
  typealias Bytes = UnsafePointer<UInt8>
  private static let groupDepthMax = 100

  static var truncated: BadInput { BadInput("the record ends inside a value") }

  static func badVarint(_ p: Bytes, _ end: Bytes) -> BadInput {
    end - p >= Varint.bytesMax ? BadInput("a number is no integer of 64 bits") : truncated
  }

  @inline(__always)
  static func tag(
    _ p: Bytes, _ end: Bytes, _ number: inout Int, _ wire: inout Int
  ) throws(BadInput) -> Bytes {
    var bits: UInt64 = 0
    guard let q = Varint.read(p, &bits), q <= end else { throw badVarint(p, end) }
    guard bits <= UInt64(UInt32.max), bits >= 8 else {
      throw BadInput("\(bits >> 3) is no number of a field")
    }
    number = Int(bits >> 3)
    wire = Int(bits & 7)
    return q
  }

  /// `p`: behind the tag. Returns the place behind the value.
  static func skip(
    _ wire: Int, _ p: Bytes, _ end: Bytes, _ number: Int = 0
  ) throws(BadInput) -> Bytes {
    switch wire {
    case 0:
      var bits: UInt64 = 0
      guard let q = Varint.read(p, &bits), q <= end else { throw badVarint(p, end) }
      return q
    case 1:
      guard end - p >= 8 else { throw truncated }
      return p + 8
    case 2:
      var count: UInt64 = 0
      guard let q = Varint.read(p, &count), q <= end else { throw badVarint(p, end) }
      guard count <= UInt64(end - q) else {
        throw BadInput("a length of \(count) where \(end - q) bytes are left")
      }
      return q + Int(count)
    case 3: return try group(p, end, number)
    case 5:
      guard end - p >= 4 else { throw truncated }
      return p + 4
    case 4: throw BadInput("a group ends that did not begin")
    default: throw BadInput("there is no wire type \(wire)")
    }
  }

  /// Groups may lie in each other.
  private static func group(_ start: Bytes, _ end: Bytes, _ number: Int) throws(BadInput) -> Bytes {
    var open = [number]
    var p = start
    while let inner = open.last {
      guard p < end else { throw BadInput("the record ends inside a group") }
      var number = 0
      var wire = 0
      p = try tag(p, end, &number, &wire)
      switch wire {
      case 3:
        guard open.count < groupDepthMax else { throw BadInput("nested too deep") }
        open.append(number)
      case 4:
        guard number == inner else {
          throw BadInput("group \(inner) ends as group \(number)")
        }
        open.removeLast()
      default: p = try skip(wire, p, end)
      }
    }
    return p
  }

  // MARK: - Which message of a schema

  private static let pathMax = 100

  /// The places that stand between the id of a schema and the message: their count and each in
  /// zigzag; a count of 0 is the first message. Moves `p` behind them.
  static func path(_ p: inout Bytes, _ end: Bytes) throws(BadInput) -> [Int] {
    var path: [Int] = []
    var left: Int64 = -1
    while left != 0 {
      var bits: UInt64 = 0
      guard let q = Varint.read(p, &bits), q <= end else { throw badVarint(p, end) }
      p = q
      let value = Varint.signed(bits)
      if left < 0 {
        guard value >= 0, value <= Int64(pathMax) else {
          throw BadInput("the place of a message in its schema has \(value) steps")
        }
        if value == 0 { return [0] }
        left = value
      } else {
        guard let place = Int32(exactly: value), place >= 0 else {
          throw BadInput("\(value) is no place of a message")
        }
        path.append(Int(place))
        left -= 1
      }
    }
    return path
  }

  static func append(_ path: [Int], to bytes: inout [UInt8]) {
    if path == [0] { return bytes.append(0) }
    Varint.append(Int64(path.count), to: &bytes)
    for place in path { Varint.append(Int64(place), to: &bytes) }
  }

  // MARK: - Messages that mean one value

  /// Calls `body` with the number of each field that is a varint, and what it holds.
  private static func numbers(
    _ start: Bytes, _ end: Bytes, _ body: (Int, UInt64) -> Void
  ) throws(BadInput) {
    var p = start
    while p < end {
      var number = 0
      var wire = 0
      p = try tag(p, end, &number, &wire)
      if wire == 0 {
        var bits: UInt64 = 0
        _ = Varint.read(p, &bits)
        let behind = try skip(wire, p, end)
        body(number, bits)
        p = behind
      } else {
        p = try skip(wire, p, end, number)
      }
    }
  }

  /// Milliseconds since the epoch.
  static func timestamp(_ p: Bytes, _ end: Bytes) throws(BadInput) -> Int64 {
    var seconds: Int64 = 0
    var nanos: Int32 = 0
    try numbers(p, end) { number, bits in
      if number == 1 { seconds = Int64(bitPattern: bits) }
      if number == 2 { nanos = Int32(truncatingIfNeeded: bits) }
    }
    guard nanos >= 0, nanos < 1_000_000_000,
      let ms = Int64(exactly: Int128(seconds) * 1000 + Int128(nanos / 1_000_000))
    else { throw BadInput("\(seconds) seconds and \(nanos) nanoseconds are no timestamp") }
    return ms
  }

  /// Days since 1970-01-01.
  static func date(_ p: Bytes, _ end: Bytes) throws(BadInput) -> Int64 {
    var (year, month, day): (Int32, Int32, Int32) = (0, 0, 0)
    try numbers(p, end) { number, bits in
      let value = Int32(truncatingIfNeeded: bits)
      if number == 1 { year = value }
      if number == 2 { month = value }
      if number == 3 { day = value }
    }
    guard (1...12).contains(month), day >= 1,
      Int64(day) <= daysInMonth(year: Int64(year), month: Int64(month)),
      case let result = days(year: Int64(year), month: Int64(month), day: Int64(day)),
      Int32(exactly: result) != nil
    else { throw BadInput("\(year)-\(month)-\(day) is no date") }
    return result
  }

  /// Milliseconds of the day.
  static func timeOfDay(_ p: Bytes, _ end: Bytes) throws(BadInput) -> Int64 {
    var (hours, minutes, seconds, nanos): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    try numbers(p, end) { number, bits in
      let value = Int32(truncatingIfNeeded: bits)
      if number == 1 { hours = value }
      if number == 2 { minutes = value }
      if number == 3 { seconds = value }
      if number == 4 { nanos = value }
    }
    guard (0...23).contains(hours), (0...59).contains(minutes), (0...59).contains(seconds),
      (0...999_999_999).contains(nanos)
    else { throw BadInput("\(hours):\(minutes):\(seconds) and \(nanos) ns is no time of a day") }
    return ((Int64(hours) * 60 + Int64(minutes)) * 60 + Int64(seconds)) * 1000
      + Int64(nanos / 1_000_000)
  }

  private static let scaleMax: Int32 = 10_000

  static func decimal(
    _ start: Bytes, _ end: Bytes
  ) throws(BadInput) -> (bytes: UnsafeBufferPointer<UInt8>, scale: Int) {
    var bytes = UnsafeBufferPointer<UInt8>(start: start, count: 0)
    var scale: Int32 = 0
    var p = start
    while p < end {
      var number = 0
      var wire = 0
      p = try tag(p, end, &number, &wire)
      let behind = try skip(wire, p, end, number)
      if number == 1, wire == 2 {
        var count: UInt64 = 0
        let q = Varint.read(p, &count) ?? p
        bytes = UnsafeBufferPointer(start: q, count: behind - q)
      } else if number == 3, wire == 0 {
        var bits: UInt64 = 0
        _ = Varint.read(p, &bits)
        scale = Int32(truncatingIfNeeded: bits)
      }
      p = behind
    }
    guard scale.magnitude <= scaleMax.magnitude else {
      throw BadInput("a decimal with a scale of \(scale)")
    }
    return (bytes, Int(scale))
  }
}
