// Raw records to Kafka v2 batches, in place:
//
// 1. Room for the largest possible form of a record is made, so that the loop never checks.
// 2. The body is written after a guess of how many bytes its length takes (one, two or three, from
//    the bytes of key and value); then the length is known and written into the gap. A wrong guess
//    moves the body by a byte or two, which is rare.
// 3. A batch closes at `recordsPerBatch` records or when its bytes pass `bytesPerBatch`; then its
//    header is written in front. The CRC of the records is kept for the committer (see
//    `EncodedBatches`).
//
// Sits on the producer's or worker's thread. Invariant: what it writes, `BatchWalker` reads back.

public import HeadraceColumns
import HeadraceFoundations
internal import Glibc

/// Turns records into batches.
public struct RecordBatchEncoder: Sendable {
  /// Records in a batch at most; 500-2000 amortise the header and still fit a read buffer.
  public var recordsPerBatch = 1000
  /// A batch closes after the record that passes this many bytes.
  public var bytesPerBatch = 256 << 10
  /// Largest key plus value plus headers that is taken.
  public var recordBytesMax = 16 << 20

  public init() {}

  /// Encodes all of `records`, in order.
  /// - Parameter sequence: append sequence of the first record, contiguous from there; nil lets the
  ///   store give the next free ones at commit.
  /// Throws: `tooLarge` for a record over the limit.
  public func encode(
    _ records: RawRecords, sequence: Int64? = nil
  ) throws(StorageError) -> EncodedBatches {
    let count = records.count
    try check(records)
    let bytes = ByteBuffer(capacity: estimate(records))
    var encoded = EncodedBatches(buffer: bytes)
    encoded.hasNullKeys = records.keyLength.contains { $0 < 0 }
    var first = 0
    while first < count {
      let batch = try encodeBatch(records, from: first, into: bytes)
      encoded.batches.append(batch)
      encoded.batches[encoded.batches.count - 1].sequence = sequence.map { $0 + Int64(first) }
      first += batch.recordCount
    }
    return encoded
  }

  /// Encodes a control batch of one record, as Kafka's transaction markers are; readers skip it.
  func encodeControl(key: [UInt8], value: [UInt8], timestamp: Int64) throws(StorageError)
    -> EncodedBatches
  {
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    records.append(key: key, value: value, timestamp: timestamp)
    let encoded = try encode(records)
    let header = UnsafeMutableRawPointer(encoded.buffer.base)
    header.putBig(RecordBatchFormat.controlBit | RecordBatchFormat.transactionalBit, at: 21)
    return encoded
  }

  private func check(_ records: RawRecords) throws(StorageError) {
    let count = records.count
    let sized =
      records.keyStart.count == count && records.keyLength.count == count
      && records.valueStart.count == count && records.timestamps.count == count
      && (records.headers.isEmpty || records.headers.count == count)
    guard sized else {
      throw StorageError(.invalidArgument, "the arrays of the records differ in length")
    }
  }

  /// What is wrong with a record that the encoding loop refused.
  private func firstFault(_ records: RawRecords) -> StorageError {
    for index in 0..<records.count {
      let length = max(0, Int(records.keyLength[index])) + max(0, Int(records.valueLength[index]))
      if length > recordBytesMax {
        return StorageError(
          .tooLarge, "record \(index)", expected: "at most \(recordBytesMax) bytes",
          found: "\(length)")
      }
    }
    return StorageError(.invalidArgument, "a record lies outside of its buffer")
  }

  /// Bytes to begin with. Small records hardly share a buffer with others; of large ones what they
  /// have is added up, as a buffer that grows is copied.
  private func estimate(_ records: RawRecords) -> Int {
    let count = records.count
    var content = records.buffer.count
    if content > count * 1024 {
      let known = records.keyLength.reduce(0) { $0 + max(0, Int($1)) }
      content = min(content, records.valueLength.reduce(known) { $0 + max(0, Int($1)) })
    }
    let batches = max(count / max(1, recordsPerBatch), content / max(1, bytesPerBatch)) + 1
    return content + count * 16 + batches * RecordBatchFormat.headerBytes + 4096
  }

