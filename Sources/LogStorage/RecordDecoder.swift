// Checked batches to raw records: fills flat arrays, makes no object a record (headers apart).
//
// A record is a zigzag varint length and a body. The next record starts at body start + length,
// whatever the fields say, so the processor can go ahead; yet each field must end inside its record
// and the last must end exactly at its end, so a hostile length is found out where it stands. Fast
// forms are the one- and two-byte varints; longer ones go out of line.
// Bounds: the buffer has 64 readable bytes after its end, so a varint may be read before it is
// checked.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations
internal import Glibc

/// Where the decoder writes: one slot a record.
struct RecordColumns {
  var keyStart: UnsafeMutablePointer<Int32>
  var keyLength: UnsafeMutablePointer<Int32>
  var valueStart: UnsafeMutablePointer<Int32>
  var valueLength: UnsafeMutablePointer<Int32>
  var timestamps: UnsafeMutablePointer<Int64>
  var offsets: UnsafeMutablePointer<Int64>
  var sequences: UnsafeMutablePointer<Int64>
}

/// Headers found in one record.
struct FoundHeaders {
  var index: Int
  /// Place of the header count in the buffer.
  var start: Int
  var end: Int
}

/// Where the records of one batch lie in a buffer.
struct RecordSpan {
  var batch: CheckedBatch
  var start: Int
  var end: Int
}

enum RecordDecoder {
  /// Decodes `batches`, which were checked and lie in `buffer`, skipping control batches and
  /// records below `from`.
  /// Throws: `corruption` with `path` and `position` (of the buffer's first byte in the file).
  static func decode(
    _ buffer: ByteBuffer, _ batches: [CheckedBatch], from: Int64, path: String, position: Int
  ) throws(StorageError) -> RawRecords {
    try decode(
      BatchExpansion(buffer, batches, bytesMax: .max, path: path, position: position), from: from,
      path: path, position: position)
  }

  /// As above, of batches whose records are there to be read.
  static func decode(
    _ expansion: BatchExpansion, from: Int64, path: String, position: Int
  ) throws(StorageError) -> RawRecords {
    let spans = expansion.spans
    var records = RawRecords(buffer: expansion.buffer)
    records.makeRoom(spans.reduce(0) { $0 + Int($1.batch.header.count) })
    /// The byte of the file that a byte of the buffer stands for.
    func place(_ byte: Int) -> Int64 {
      guard expansion.isExpanded else { return Int64(position + byte) }
      let span = spans.last { $0.start <= byte }
      return Int64(position + (span?.batch.start ?? 0))
    }
    var found: [FoundHeaders] = []
    var failed: Int?
    records.withColumns { columns in
      var filled = 0
      for span in spans {
        let bad = decodeBatch(
          expansion.buffer.base, span.start, span.end, span.batch, columns, filled, &found)
        if let bad {
          failed = bad
          return
        }
        filled += Int(span.batch.header.count)
      }
    }
    if let failed {
      throw StorageError(
        .corruption, "a record does not fit its batch", path: path, position: place(failed))
    }
    if let bad = attachHeaders(found, to: &records) {
      throw StorageError(
        .corruption, "the headers of a record do not fit it", path: path, position: place(bad))
    }
    if let first = records.offsets.first, first < from { records.drop(before: from) }
    return records
  }

  /// Returns nil, or the byte where a record is malformed.
  private static func decodeBatch(
    _ base: UnsafeMutablePointer<UInt8>, _ start: Int, _ end: Int, _ batch: CheckedBatch,
    _ columns: RecordColumns, _ firstSlot: Int, _ found: inout [FoundHeaders]
  ) -> Int? {
    let lastDelta = Int64(batch.header.lastOffsetDelta)
    let logAppendTime = batch.header.attributes & 0x08 != 0
    let baseTimestamp = logAppendTime ? batch.header.maxTimestamp : batch.header.baseTimestamp
    let timestampMask: Int64 = logAppendTime ? 0 : -1
    let baseOffset = batch.header.baseOffset
    let baseSequence = batch.sequence
    let bytes = UnsafePointer(base)
    var at = start
    var previousDelta: Int64 = -1
    var index = firstSlot
    let endIndex = firstSlot &+ Int(batch.header.count)
    // All sums below are of places in the buffer and of lengths that were just compared with it.
    while index < endIndex {
      headrace_prefetch(bytes + (at &+ 1024))
      var p = at
      let length = varint(bytes, &p)
      guard at < end && length >= 6 && length <= Int64(end &- p) else { return at }
      let next = p &+ Int(length)
      p &+= 1
      let timestampDelta = varint(bytes, &p)
      let offsetDelta = varint(bytes, &p)
      let keyLength = varint(bytes, &p)
      let keyStart = p
      guard keyLength >= -1 && keyLength <= Int64(next &- p) else { return at }
      p &+= Int(keyLength & ~(keyLength >> 63))
      // After a key that ends at the record's end the bytes read here belong to the next one, or to
      // the padding; the check at the end refuses them.
      let valueLength = varint(bytes, &p)
      let valueStart = p
      guard valueLength >= -1 && valueLength <= Int64(next &- p) else { return at }
      p &+= Int(valueLength & ~(valueLength >> 63))
      guard p < next && offsetDelta > previousDelta && offsetDelta <= lastDelta else { return at }
      if bytes[p] != 0 {
        found.append(FoundHeaders(index: index, start: p, end: next))
      } else if p &+ 1 != next {
        return at
      }
      previousDelta = offsetDelta
      columns.keyStart[index] = Int32(truncatingIfNeeded: keyStart)
      columns.keyLength[index] = Int32(truncatingIfNeeded: keyLength)
      columns.valueStart[index] = Int32(truncatingIfNeeded: valueStart)
      columns.valueLength[index] = Int32(truncatingIfNeeded: valueLength)
      columns.timestamps[index] = baseTimestamp &+ (timestampDelta & timestampMask)
      columns.offsets[index] = baseOffset &+ offsetDelta
      columns.sequences[index] = baseSequence &+ offsetDelta
      at = next
      index &+= 1
    }
    return at == end ? nil : at
  }

