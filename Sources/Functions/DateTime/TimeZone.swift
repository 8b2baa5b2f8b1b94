// Time zones: fixed offsets, and regions read from the system's tz database.
// Source: RFC 8536 (TZif), with the POSIX TZ string of its footer for times after the last
// transition.

import HeadraceFoundations
import Glibc

public struct TimeZone: Sendable {
  /// One kind of local time in a region.
  struct LocalType: Sendable {
    /// Seconds east of UTC.
    var offset: Int64
    var isDaylight: Bool
    /// `PDT`.
    var abbreviation: String
  }

  public let name: String
  /// Seconds since the epoch from which `types[transitionTypes[i]]` holds, ascending.
  private var transitions: [Int64] = []
  private var transitionTypes: [Int] = []
  private var types: [LocalType]
  private var rule: ZoneRule?

  public static let utc = TimeZone(name: "UTC", offset: 0, abbreviation: "UTC")
  static let gmt = TimeZone(name: "GMT", offset: 0, abbreviation: "GMT")

  init(name: String, offset: Int64, abbreviation: String) {
    self.name = name
    types = [LocalType(offset: offset, isDaylight: false, abbreviation: abbreviation)]
  }

  var isFixed: Bool { transitions.isEmpty && rule == nil }

  private static let cache = SharedCache<String, TimeZone>(capacity: 1024)

  /// A region (`Europe/Paris`), an offset (`+02:00`) or `UTC`, `GMT`, `UT` with or without an
  /// offset.
  public static func named(_ name: String) throws(FunctionError) -> TimeZone {
    try cache.value(for: name) { (name) throws(FunctionError) in
      if let zone = fixed(name) { return zone }
      guard let zone = TimeZone(region: name) else {
        throw FunctionError("Unknown time-zone ID: \(name)")
      }
      return zone
    }
  }

  private static func fixed(_ name: String) -> TimeZone? {
    if name == "Z" || name == "UTC" || name == "UT" { return TimeZone.utc }
    if name == "GMT" { return TimeZone.gmt }
    var rest = name[...]
    for prefix in ["UTC", "GMT", "UT"] where rest.hasPrefix(prefix) {
      rest = rest.dropFirst(prefix.count)
      break
    }
    guard let sign = rest.first, sign == "+" || sign == "-" else { return nil }
    let parts = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    var numbers: [Int64] = []
    if parts.count == 1, rest.count > 3 {
      let digits = Array(rest.dropFirst())
      guard digits.count % 2 == 0 else { return nil }
      for index in stride(from: 0, to: digits.count, by: 2) {
        guard let number = Int64(String(digits[index...index + 1])) else { return nil }
        numbers.append(number)
      }
    } else {
      for part in parts {
        guard let number = Int64(part), part.count <= 2, number >= 0 else { return nil }
        numbers.append(number)
      }
    }
    guard (1...3).contains(numbers.count), numbers[0] <= 18,
      numbers.dropFirst().allSatisfy({ $0 < 60 })
    else { return nil }
    let total =
      numbers[0] * 3600 + (numbers.count > 1 ? numbers[1] * 60 : 0)
      + (numbers.count > 2 ? numbers[2] : 0)
    return TimeZone(
      name: name, offset: sign == "-" ? -total : total, abbreviation: name)
  }

  private init?(region name: String) {
    let isSafe = name.utf8.allSatisfy { byte in
      let scalar = Unicode.Scalar(byte)
      return scalar.properties.isAlphabetic || (0x30...0x39).contains(byte)
        || "/_+-".unicodeScalars.contains(scalar)
    }
    guard isSafe, !name.isEmpty, !name.hasPrefix("/"), name.utf8.count < 100,
      let bytes = Self.contents("/usr/share/zoneinfo/" + name)
    else { return nil }
    self.init(name: name, offset: 0, abbreviation: name)
    guard read(bytes) else { return nil }
  }