  private func encodeBatch(
    _ records: RawRecords, from first: Int, into bytes: ByteBuffer
  ) throws(StorageError) -> EncodedBatches.Batch {
    let start = bytes.count
    bytes.reserve(RecordBatchFormat.headerBytes)
    bytes.count += RecordBatchFormat.headerBytes
    let end = min(records.count, first + max(1, recordsPerBatch))
    let baseTimestamp = records.timestamps[first]
    var maxTimestamp = baseTimestamp
    let next: Int
    if records.headers.isEmpty {
      next = encodePlain(
        records, first, end, limit: start + bytesPerBatch, bytes, &maxTimestamp)
      if next < 0 { throw firstFault(records) }
    } else {
      next = try encodeWithHeaders(
        records, first, end, limit: start + bytesPerBatch, bytes, &maxTimestamp)
    }
    let count = next - first
    let header = UnsafeMutableRawPointer(bytes.base + start)
    let total = bytes.count - start
    header.putBig(Int64(0), at: 0)
    header.putBig(Int32(total - RecordBatchFormat.lengthEnd), at: 8)
    header.putBig(Int32(0), at: 12)
    header.putBig(Int8(2), at: 16)
    header.putBig(UInt32(0), at: 17)
    header.putBig(UInt16(0), at: 21)
    header.putBig(Int32(count - 1), at: 23)
    header.putBig(baseTimestamp, at: 27)
    header.putBig(maxTimestamp, at: 35)
    // No producer id, epoch and base sequence: the record is not from an idempotent producer.
    header.putBig(Int64(-1), at: 43)
    header.putBig(Int16(-1), at: 51)
    header.putBig(Int32(-1), at: 53)
    header.putBig(Int32(count), at: 57)
    let recordsCRC = crc32c(
      UnsafeRawBufferPointer(
        start: header + RecordBatchFormat.headerBytes,
        count: total - RecordBatchFormat.headerBytes))
    return EncodedBatches.Batch(
      start: start, byteCount: total, recordCount: count, offsetSpan: count,
      maxTimestamp: maxTimestamp, recordsCRC: recordsCRC, sequence: nil)
  }

  /// Records without headers. Returns the first record that was left for the next batch, or -1 when
  /// a record is too large or lies outside of its buffer.
  private func encodePlain(
    _ records: RawRecords, _ first: Int, _ end: Int, limit: Int, _ bytes: ByteBuffer,
    _ maxTimestamp: inout Int64
  ) -> Int {
    let source = UnsafeRawPointer(records.buffer.base)
    let baseTimestamp = records.timestamps[first]
    var latest = baseTimestamp
    let available = records.buffer.count
    let lengthMax = recordBytesMax
    var isRefused = false
    var index = first
    var position = bytes.count
    var room = bytes.capacity
    var target = UnsafeMutableRawPointer(bytes.base)
    records.keyStart.withUnsafeBufferPointer { keyStart in
      records.keyLength.withUnsafeBufferPointer { keyLength in
        records.valueStart.withUnsafeBufferPointer { valueStart in
          records.valueLength.withUnsafeBufferPointer { valueLength in
            records.timestamps.withUnsafeBufferPointer { timestamps in
              while index < end && position < limit {
                let keyBytes = Int(keyLength[index]), valueBytes = Int(valueLength[index])
                // Not below zero; sums of checked lengths cannot overflow.
                let keySize = keyBytes & ~(keyBytes >> 63)
                let valueSize = valueBytes & ~(valueBytes >> 63)
                let content = keySize &+ valueSize
                let keyPlace = keySize == 0 ? 0 : Int(keyStart[index])
                let valuePlace = valueSize == 0 ? 0 : Int(valueStart[index])
                // As unsigned numbers negative places are beyond every limit.
                let isInside =
                  UInt(bitPattern: keyPlace) <= UInt(bitPattern: available &- keySize)
                  && UInt(bitPattern: valuePlace) <= UInt(bitPattern: available &- valueSize)
                guard
                  content <= lengthMax && keySize <= available && valueSize <= available
                    && isInside
                else {
                  isRefused = true
                  break
                }
                if position &+ content &+ 48 > room {
                  bytes.count = position
                  bytes.reserve(content &+ 48)
                  room = bytes.capacity
                  target = UnsafeMutableRawPointer(bytes.base)
                }
                let timestamp = timestamps[index]
                latest = max(latest, timestamp)
                let p = target + position
                let guess = RecordBatchEncoder.lengthGuess(content)
                var q = p + guess
                q.storeBytes(of: 0, as: UInt8.self)
                q = putVarint(q + 1, timestamp &- baseTimestamp)
                q = putVarint(q, Int64(index &- first))
                q = putField(q, source + keyPlace, keyBytes)
                q = putField(q, source + valuePlace, valueBytes)
                q.storeBytes(of: 0, as: UInt8.self)
                position &+= closeRecord(p, guess: guess, body: (q + 1) - (p + guess))
                index &+= 1
              }
            }
          }
        }
      }
    }
    bytes.count = position
    maxTimestamp = latest
    return isRefused ? -1 : index
  }

  /// Bytes that the length of a record takes, were its fixed parts 8 bytes.
  @inline(__always) static func lengthGuess(_ bytes: Int) -> Int {
    bytes < 56 ? 1 : bytes < 8184 ? 2 : 3
  }