  /// A zigzag varint at `p`, which moves past it; at most ten bytes are read.
  @inline(__always)
  private static func varint(_ bytes: UnsafePointer<UInt8>, _ p: inout Int) -> Int64 {
    let first = UInt64(bytes[p])
    if first < 0x80 {
      p &+= 1
      return Int64(bitPattern: (first >> 1) ^ (0 &- (first & 1)))
    }
    let second = UInt64(bytes[p &+ 1])
    if second < 0x80 {
      p &+= 2
      let raw = (first & 0x7F) | (second << 7)
      return Int64(bitPattern: (raw >> 1) ^ (0 &- (raw & 1)))
    }
    return longVarint(bytes, &p)
  }

  @inline(never)
  private static func longVarint(_ bytes: UnsafePointer<UInt8>, _ p: inout Int) -> Int64 {
    var raw: UInt64 = 0
    for index in 0..<10 {
      let byte = UInt64(bytes[p])
      p += 1
      raw |= (byte & 0x7F) << UInt64(7 * index)
      if byte < 0x80 { break }
    }
    return Int64(bitPattern: (raw >> 1) ^ (0 &- (raw & 1)))
  }

  /// Returns nil, or the byte where the headers of a record are malformed.
  private static func attachHeaders(_ found: [FoundHeaders], to records: inout RawRecords) -> Int? {
    guard !found.isEmpty else { return nil }
    records.headers = Array(repeating: [], count: records.count)
    let bytes = UnsafePointer(records.buffer.base)
    for place in found {
      guard let list = headers(bytes, place) else { return place.start }
      records.headers[place.index] = list
    }
    return nil
  }

  private static func headers(
    _ bytes: UnsafePointer<UInt8>, _ place: FoundHeaders
  ) -> [RecordHeader]? {
    var p = place.start
    let count = varint(bytes, &p)
    // A header takes two bytes at least.
    guard count >= 0 && p <= place.end && count <= Int64(place.end - p) / 2 else { return nil }
    var list: [RecordHeader] = []
    for _ in 0..<count {
      guard p < place.end else { return nil }
      let keyLength = varint(bytes, &p)
      guard p <= place.end && keyLength >= 0 && keyLength <= Int64(place.end - p) else {
        return nil
      }
      let key = String(
        decoding: UnsafeBufferPointer(start: bytes + p, count: Int(keyLength)), as: UTF8.self)
      p += Int(keyLength)
      guard p < place.end else { return nil }
      let valueLength = varint(bytes, &p)
      guard p <= place.end && valueLength >= -1 && valueLength <= Int64(place.end - p) else {
        return nil
      }
      var value: [UInt8]?
      if valueLength >= 0 {
        value = Array(UnsafeBufferPointer(start: bytes + p, count: Int(valueLength)))
        p += Int(valueLength)
      }
      list.append(RecordHeader(key: key, value: value))
    }
    return p == place.end ? list : nil
  }
}

extension RawRecords {
  fileprivate mutating func makeRoom(_ count: Int) {
    keyStart = Array(repeating: 0, count: count)
    keyLength = Array(repeating: 0, count: count)
    valueStart = Array(repeating: 0, count: count)
    valueLength = Array(repeating: 0, count: count)
    timestamps = Array(repeating: 0, count: count)
    offsets = Array(repeating: 0, count: count)
    sequences = Array(repeating: 0, count: count)
  }

  /// Gives the arrays as pointers; they must not be empty-checked by the body, which knows the
  /// count.
  fileprivate mutating func withColumns(_ body: (RecordColumns) -> Void) {
    keyStart.withUnsafeMutableBufferPointer { a in
      keyLength.withUnsafeMutableBufferPointer { b in
        valueStart.withUnsafeMutableBufferPointer { c in
          valueLength.withUnsafeMutableBufferPointer { d in
            timestamps.withUnsafeMutableBufferPointer { e in
              offsets.withUnsafeMutableBufferPointer { f in
                sequences.withUnsafeMutableBufferPointer { g in
                  guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress,
                    let d = d.baseAddress, let e = e.baseAddress, let f = f.baseAddress,
                    let g = g.baseAddress
                  else { return }
                  body(
                    RecordColumns(
                      keyStart: a, keyLength: b, valueStart: c, valueLength: d, timestamps: e,
                      offsets: f, sequences: g))
                }
              }
            }
          }
        }
      }
    }
  }

  /// Takes away the records with offsets below `offset`.
  fileprivate mutating func drop(before offset: Int64) {
    var extra = 0
    while extra < offsets.count && offsets[extra] < offset { extra += 1 }
    keyStart.removeFirst(extra)
    keyLength.removeFirst(extra)
    valueStart.removeFirst(extra)
    valueLength.removeFirst(extra)
    timestamps.removeFirst(extra)
    offsets.removeFirst(extra)
    sequences.removeFirst(extra)
    if !headers.isEmpty { headers.removeFirst(extra) }
  }
}
