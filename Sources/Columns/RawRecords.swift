// Records as bytes: what the log hands to a format's decoder, and what an encoder hands to the log.
// One buffer holds all bytes of a batch; keys and values are ranges in it. No record is an object.

import Glibc
import HeadraceFoundations

/// Bytes that live until the last holder lets go; always followed by `padding` readable bytes,
/// so that decoders may load 16 bytes at a time without a tail loop.
public final class ByteBuffer: @unchecked Sendable {
  // Unchecked: written only by the one holder that fills it, before it is shared.
  public static let padding = 64
  /// Larger ones grow by a quarter, so that no more than that is there without need.
  private static let doubledBytes = 32 << 20

  // Exclusivity unchecked: writers touch these for every value, and no closure runs meanwhile.
  @exclusivity(unchecked) public private(set) var base: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) public private(set) var capacity: Int
  /// Bytes in use; never more than `capacity`.
  @exclusivity(unchecked) public var count: Int = 0

  public init(capacity: Int) {
    self.capacity = capacity
    base = Self.resize(nil, capacity + Self.padding)
    (base + capacity).initialize(repeating: 0, count: Self.padding)
  }

  public convenience init(_ bytes: some Collection<UInt8>) {
    self.init(capacity: bytes.count)
    append(bytes)
  }

  deinit { free(base) }

  private static func resize(
    _ block: UnsafeMutablePointer<UInt8>?, _ bytes: Int
  ) -> UnsafeMutablePointer<UInt8> {
    LargeMemory.resize(block, bytes).assumingMemoryBound(to: UInt8.self)
  }

  /// Makes room for `extra` more bytes; may move `base`.
  public func reserve(_ extra: Int) {
    guard count + extra > capacity else { return }
    let more = capacity < Self.doubledBytes ? capacity : capacity / 4
    let grown = max(count + extra, capacity + more, 256)
    base = Self.resize(base, grown + Self.padding)
    (base + grown).initialize(repeating: 0, count: Self.padding)
    capacity = grown
  }

  /// Empties the buffer and gives back what it has beyond `bytes`.
  public func shrink(to bytes: Int) {
    count = 0
    guard capacity > bytes else { return }
    base = Self.resize(base, bytes + Self.padding)
    (base + bytes).initialize(repeating: 0, count: Self.padding)
    capacity = bytes
  }

  public func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    UnsafeMutableRawPointer(base + count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  public func append(_ bytes: some Collection<UInt8>) {
    reserve(bytes.count)
    for byte in bytes {
      base[count] = byte
      count += 1
    }
  }

  public func array() -> [UInt8] { Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// Some consecutive records of one partition.
/// Shape: all arrays have `count` elements, but `headers`, which is empty when no record has any.
/// Order: by offset. Invariant: every range lies inside `buffer`.
public struct RawRecords: Sendable {
  public var buffer: ByteBuffer
  /// Start of the key in `buffer`; meaningless where `keyLength` is -1.
  public var keyStart: [Int32] = []
  /// Bytes of the key; -1 means a null key.
  public var keyLength: [Int32] = []
  public var valueStart: [Int32] = []
  /// Bytes of the value; -1 means a null value (a tombstone).
  public var valueLength: [Int32] = []
  /// Milliseconds since the epoch, UTC.
  public var timestamps: [Int64] = []
  public var offsets: [Int64] = []
  /// The log's append sequence number of each record: a total order over all topics (arrival
  /// order).
  public var sequences: [Int64] = []
  /// Per record, in order; empty when no record has headers.
  public var headers: [[RecordHeader]] = []

  public init(buffer: ByteBuffer) { self.buffer = buffer }

  public var count: Int { valueLength.count }

  /// Keeps the room for as many; the buffer must have no other holder.
  public mutating func removeAll() {
    buffer.count = 0
    keyStart.removeAll(keepingCapacity: true)
    keyLength.removeAll(keepingCapacity: true)
    valueStart.removeAll(keepingCapacity: true)
    valueLength.removeAll(keepingCapacity: true)
    timestamps.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    sequences.removeAll(keepingCapacity: true)
    headers.removeAll(keepingCapacity: true)
  }

  public func key(_ index: Int) -> UnsafeRawBufferPointer? {
    guard keyLength[index] >= 0 else { return nil }
    return UnsafeRawBufferPointer(
      start: buffer.base + Int(keyStart[index]), count: Int(keyLength[index]))
  }

  public func value(_ index: Int) -> UnsafeRawBufferPointer? {
    guard valueLength[index] >= 0 else { return nil }
    return UnsafeRawBufferPointer(
      start: buffer.base + Int(valueStart[index]), count: Int(valueLength[index]))
  }

  /// Appends one record, copying its bytes. Not for hot loops: encoders fill the arrays themselves.
  public mutating func append(
    key: [UInt8]?, value: [UInt8]?, timestamp: Int64, headers: [RecordHeader] = []
  ) {
    let index = count
    if !headers.isEmpty && self.headers.isEmpty {
      self.headers = Array(repeating: [], count: index)
    }
    keyStart.append(Int32(buffer.count))
    keyLength.append(key.map { Int32($0.count) } ?? -1)
    if let key { buffer.append(key) }
    valueStart.append(Int32(buffer.count))
    valueLength.append(value.map { Int32($0.count) } ?? -1)
    if let value { buffer.append(value) }
    timestamps.append(timestamp)
    if !self.headers.isEmpty || !headers.isEmpty { self.headers.append(headers) }
  }
}

extension RawRecords {
  /// Appends one record without headers, copying its bytes; a nil value is a tombstone.
  public mutating func append(
    key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64
  ) {
    keyStart.append(Int32(buffer.count))
    keyLength.append(Int32(key.count))
    buffer.append(key)
    valueStart.append(Int32(buffer.count))
    valueLength.append(value.map { Int32($0.count) } ?? -1)
    if let value { buffer.append(value) }
    timestamps.append(timestamp)
  }
}

extension RawRecords {
  // Two forms and no generic one, which other modules would call unspecialized, with a witness for
  // each number.

  /// The records of a range, with all that belongs to them; the bytes are shared.
  public func gather(_ rows: Range<Int>) -> RawRecords {
    var result = RawRecords(buffer: buffer)
    result.keyStart = Array(keyStart[rows])
    result.keyLength = Array(keyLength[rows])
    result.valueStart = Array(valueStart[rows])
    result.valueLength = Array(valueLength[rows])
    result.timestamps = Array(timestamps[rows])
    if !offsets.isEmpty { result.offsets = Array(offsets[rows]) }
    if !sequences.isEmpty { result.sequences = Array(sequences[rows]) }
    if !headers.isEmpty { result.headers = Array(headers[rows]) }
    return result
  }

  /// The records at these places, in this order.
  public func gather(_ rows: [Int]) -> RawRecords {
    var result = RawRecords(buffer: buffer)
    result.keyStart = rows.map { keyStart[$0] }
    result.keyLength = rows.map { keyLength[$0] }
    result.valueStart = rows.map { valueStart[$0] }
    result.valueLength = rows.map { valueLength[$0] }
    result.timestamps = rows.map { timestamps[$0] }
    if !offsets.isEmpty { result.offsets = rows.map { offsets[$0] } }
    if !sequences.isEmpty { result.sequences = rows.map { sequences[$0] } }
    if !headers.isEmpty { result.headers = rows.map { headers[$0] } }
    return result
  }
}

/// A header of a record, as Kafka has them; a null value is told from an empty one.
public struct RecordHeader: Hashable, Sendable {
  public var key: String
  public var value: [UInt8]?

  public init(key: String, value: [UInt8]?) {
    self.key = key
    self.value = value
  }
}