  private func isInside(_ records: RawRecords, _ index: Int) -> Bool {
    let limit = records.buffer.count
    for (start, length) in [
      (records.keyStart[index], records.keyLength[index]),
      (records.valueStart[index], records.valueLength[index]),
    ] where length > 0 {
      guard start >= 0 && Int(start) + Int(length) <= limit else { return false }
    }
    return true
  }

  /// The general form; not hot.
  private func encodeWithHeaders(
    _ records: RawRecords, _ first: Int, _ end: Int, limit: Int, _ bytes: ByteBuffer,
    _ maxTimestamp: inout Int64
  ) throws(StorageError) -> Int {
    let body = ByteBuffer(capacity: 4096)
    var index = first
    while index < end && bytes.count < limit {
      guard isInside(records, index) else { throw firstFault(records) }
      let timestamp = records.timestamps[index]
      maxTimestamp = max(maxTimestamp, timestamp)
      body.count = 0
      body.put(UInt8(0))
      body.putZigzag(timestamp &- records.timestamps[first])
      body.putZigzag(Int64(index - first))
      body.putField(records.key(index))
      body.putField(records.value(index))
      body.putZigzag(Int64(records.headers[index].count))
      for header in records.headers[index] {
        Array(header.key.utf8).withRaw { body.putField($0) }
        if let value = header.value {
          value.withRaw { body.putField($0) }
        } else {
          body.putField(nil)
        }
      }
      guard body.count <= recordBytesMax + 64 else {
        throw StorageError(
          .tooLarge, "record \(index) with its headers",
          expected: "at most \(recordBytesMax) bytes", found: "\(body.count)")
      }
      bytes.putZigzag(Int64(body.count))
      bytes.append(UnsafeRawBufferPointer(start: body.base, count: body.count))
      index += 1
    }
    return index
  }
}

/// Writes the length in front of a body that was put `guess` bytes after `p`. Returns the whole
/// length.
@inline(__always)
private func closeRecord(_ p: UnsafeMutableRawPointer, guess: Int, body: Int) -> Int {
  if guess == 1 && body < 64 {
    p.storeBytes(of: UInt8(truncatingIfNeeded: body << 1), as: UInt8.self)
    return body + 1
  }
  if guess == 2 && body >= 64 && body < 8192 {
    let zigzag = UInt32(truncatingIfNeeded: body) << 1
    p.storeBytes(of: UInt8(truncatingIfNeeded: zigzag) | 0x80, as: UInt8.self)
    p.storeBytes(of: UInt8(truncatingIfNeeded: zigzag >> 7), toByteOffset: 1, as: UInt8.self)
    return body + 2
  }
  return closeUnusualRecord(p, guess, body)
}

@inline(never)
private func closeUnusualRecord(_ p: UnsafeMutableRawPointer, _ guess: Int, _ body: Int) -> Int {
  var scratch: (UInt64, UInt64) = (0, 0)
  return withUnsafeMutableBytes(of: &scratch) { bytes in
    guard let base = bytes.baseAddress else { return 0 }
    let width = putVarint(base, Int64(body)) - base
    if width != guess { memmove(p + width, p + guess, body) }
    p.copyMemory(from: base, byteCount: width)
    return body + width
  }
}

/// Zigzag varint; at most ten bytes. Returns the place after it.
@inline(__always)
private func putVarint(_ p: UnsafeMutableRawPointer, _ value: Int64) -> UnsafeMutableRawPointer {
  var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
  var q = p
  while rest >= 0x80 {
    q.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
    q += 1
    rest >>= 7
  }
  q.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
  return q + 1
}

@inline(__always)
private func putField(
  _ p: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ length: Int
) -> UnsafeMutableRawPointer {
  guard length > 0 else {
    // Zigzag: -1 (null) is 1, an empty field is 0.
    p.storeBytes(of: length < 0 ? 1 : 0, as: UInt8.self)
    return p + 1
  }
  let q = putVarint(p, Int64(length))
  if length <= 16 {
    // Sources are padded and targets have 48 bytes to spare: two words are cheaper than a call.
    let low = source.loadUnaligned(as: UInt64.self)
    let high = source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    q.storeBytes(of: low, as: UInt64.self)
    q.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
  } else {
    q.copyMemory(from: source, byteCount: length)
  }
  return q + length
}

extension ByteBuffer {
  func putZigzag(_ value: Int64) {
    reserve(10)
    let end = putVarint(UnsafeMutableRawPointer(base + count), value)
    count = end - UnsafeMutableRawPointer(base)
  }

  func putField(_ bytes: UnsafeRawBufferPointer?) {
    guard let bytes else { return putZigzag(-1) }
    putZigzag(Int64(bytes.count))
    append(bytes)
  }
}
