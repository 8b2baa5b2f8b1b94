// Batches that another implementation has compressed, byte for byte: aiokafka 0.14.0 with cramjam 2.14.0 made
// them (its leader epoch -1 set to 0, as a broker does). Six records: keys `key N`, the third without one;
// values of JSON, the fifth without one; the last with a header. The other direction is
// `anIndependentReaderReadsSegments`.

import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics

@Suite struct KafkaBatchTests {
  static func bytes(_ text: String) -> ByteBuffer {
    let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    let bytes = stride(from: 0, to: digits.count, by: 2).map {
      UInt8(digits[$0] * 16 + digits[$0 + 1])
    }
    return ByteBuffer(bytes)
  }

  static func expect(_ records: RawRecords) {
    #expect(records.offsets == [0, 1, 2, 3, 4, 5])
    #expect(records.timestamps == (0..<6).map { 1_700_000_000_000 + $0 })
    for row in 0..<min(6, records.count) {
      let key = records.key(row).map { String(decoding: $0, as: UTF8.self) }
      let value = records.value(row).map { String(decoding: $0, as: UTF8.self) }
      #expect(key == (row == 2 ? nil : "key \(row)"))
      #expect(value == (row == 4 ? nil : "{\"city\": \"Oslo Oslo Oslo\", \"n\": \(row)}"))
    }
    #expect(records.headers.last == [RecordHeader(key: "h", value: Array("one".utf8))])
  }

  @Test func lz4AndZstdAreRead() throws {
    for text in [Self.lz4, Self.zstd] {
      Self.expect(try RecordBatchTests.decode(Self.bytes(text), from: 0))
    }
  }

  @Test func theOthersAreRefusedByName() throws {
    for (text, name) in [(Self.gzip, "gzip"), (Self.snappy, "snappy")] {
      let error = #expect(throws: StorageError.self) {
        try RecordBatchTests.decode(Self.bytes(text), from: 0)
      }
      #expect(error?.kind == .unsupportedCompression && error?.operation == name)
      #expect(error?.description.contains("expected none, lz4 or zstd") ?? false)
    }
  }

  static let lz4 = """
    0000000000000000000000b700000000022a880fe70003000000050000018bcfe568000000018bcfe568
    05ffffffffffffffffffffffffffff0000000604224d187040ad73000000f50b5a0000000a6b65792030
    447b2263697479223a20224f736c6f200500f100222c20226e223a20307d005a0002022e001f312e000e
    8f317d00500004040129000e1032570021060657001f332e000e71337d00160008082e00713401006600
    0a0a0c001f353a000e90357d020268066f6e652efa38f000000000
    """

  static let zstd = """
    0000000000000000000000a30000000002a9b9b9e10004000000050000018bcfe568000000018bcfe568
    05ffffffffffffffffffffffffffff0000000628b52ffd20f34d0300e4045a0000000a6b65792030447b
    2263697479223a20224f736c6f20222c20226e223a20307d005a00020231317d00500004040132060633
    337d001600080834010066000a0a35357d020268066f6e650a006b18e22506612e03e30241089816c608
    861095a8a22878
    """

  static let gzip = """
    0000000000000000000000a60000000002893b754e0001000000050000018bcfe568000000018bcfe568
    05ffffffffffffffffffffffffffff000000061f8b08009d04056b02ff8b626060e0ca4ead543070a956
    4ace2ca954b25250f22fcec95780134a3a0a4a794061835a8628062626b06a4382aa0d6b190218585818
    092a340219cbc60636d698a06ae35a0631060e0eb06a13468634062e2e30db94a04ed35a26a60cb6fcbc
    540077625752f3000000
    """

  static let snappy = """
    0000000000000000000000bf0000000002630869810002000000050000018bcfe568000000018bcfe568
    05ffffffffffffffffffffffffffff0000000682534e415050590000000001000000010000007af30164
    5a0000000a6b65792030447b2263697479223a20224f736c6f20150538222c20226e223a20307d005a00
    0202052e0031822e0024317d005000040401447b7a570018327d005a00060605570033822e0018337d00
    16000808052e1834010066000a0a050c1035447b226372bf0020357d020268066f6e65
    """
}