  private static func contents(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 17)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
  }

  /// The second, 64-bit part of a TZif file.
  private mutating func read(_ bytes: [UInt8]) -> Bool {
    guard let first = TZifHeader(bytes, at: 0), first.version >= 2,
      let header = TZifHeader(bytes, at: 44 + first.bodySize(timeSize: 4))
    else { return false }
    var position = header.body
    guard position + header.bodySize(timeSize: 8) <= bytes.count else { return false }
    func integer(_ size: Int, at start: Int) -> Int64 {
      let raw = bytes[start..<start + size].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let shift = UInt64(64 - size * 8)
      return Int64(bitPattern: raw << shift) >> Int64(shift)
    }
    for index in 0..<header.times {
      transitions.append(integer(8, at: position + index * 8))
    }
    position += header.times * 8
    transitionTypes = bytes[position..<position + header.times].map { Int($0) }
    position += header.times
    let names = bytes[(position + header.types * 6)...].prefix(header.characters)
    types = (0..<header.types).map { index in
      let start = position + index * 6
      let name = names.dropFirst(Int(bytes[start + 5])).prefix { $0 != 0 }
      return LocalType(
        offset: integer(4, at: start), isDaylight: bytes[start + 4] != 0,
        abbreviation: String(decoding: name, as: UTF8.self))
    }
    guard !types.isEmpty, transitionTypes.allSatisfy({ types.indices.contains($0) }) else {
      return false
    }
    let footer = bytes[(header.body + header.bodySize(timeSize: 8))...].dropFirst()
    rule = ZoneRule(String(decoding: footer.prefix { $0 != 0x0A }, as: UTF8.self))
    return true
  }

  /// The local time that holds at an instant; seconds since the epoch.
  func localType(at instant: Int64) -> LocalType {
    if let last = transitions.last, instant >= last, let rule { return rule.localType(at: instant) }
    if transitions.isEmpty { return rule?.localType(at: instant) ?? types[0] }
    guard instant >= transitions[0] else {
      return types.first { !$0.isDaylight } ?? types[0]
    }
    var low = 0
    var high = transitions.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if transitions[middle] <= instant { low = middle } else { high = middle }
    }
    return types[transitionTypes[low]]
  }

  /// Milliseconds since the epoch of a wall-clock time given as if it were UTC. In a gap the time
  /// moves on by the gap's length; of two candidates the earlier one is taken.
  /// Throws: there is no such instant in 64 bits.
  public func instant(local milliseconds: Int64) throws(FunctionError) -> Int64 {
    if isFixed { return try moved(milliseconds, bySeconds: -types[0].offset) }
    let seconds = floorDivide(milliseconds, 1000)
    let before = localType(at: seconds - 86_400).offset
    let after = localType(at: seconds + 86_400).offset
    let isBefore = localType(at: seconds - before).offset == before
    let isAfter = localType(at: seconds - after).offset == after
    return try moved(milliseconds, bySeconds: -(isBefore || !isAfter ? before : after))
  }

  /// The wall-clock time of an instant, as if it were UTC.
  /// Throws: it does not fit into 64 bits.
  public func local(instant milliseconds: Int64) throws(FunctionError) -> Int64 {
    try moved(milliseconds, bySeconds: localType(at: floorDivide(milliseconds, 1000)).offset)
  }

  func moved(_ milliseconds: Int64, bySeconds seconds: Int64) throws(FunctionError) -> Int64 {
    let (sum, overflow) = milliseconds.addingReportingOverflow(seconds * 1000)
    if overflow { throw FunctionError("the time in \(name) is beyond the range of TIMESTAMP") }
    return sum
  }
}

/// The counts at the head of each part of a TZif file.
private struct TZifHeader {
  var version: Int
  var isUTC: Int
  var isStandard: Int
  var leaps: Int
  var times: Int
  var types: Int
  var characters: Int
  var body: Int

  init?(_ bytes: [UInt8], at start: Int) {
    guard bytes.count >= start + 44, bytes[start..<start + 4].elementsEqual("TZif".utf8) else {
      return nil
    }
    version = bytes[start + 4] == 0 ? 1 : Int(bytes[start + 4]) - 0x30
    let counts = (0..<6).map { index in
      bytes[(start + 20 + index * 4)..<(start + 24 + index * 4)].reduce(0) { $0 << 8 | Int($1) }
    }
    (isUTC, isStandard, leaps) = (counts[0], counts[1], counts[2])
    (times, types, characters) = (counts[3], counts[4], counts[5])
    body = start + 44
    guard counts.allSatisfy({ $0 <= 1 << 20 }) else { return nil }
  }

  func bodySize(timeSize: Int) -> Int {
    times * (timeSize + 1) + types * 6 + characters + leaps * (timeSize + 4) + isStandard + isUTC
  }
}
