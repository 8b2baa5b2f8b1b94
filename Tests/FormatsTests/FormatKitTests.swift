// What holds for every format that is registered, drawn by seeds: what it claims to hold comes back as it was, with NULLs
// and extremes; damage never does more than make its own record bad, and whether a record is bad depends neither on
// its neighbours nor on the columns that are wanted; records that name their columns are read with others.

import HeadraceColumns
import HeadraceTestSupport
import Testing

@testable import HeadraceFormats

@Suite struct FormatKitTests {
  private static let seeds = 0..<12

  private func decode(
    _ records: RawRecords, _ fields: [FormatField], _ layout: FormatLayout
  ) -> (values: [[Value]], bad: [BadRecord]) {
    let side = SideDecoder(layout: layout, fields: fields).decode(
      records, .value, rows: 0..<records.count)
    for (column, field) in zip(side.columns, fields.filter(\.isNeeded)) {
      #expect(column.count == records.count)
      #expect(isText(column, field.type), "a STRING is no UTF-8: \(layout.spec) \(field)")
    }
    return (rows(side, fields, count: records.count), side.bad)
  }

  /// Round trip of rows of these fields in every layout.
  private func expectReturn(
    _ kit: FormatKit, _ fields: [FormatField], _ generator: inout SeededGenerator
  ) {
    let values = kit.rows(30, fields, &generator)
    for layout in kit.layouts(columns: fields.count) {
      let (records, bad) = encode(values, fields, layout)
      #expect(bad.isEmpty, "\(kit) \(fields)")
      let read = decode(records, fields, layout)
      #expect(read.bad.isEmpty, "\(kit) \(fields)")
      #expect(isSame(read.values, values), "\(kit) \(fields)")
      // The same bytes however rows are cut into batches.
      for row in [0, 7, 29] {
        let alone = encode([values[row]], fields, layout).records
        #expect(bytes(alone, 0) == bytes(records, row), "\(kit) \(fields)")
      }
    }
  }

