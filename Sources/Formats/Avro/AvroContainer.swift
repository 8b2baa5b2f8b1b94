// Avro's container files: a beginning with the schema, the codec and a mark, then blocks of
// records, each ended by the mark. Blocks may be compressed with deflate; other codecs are refused
// by name.
// Invariant: what a block says of its own size is compared with a limit before memory is taken for
// it.
//
// Source: the Avro specification, "Object container files".

internal import HeadraceColumns
import HeadraceFoundations

enum AvroContainer {
  static let magic: [UInt8] = [0x4F, 0x62, 0x6A, 1]
  static let syncBytes = 16
  /// Of the beginning, and of a block, packed or not.
  static let bytesMax = 64 << 20
  /// Records without bytes that a block may hold.
  static let emptyRecordsMax = 1 << 20

  enum Codec: String {
    case null, deflate
  }

  static let rules = ContainerRules(
    kinds: [FileKind.Words(name: "AVRO")],
    reader: { AvroContainerReader() },
    writer: { fields throws(SchemaProblem) in try AvroContainerWriter(fields) })

  /// All schemas that a file has: one, whose id no record was written with.
  struct OneSchema: SchemaRegistry {
    var schema: RegisteredSchema
    func schema(topic: String, isKey: Bool) -> RegisteredSchema? { schema }
    func schema(id: Int64) -> RegisteredSchema? { id == 0 ? schema : nil }
  }

  static func layout(_ schema: RegisteredSchema) -> FormatLayout {
    var layout = FormatLayout(.avro)
    layout.schemas = SchemaSubject(OneSchema(schema: schema), topic: "file")
    layout.schemas.written = WrittenSchema(id: 0, schema: schema)
    return layout
  }
}

/// Not thread-safe.
final class AvroContainerReader: ContainerReader {
  typealias Bytes = UnsafePointer<UInt8>

  private(set) var layout: FormatLayout?
  private(set) var schema: RegisteredSchema?
  private var codec = AvroContainer.Codec.null
  private var sync: [UInt8] = []
  /// Finds where records end: a plan without columns.
  private var plan = AvroDecodePlan(problem: "")
  private let table = FieldSlots([])
  private var reader: AvroReader
  var nextRecord: Int64 = 0

  init() { reader = AvroReader(table, AvroDecodePlan(problem: "")) }

  func split(
    _ buffer: UnsafeBufferPointer<UInt8>, isEnd: Bool
  ) throws(ContainerProblem) -> (records: RawRecords, end: Int) {
    let none = RawRecords(buffer: ByteBuffer(capacity: 0))
    var cursor = Cursor(buffer: buffer)
    let isOpened = layout != nil
    if isOpened, buffer.isEmpty { return (none, 0) }
    do throws(Cursor.Fault) {
      if isOpened {
        let (count, data) = try block(&cursor)
        return (try records(count, data), cursor.at)
      }
      try open(&cursor)
      return (none, cursor.at)
    } catch {
      switch error {
      case .problem(let what): throw ContainerProblem(what)
      case .ends:
        if !isEnd, buffer.count < AvroContainer.bytesMax { return (none, 0) }
        guard isEnd else {
          throw ContainerProblem("more than \(AvroContainer.bytesMax >> 20) MiB in one piece")
        }
        throw isOpened ? .endsInsideBlock : ContainerProblem("the file ends inside its beginning")
      }
    }
  }

  // MARK: - The beginning

  private func open(_ cursor: inout Cursor) throws(Cursor.Fault) {
    guard try cursor.take(4).elementsEqual(AvroContainer.magic) else {
      throw .problem("this is no Avro container file")
    }
    var text: String?
    var count = try cursor.integer()
    while count != 0 {
      if count < 0 {
        _ = try cursor.integer()
        guard count != .min else { throw .problem("a block of \(count) attributes") }
        count = -count
      }
      // Each takes bytes, so a count that is too large ends with the file.
      for _ in 0..<count {
        let name = String(decoding: try cursor.sized(), as: UTF8.self)
        let value = String(decoding: try cursor.sized(), as: UTF8.self)
        switch name {
        case "avro.schema": text = value
        case "avro.codec":
          guard let known = AvroContainer.Codec(rawValue: value) else {
            throw .problem("blocks compressed with \(value) cannot be read, only deflate")
          }
          codec = known
        default: break
        }
      }
      count = try cursor.integer()
    }
    sync = Array(try cursor.take(AvroContainer.syncBytes))
    guard let text else { throw .problem("the file has no schema") }
    let schema = RegisteredSchema(text: text)
    plan = AvroDecodePlanner.plan(schema, [], isWrapped: false, table)
    if let problem = plan.problem { throw .problem("the file's schema: \(problem)") }
    layout = AvroContainer.layout(schema)
    self.schema = schema
  }

  // MARK: - Blocks

  func block(
    _ buffer: UnsafeBufferPointer<UInt8>
  ) throws(ContainerProblem) -> ContainerBlock? {
    var cursor = Cursor(buffer: buffer)
    do throws(Cursor.Fault) {
      let count = try cursor.integer()
      let bytes = try cursor.length()
      guard count >= 0 else { throw .problem("a block of \(count) records") }
      return ContainerBlock(
        records: count, bytes: cursor.at + bytes + AvroContainer.syncBytes)
    } catch {
      guard case .problem(let what) = error else { return nil }
      throw ContainerProblem(what)
    }
  }

