// The file of one store's content: a magic number, then blocks.
//
//   block   length of the body (4), CRC-32C of kind and body (4), kind (4), body; numbers are
//           little-endian
//   header  what the content is of, as a `MetadataRecord`
//   records number of records (4), bytes of their keys and values (4), then arrays: where each key
//   begins (4 each), its
//           length (4), where the value begins (4), its length (4; -1: none), times (8), then the
//           bytes
//   end     the number of records (8); a file without it was not written to its end
//
// Nothing is synced: what a power cut leaves of a file does not pass its checksums.

internal import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

enum StateCacheFile {
  static let magic: [UInt8] = Array("HRSTATE1".utf8)
  static let frameBytes = 12
  /// A snapshot's pieces are some hundred KiB; a single record may be larger.
  static let bodyBytesMax = 1 << 30

  enum Kind: UInt32 {
    case header = 1
    case records = 2
    case end = 3
  }

  static func checksum(_ kind: UInt32, _ body: UnsafeRawBufferPointer) -> UInt32 {
    let sum = withUnsafeBytes(of: kind.littleEndian) {
      headrace_crc32c(0, $0.baseAddress, $0.count)
    }
    return headrace_crc32c(sum, body.baseAddress, body.count)
  }
}

/// Writes a file from its beginning to its end.
final class StateCacheWriter {
  private let file: any File
  private var position = 0
  private var recordCount: Int64 = 0
  private let body = ByteBuffer(capacity: 1 << 16)

  init(_ file: any File, header: MetadataRecord) throws(StorageError) {
    self.file = file
    try file.truncate(to: 0)
    try write(ByteBuffer(StateCacheFile.magic))
    body.append(header.bytes)
    try writeBlock(.header)
  }

  func write(_ records: RawRecords) throws(StorageError) {
    guard records.headers.isEmpty else {
      throw StorageError(.invalidArgument, "headers of a state's records", path: file.path)
    }
    body.count = 0
    body.append(numbers: [UInt32(records.count), UInt32(records.buffer.count)])
    body.append(numbers: records.keyStart)
    body.append(numbers: records.keyLength)
    body.append(numbers: records.valueStart)
    body.append(numbers: records.valueLength)
    body.append(numbers: records.timestamps)
    body.append(
      UnsafeRawBufferPointer(start: records.buffer.base, count: records.buffer.count))
    recordCount += Int64(records.count)
    try writeBlock(.records)
  }

  func finish() throws(StorageError) {
    body.count = 0
    body.append(numbers: [recordCount])
    try writeBlock(.end)
  }

  private func writeBlock(_ kind: StateCacheFile.Kind) throws(StorageError) {
    let content = UnsafeRawBufferPointer(start: body.base, count: body.count)
    let frame = ByteBuffer(capacity: StateCacheFile.frameBytes)
    frame.append(numbers: [
      UInt32(content.count), StateCacheFile.checksum(kind.rawValue, content), kind.rawValue,
    ])
    try write(frame)
    try write(body)
    body.count = 0
  }

  private func write(_ bytes: ByteBuffer) throws(StorageError) {
    try file.write(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count), at: position)
    position += bytes.count
  }
}

/// Reads a file from its beginning to its end.
final class StateCacheReader {
  let header: MetadataRecord
  let path: String
  private let file: any File
  private var position = 0
  private var recordCount: Int64 = 0

  /// Throws: `corruption` for what is no such file; what reading it throws.
  init(_ file: any File) throws(StorageError) {
    self.file = file
    path = file.path
    let magic = StateCacheFile.magic
    let found = ByteBuffer(capacity: magic.count)
    guard try Self.fill(found, magic.count, file, 0), found.array() == magic else {
      throw StorageError(.corruption, "reading a state's file", path: path, position: 0)
    }
    position = magic.count
    let (kind, body) = try Self.block(file, &position)
    guard kind == .header else {
      throw StorageError(
        .corruption, "reading a state's file", path: path, position: 0,
        expected: "what it is of")
    }
    header = MetadataRecord(bytes: body.array())
  }

