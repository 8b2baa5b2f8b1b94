// How long the formats take for one record: bids as Nexmark has them, about 223 bytes of JSON each.
// Usage: format-benchmark [records] [repetitions]. Prints CPU time, the best of the repetitions,
// and a checksum of what was decoded, so that no work can be left out.

import HeadraceColumns
import HeadraceFormats
import Glibc

struct Workload {
  let fields: [FormatField]
  let twoOfSeven: [FormatField]
  let json: RawRecords

  init(count: Int) {
    let types: [(String, DataType)] = [
      ("auction", .bigint), ("bidder", .bigint), ("price", .bigint), ("channel", .string),
      ("url", .string), ("date_time", .bigint), ("extra", .string),
    ]
    fields = types.map { FormatField($0.0.uppercased(), $0.1) }
    twoOfSeven = types.map {
      FormatField($0.0.uppercased(), $0.1, isNeeded: $0.0 == "auction" || $0.0 == "price")
    }
    var records = RawRecords(buffer: ByteBuffer(capacity: count * 230))
    var state: UInt64 = 1
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    func letters(_ count: Int) -> String {
      String(decoding: (0..<count).map { _ in UInt8(97 + random(26)) }, as: UTF8.self)
    }
    let channels = ["Google", "Facebook", "Baidu", "Apple", "channel-4711"]
    for index in 0..<count {
      let text =
        "{\"auction\":\(1000 + random(2000)),\"bidder\":\(1000 + random(5000)),"
        + "\"price\":\(100 + random(9_999_900)),\"channel\":\"\(channels[Int(random(5))])\","
        + "\"url\":\"https://www.nexmark.com/\(letters(5))/\(letters(5))/\(letters(5))/item.htm"
        + "?query=1\",\"date_time\":\(1_436_918_400_000 + index),\"extra\":\"\(letters(52))\"}"
      records.append(key: nil, value: Array(text.utf8), timestamp: 0)
    }
    json = records
  }
}

/// CPU nanoseconds of this thread.
func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

func measure(_ name: String, records: Int, repetitions: Int, _ body: () -> Int) {
  var best = Double.infinity
  var checksum = 0
  for _ in 0..<repetitions {
    let start = now()
    checksum = body()
    best = min(best, now() - start)
  }
  let each = best / Double(max(1, records))
  let line = [
    pad(name, 34), pad("\((each * 10).rounded() / 10)", 8) + " ns/record",
    pad("\((10_000 / each).rounded() / 10)", 7) + " M records/s", "checksum \(checksum)",
  ]
  print(line.joined(separator: "  "))
}

func pad(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.utf8.count))
}

let batchSize = 2048

func decodeAll(_ records: RawRecords, _ fields: [FormatField], _ layout: FormatLayout) -> Int {
  let decoder = SideDecoder(layout: layout, fields: fields)
  var checksum = 0
  for start in stride(from: 0, to: records.count, by: batchSize) {
    let rows = start..<min(start + batchSize, records.count)
    let side = decoder.decode(records, .value, rows: rows)
    checksum &+= side.bad.count
    for column in side.columns {
      switch column {
      case .bigint(let column): checksum &+= Int(column.values[rows.count / 2])
      case .bytes(let column): checksum &+= Int(column.lengths[rows.count / 2])
      default: checksum &+= column.count
      }
    }
  }
  return checksum
}

func encodeAll(
  _ batches: [DecodedSide], _ fields: [FormatField], _ layout: FormatLayout
) -> RawRecords {
  let encoder = SideEncoder(layout: layout, fields: fields)
  var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 20))
  for batch in batches {
    // As the log does it: one buffer, emptied after each batch.
    records.buffer.count = 0
    records.valueStart.removeAll(keepingCapacity: true)
    records.valueLength.removeAll(keepingCapacity: true)
    _ = encoder.encode(
      batch.columns, count: batch.columns[0].count, isNull: nil, into: &records, .value)
  }
  return records
}

@main
enum FormatBenchmark {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
    let count = arguments.first ?? 500_000
    let repetitions = arguments.dropFirst().first ?? 5
    let work = Workload(count: count)
    let bytes = work.json.buffer.count / max(1, count)
    print("\(count) records of \(bytes) bytes, batches of \(batchSize), best of \(repetitions)")
    guard let json = RecordFormats.named("JSON").map({ FormatLayout($0) }),
      let delimited = RecordFormats.named("DELIMITED").map({ FormatLayout($0) })
    else { return print("JSON and DELIMITED are not registered") }
    let lowerCase = work.fields.map { FormatField($0.name.lowercased(), $0.type) }
    func run(_ name: String, _ body: () -> Int) {
      measure(name, records: count, repetitions: repetitions, body)
    }
    run("JSON decode, 7 of 7") { decodeAll(work.json, work.fields, json) }
    run("JSON decode, 7 of 7, exact names") { decodeAll(work.json, lowerCase, json) }
    run("JSON decode, 2 of 7 needed") { decodeAll(work.json, work.twoOfSeven, json) }
    run("JSON decode, 2 known of 7") {
      decodeAll(work.json, work.twoOfSeven.filter(\.isNeeded), json)
    }
    let decoder = SideDecoder(layout: json, fields: work.fields)
    let batches = stride(from: 0, to: count, by: batchSize).map {
      decoder.decode(work.json, .value, rows: $0..<min($0 + batchSize, count))
    }
    run("JSON encode") { encodeAll(batches, work.fields, json).buffer.count }
    run("DELIMITED encode") { encodeAll(batches, work.fields, delimited).buffer.count }
    var lines = RawRecords(buffer: ByteBuffer(capacity: count * 160))
    let encoder = SideEncoder(layout: delimited, fields: work.fields)
    for batch in batches {
      _ = encoder.encode(
        batch.columns, count: batch.columns[0].count, isNull: nil, into: &lines, .value)
    }
    run("DELIMITED decode") { decodeAll(lines, work.fields, delimited) }
    try measureRegistered(count: count, repetitions: repetitions)
  }
}