  private func block(
    _ cursor: inout Cursor
  ) throws(Cursor.Fault) -> (count: Int, data: ByteBuffer) {
    let count = try cursor.integer()
    let packed = try cursor.sized()
    guard try cursor.take(AvroContainer.syncBytes).elementsEqual(sync) else {
      throw .problem("a block does not end with the file's mark")
    }
    let data: ByteBuffer
    switch codec {
    case .null: data = ByteBuffer(packed)
    case .deflate:
      guard let found = Deflate.inflated(packed, bytesMax: AvroContainer.bytesMax) else {
        throw .problem("a block cannot be unpacked, or has more than 64 MiB")
      }
      data = found
    }
    guard count >= 0, count <= max(data.count, AvroContainer.emptyRecordsMax) else {
      throw .problem("a block of \(count) records in \(data.count) bytes")
    }
    return (Int(count), data)
  }

  /// Each record behind a frame, as records of topics are.
  private func records(_ count: Int, _ data: ByteBuffer) throws(Cursor.Fault) -> RawRecords {
    let result = ByteBuffer(capacity: data.count + count * SchemaFrame.bytes)
    var records = RawRecords(buffer: result)
    let base = Bytes(data.base)
    let end = base + data.count
    var p = base
    reader.use(plan, data)
    for _ in 0..<count {
      reader.begin(row: 0, end: end)
      let next: Bytes
      do throws(BadInput) {
        next = try reader.read(plan.steps, p)
      } catch {
        throw .problem("record \(nextRecord + 1) cannot be read: \(error.reason)")
      }
      records.keyStart.append(0)
      records.keyLength.append(-1)
      records.valueStart.append(Int32(result.count))
      records.valueLength.append(Int32(next - p + SchemaFrame.bytes))
      records.timestamps.append(0)
      records.offsets.append(nextRecord)
      nextRecord += 1
      result.reserve(SchemaFrame.bytes)
      SchemaFrame.write(0, result.base + result.count)
      result.count += SchemaFrame.bytes
      result.append(UnsafeRawBufferPointer(start: p, count: next - p))
      p = next
    }
    records.sequences = records.offsets
    guard p == end else { throw .problem("\(end - p) bytes are left behind a block's records") }
    return records
  }

  /// Walks bytes that may go on.
  private struct Cursor {
    enum Fault: Error {
      /// More bytes are needed.
      case ends
      case problem(String)
    }

    let buffer: UnsafeBufferPointer<UInt8>
    var at = 0

    mutating func take(_ count: Int) throws(Fault) -> UnsafeBufferPointer<UInt8> {
      guard count <= buffer.count - at else { throw .ends }
      defer { at += count }
      return UnsafeBufferPointer(rebasing: buffer[at..<at + count])
    }

    mutating func integer() throws(Fault) -> Int64 {
      var bits: UInt64 = 0
      for index in 0..<Varint.bytesMax {
        guard at + index < buffer.count else { throw .ends }
        let byte = buffer[at + index]
        bits |= UInt64(byte & 0x7F) << UInt64(7 * index)
        guard byte >= 0x80 else {
          at += index + 1
          return Varint.signed(bits)
        }
      }
      throw .problem("a number of more than \(Varint.bytesMax) bytes")
    }

    /// Of what follows.
    mutating func length() throws(Fault) -> Int {
      let count = try integer()
      guard count >= 0, count <= Int64(AvroContainer.bytesMax) else {
        throw .problem("a length of \(count) bytes")
      }
      return Int(count)
    }

    mutating func sized() throws(Fault) -> UnsafeBufferPointer<UInt8> { try take(length()) }
  }
}

/// Writes blocks that are packed with deflate. Not thread-safe.
final class AvroContainerWriter: ContainerWriter {
  let opening: [UInt8]
  private let encoder: AvroEncoder
  private let sync: [UInt8]

  init(_ fields: [FormatField]) throws(SchemaProblem) {
    let text = try AvroSchemaWriter.text(FormatLayout(.avro), fields)
    encoder = AvroEncoder(fields, AvroContainer.layout(RegisteredSchema(text: text)))
    // Of the schema, so that the same rows give the same file.
    sync = AvroContainerWriter.mark(text)
    var bytes = AvroContainer.magic
    func append(_ text: String) {
      Varint.append(Int64(text.utf8.count), to: &bytes)
      bytes += text.utf8
    }
    Varint.append(2, to: &bytes)
    append("avro.schema")
    append(text)
    append("avro.codec")
    append(AvroContainer.Codec.deflate.rawValue)
    bytes.append(0)
    opening = bytes + sync
  }

  /// Sixteen bytes by FNV-1a, which no reader asks to be random.
  private static func mark(_ text: String) -> [UInt8] {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var bytes: [UInt8] = []
    for round in 0..<2 as Range<UInt8> {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte ^ round)) &* 0x0000_0100_0000_01B3 }
      withUnsafeBytes(of: hash.littleEndian) { bytes += $0 }
    }
    return bytes
  }

  func block(_ columns: [Column], count: Int) throws(ContainerProblem) -> [UInt8] {
    guard count > 0 else { return [] }
    let buffer = ByteBuffer(capacity: count * 64)
    var (starts, lengths): ([Int32], [Int32]) = ([], [])
    let bad = encoder.encode(
      columns, count: count, isNull: nil, buffer, &starts, &lengths)
    if let first = bad.first {
      throw ContainerProblem("cannot write row \(first.row + 1): \(first.reason)")
    }
    let plain = ByteBuffer(capacity: buffer.count)
    for row in 0..<count {
      plain.append(
        UnsafeRawBufferPointer(
          start: buffer.base + Int(starts[row]) + SchemaFrame.bytes,
          count: Int(lengths[row]) - SchemaFrame.bytes))
    }
    guard let packed = Deflate.deflated(plain) else {
      throw ContainerProblem("a block cannot be packed")
    }
    var bytes: [UInt8] = []
    Varint.append(Int64(count), to: &bytes)
    Varint.append(Int64(packed.count), to: &bytes)
    return bytes + packed.array() + sync
  }
}