  @Test(arguments: FormatKit.all, seeds)
  func everyClaimedTypeReturns(_ kit: FormatKit, _ seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed))
    for field in kit.singles(&generator) { expectReturn(kit, [field], &generator) }
    expectReturn(kit, kit.fields(&generator), &generator)
  }

  /// Nested values of lines, which the format itself may not hold.
  @Test(arguments: FormatKit.all, seeds)
  func linesHoldNestedValues(_ kit: FormatKit, _ seed: Int) {
    guard let nested = kit.format.lines?.nested else { return }
    var generator = SeededGenerator(state: UInt64(seed))
    var fields = kit.fields(&generator)
    for kind in [TypeKind.array, .map, .structure] {
      guard let type = FormatKit(format: nested).type(kind, 3, &generator) else { continue }
      fields.append(FormatField("NESTED_\(kind)", type))
    }
    expectReturn(kit, fields, &generator)
  }

  /// A null side is not bad, has no bytes, and all its columns are NULL.
  @Test(arguments: FormatKit.all, seeds)
  func nullSidesAreNulls(_ kit: FormatKit, _ seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed))
    let fields = kit.fields(&generator)
    let values = kit.rows(20, fields, &generator)
    var isNull = Bitmap(repeating: false, count: 20)
    for row in 0..<20 where Bool.random(using: &generator) { isNull.set(row, true) }
    for layout in kit.layouts(columns: fields.count) {
      let (records, bad) = encode(values, fields, layout, isNull: isNull)
      #expect(bad.isEmpty)
      #expect((0..<20).allSatisfy { !isNull[$0] || records.valueLength[$0] == -1 })
      let read = decode(records, fields, layout)
      #expect(read.bad.isEmpty)
      let expected = values.enumerated().map { row, values in
        isNull[row] ? values.map { _ in Value.null } : values
      }
      #expect(isSame(read.values, expected), "\(kit) \(fields)")
    }
  }

  @Test(arguments: FormatKit.all, 0..<24)
  func damageStaysInItsRecord(_ kit: FormatKit, _ seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed) &+ 1000)
    let fields = kit.fields(&generator)
    for layout in kit.layouts(columns: fields.count) {
      let clean = encode(kit.rows(40, fields, &generator), fields, layout).records
      expectContained(damaged(clean, &generator), kit, fields, layout, &generator)
    }
  }

  /// Every beginning of a good record, each of its bits the other way, and bytes that never were one.
  @Test(arguments: FormatKit.all, seeds)
  func beginningsAndNoise(_ kit: FormatKit, _ seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed) &+ 2000)
    let fields = kit.fields(&generator)
    for layout in kit.layouts(columns: fields.count) {
      let good = bytes(encode(kit.rows(1, fields, &generator), fields, layout).records, 0) ?? []
      let beginnings = (0...min(good.count, 60)).map { Array(good.prefix($0)) }
      let flipped = (0..<min(good.count, 24) * 8).map { bit in
        var bytes = good
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return bytes
      }
      let noise = (0..<20).map { _ in
        (0..<Int.random(in: 0...30, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
      }
      expectContained(beginnings + flipped + noise, kit, fields, layout, &generator)
    }
  }

  /// Bytes that are no UTF-8, wherever they stand in a STRING.
  @Test(arguments: FormatKit.all) func textIsChecked(_ kit: FormatKit) {
    guard kit.claims(.string) else { return }
    let fields = [FormatField("C", .string)]
    for layout in kit.layouts(columns: 1) {
      let text = String(repeating: "~", count: 40)
      let good = bytes(encode([[.string(text)]], fields, layout).records, 0) ?? []
      let places = good.indices.filter { good[$0] == UInt8(ascii: "~") }
      #expect(places.count >= 40)
      let spoiled = [0xFF, 0x80, 0xC3, 0xED].flatMap { (byte: UInt8) in
        places.map { place in
          var bytes = good
          bytes[place] = byte
          return bytes
        }
      }
      // `decode` looks at the bytes of all that is not bad.
      let read = decode(records(spoiled), fields, layout)
      #expect(read.bad.count == spoiled.count, "\(kit)")
    }
  }

  /// A record is read to its end: what stands behind it makes it bad, or is part of a value.
  @Test(arguments: FormatKit.all, seeds)
  func nothingIsLeftBehindARecord(_ kit: FormatKit, _ seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed) &+ 5000)
    let fields = kit.fields(&generator)
    guard !fields.isEmpty else { return }
    let values = kit.rows(20, fields, &generator)
    for layout in kit.layouts(columns: fields.count) {
      let clean = encode(values, fields, layout).records
      for extra in [[0x01], [0x01, 0x01, 0x01, 0x01, 0x01]] as [[UInt8]] {
        let longer = (0..<20).map { row in bytes(clean, row).map { $0 + extra } }
        let read = decode(records(longer), fields, layout)
        let bad = Set(read.bad.map(\.row))
        for row in 0..<20 where longer[row] != nil && !bad.contains(row) {
          #expect(!isSame([read.values[row]], [values[row]]), "\(kit) \(fields)")
        }
      }
    }
  }

  private func expectContained(
    _ texts: [[UInt8]?], _ kit: FormatKit, _ fields: [FormatField], _ layout: FormatLayout,
    _ generator: inout SeededGenerator
  ) {
    let whole = decode(records(texts), fields, layout)
    #expect(whole.bad.map(\.row) == whole.bad.map(\.row).sorted())
    #expect(Set(whole.bad.map(\.row)).count == whole.bad.count)
    #expect(whole.bad.allSatisfy { texts.indices.contains($0.row) && !$0.reason.isEmpty })
    for bad in whole.bad { #expect(whole.values[bad.row].allSatisfy { $0 == .null }) }
    // Neighbours change nothing.
    for size in [1, 3] {
      let decoder = SideDecoder(layout: layout, fields: fields)
      var parts: [[Value]] = []
      var bad: [BadRecord] = []
      for start in stride(from: 0, to: texts.count, by: size) {
        let range = start..<min(start + size, texts.count)
        let part = decoder.decode(records(texts), .value, rows: range)
        parts += rows(part, fields, count: range.count)
        bad += part.bad.map { BadRecord(row: $0.row + start, reason: $0.reason) }
      }
      #expect(isSame(parts, whole.values), "\(kit) \(fields)")
      #expect(bad == whole.bad, "\(kit) \(fields)")
    }
    // Nor does what is wanted.
    var some = fields
    for index in some.indices { some[index].isNeeded = Bool.random(using: &generator) }
    let projected = decode(records(texts), some, layout)
    #expect(projected.bad.map(\.row) == whole.bad.map(\.row), "\(kit) \(some)")
    let wanted = whole.values.map { row in zip(row, some).filter(\.1.isNeeded).map(\.0) }
    #expect(isSame(projected.values, wanted), "\(kit) \(some)")
    // What was read can be written, and reads as the same.
    let again = encode(whole.values, fields, layout)
    #expect(again.bad.isEmpty)
    let reread = decode(again.records, fields, layout)
    #expect(reread.bad.isEmpty, "\(kit) \(fields)")
    let kept = kit.kept(whole.values, fields, isWrapped: layout.isWrapped)
    #expect(isSame(reread.values, kept), "\(kit) \(fields)")
    // PRINT shows something of each or says that it cannot.
    let shown = RecordText(layout: layout, fields: fields)
    for text in texts { text?.withUnsafeBytes { _ = shown.text(of: $0) } }
  }

  /// Fields in another order, without some, with others: by name.
  @Test(arguments: FormatKit.all, seeds)
  func namedColumnsMayChange(_ kit: FormatKit, _ seed: Int) {
    guard kit.format.holds.namesColumns else { return }
    var generator = SeededGenerator(state: UInt64(seed) &+ 3000)
    let written = kit.fields(&generator)
    let values = kit.rows(20, written, &generator)
    let layout = kit.layout()
    let records = encode(values, written, layout).records
    var read = written.shuffled(using: &generator)
    read.removeLast()
    read.append(FormatField("ADDED", .array(.string)))
    let expected = values.map { row in
      read.map { field in
        written.firstIndex { $0.name == field.name }.map { row[$0] } ?? .null
      }
    }
    let found = decode(records, read, layout)
    #expect(found.bad.isEmpty, "\(kit) \(read)")
    #expect(isSame(found.values, expected), "\(kit) \(read)")
  }

  /// What a key's bytes are does not depend on the batch, nor on which of the equal DOUBLEs it is.
  @Test(arguments: FormatKit.all)
  func equalKeysHaveEqualBytes(_ kit: FormatKit) {
    guard kit.claims(.double) else { return }
    let fields = [FormatField("K", .double)]
    let encoder = SideEncoder(layout: kit.layouts(columns: 1)[0], fields: fields)
    var keys = RawRecords(buffer: ByteBuffer(capacity: 64))
    let column = Column.from([.double(0), .double(-0.0), .double(.nan), .double(-.nan)], .double)
    let bad = encoder.encode([column], count: 4, isNull: nil, into: &keys, .key)
    #expect(bad.isEmpty)
    let bytes = (0..<4).map { row in keys.key(row).map { Array($0) } }
    #expect(bytes[0] == bytes[1])
    #expect(bytes[2] == bytes[3])
  }

  /// The schema that a format writes for columns means these columns. Formats without codec as well.
  @Test(arguments: RecordFormats.all.map(\.name), seeds)
  func schemasMeanTheirColumns(_ name: String, _ seed: Int) throws {
    let kit = FormatKit(format: try #require(RecordFormats.named(name)))
    guard kit.format.schemas?.text != nil else { return }
    var generator = SeededGenerator(state: UInt64(seed) &+ 4000)
    // What a schema cannot say is refused where it is written.
    let fields = kit.fields(&generator).filter { $0.type.firstMapKey(otherThan: .string) == nil }
    guard !fields.isEmpty else { return }
    let columns = DataType.structure(fields.map { StructField($0.name, $0.type) })
    let layout = FormatLayout(kit.format)
    let schema = try #require(try RegisteredSchema(of: fields, layout))
    #expect(try schema.type(kit.format) == columns, "\(schema.text)")
    guard kit.format.wrapping.supports(false) else { return }
    let alone = FormatLayout(kit.format, isWrapped: false)
    let single = try #require(try RegisteredSchema(of: [fields[0]], alone))
    // Some write a record around it all the same.
    let record = DataType.structure([StructField(fields[0].name, fields[0].type)])
    let type = try single.type(kit.format)
    #expect(type == fields[0].type || type == record, "\(single.text)")
  }
}