  /// The next records; nil: that were all.
  func next() throws(StorageError) -> RawRecords? {
    let start = position
    let (kind, body) = try Self.block(file, &position)
    switch kind {
    case .records:
      guard let records = Self.records(body) else { throw damaged(start) }
      recordCount += Int64(records.count)
      return records
    case .end:
      guard body.count == 8, body.load(Int64.self, at: 0) == recordCount else {
        throw damaged(start)
      }
      return nil
    case .header: throw damaged(start)
    }
  }

  private func damaged(_ place: Int) -> StorageError {
    StorageError(.corruption, "reading a state's file", path: path, position: Int64(place))
  }

  private static func block(
    _ file: any File, _ position: inout Int
  ) throws(StorageError) -> (StateCacheFile.Kind, ByteBuffer) {
    func damaged() -> StorageError {
      StorageError(
        .corruption, "reading a state's file", path: file.path, position: Int64(position))
    }
    let frame = ByteBuffer(capacity: StateCacheFile.frameBytes)
    guard try fill(frame, StateCacheFile.frameBytes, file, position) else { throw damaged() }
    let length = Int(frame.load(UInt32.self, at: 0))
    guard length <= StateCacheFile.bodyBytesMax,
      let kind = StateCacheFile.Kind(rawValue: frame.load(UInt32.self, at: 8)),
      // Before so much memory is taken.
      try position + StateCacheFile.frameBytes + length <= file.size()
    else { throw damaged() }
    let body = ByteBuffer(capacity: length)
    guard try fill(body, length, file, position + StateCacheFile.frameBytes),
      frame.load(UInt32.self, at: 4)
        == StateCacheFile.checksum(
          kind.rawValue, UnsafeRawBufferPointer(start: body.base, count: body.count))
    else { throw damaged() }
    position += StateCacheFile.frameBytes + length
    return (kind, body)
  }

  private static func fill(
    _ buffer: ByteBuffer, _ count: Int, _ file: any File, _ position: Int
  ) throws(StorageError) -> Bool {
    buffer.count = try file.read(
      into: UnsafeMutableRawBufferPointer(start: buffer.base, count: count), at: position)
    return buffer.count == count
  }

  /// nil: they do not fit into the block.
  private static func records(_ body: ByteBuffer) -> RawRecords? {
    guard body.count >= 8 else { return nil }
    let count = Int(body.load(UInt32.self, at: 0))
    let bytes = Int(body.load(UInt32.self, at: 4))
    guard body.count == 8 + count * 24 + bytes else { return nil }
    let base = body.count - bytes
    var place = 8
    var starts: [[Int32]] = []
    for _ in 0..<4 { starts.append(body.array(of: Int32.self, count, at: &place)) }
    var records = RawRecords(buffer: body)
    records.timestamps = body.array(of: Int64.self, count, at: &place)
    (records.keyLength, records.valueLength) = (starts[1], starts[3])
    func fits(_ start: Int32, _ length: Int32) -> Bool {
      length <= 0 ? length >= -1 : start >= 0 && Int(start) + Int(length) <= bytes
    }
    for index in 0..<count {
      guard fits(starts[0][index], starts[1][index]), fits(starts[2][index], starts[3][index])
      else { return nil }
    }
    records.keyStart = starts[0].map { $0 &+ Int32(base) }
    records.valueStart = starts[2].map { $0 &+ Int32(base) }
    return records
  }
}

extension ByteBuffer {
  /// Of little-endian machines, as all are that this runs on.
  fileprivate func append<Number: FixedWidthInteger>(numbers: [Number]) {
    numbers.withUnsafeBytes { append($0) }
  }

  fileprivate func load<Number: FixedWidthInteger>(_: Number.Type, at place: Int) -> Number {
    UnsafeRawPointer(base + place).loadUnaligned(as: Number.self)
  }

  fileprivate func array<Number: FixedWidthInteger>(
    of _: Number.Type, _ count: Int, at place: inout Int
  ) -> [Number] {
    defer { place += count * MemoryLayout<Number>.stride }
    return Array(unsafeUninitializedCapacity: count) { target, initialized in
      UnsafeMutableRawBufferPointer(target).copyMemory(
        from: UnsafeRawBufferPointer(
          start: base + place, count: count * MemoryLayout<Number>.stride))
      initialized = count
    }
  }
}
