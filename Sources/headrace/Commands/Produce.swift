// `headrace produce`: lines of standard input become records. What has arrived is appended and
// acknowledged before more is read, so a fast producer gets large batches and a slow one gets each
// line at once.

import ArgumentParser
import HeadraceColumns
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceTopics

struct Produce: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "produce",
    abstract: "Append the lines of standard input to a topic.",
    discussion: """
      Each line is the value of a record. With --key-separator the text before the separator is its \
      key. A record lies in its key's partition, as with Kafka's clients; without key in the first.

      With --producer the lines are numbered, and those that were acknowledged to a producer of that name \
      are left out: after a crash the same input can be given again from its beginning.

      With --together N each N lines become visible to readers at once.
      """)

  @OptionGroup var place: Topic.Place
  @Argument(help: "A topic or a source.") var name: String
  @Option(help: "What stands between key and value.") var keySeparator: String?
  @Option(help: "Name under which lines are taken once, however often they are sent.")
  var producer: String?
  @Option(help: "So many lines at a time are one transaction, or several times as many.")
  var together = 1
  @Flag(help: "Write how many lines are acknowledged, each time that some are.")
  var acknowledge = false

  private static let lineBytesMax = 32 << 20
  private static let batchBytesMax = 1 << 20

  func validate() throws {
    if keySeparator == "" { throw ValidationError("--key-separator takes a text") }
    guard (1...100_000).contains(together) else {
      throw ValidationError("--together takes a number from 1 to 100000")
    }
  }

  func run() throws {
    var count = 0
    try place.with { connection, output in
      let topic = try connection.resolveTopic(name).name
      let separator = keySeparator.map { Array($0.utf8) }
      var numbering = try Numbering(producer, connection)
      var pending: [UInt8] = []
      var isAtEnd = false
      while !isAtEnd {
        isAtEnd = try !Self.fill(&pending)
        if isAtEnd, !pending.isEmpty { pending.append(0x0A) }
        guard Self.isWithin(Self.lineBytesMax, pending, together: together) else {
          throw CommandFailure(
            .code(ExitStatus.limit),
            "error: a line, or what goes together, is longer than \(Self.lineBytesMax >> 20) MiB")
        }
        guard let end = Self.lastEnd(pending, multipleOf: isAtEnd ? 1 : together) else { continue }
        let records = Self.records(pending[...end], separator)
        pending.removeSubrange(...end)
        let (fresh, mark) = numbering.take(records)
        if fresh.count > 0 { try connection.append(topic, fresh, mark) }
        count += fresh.count
        if acknowledge, fresh.count > 0 {
          output.write("\(numbering.seen)\n")
          output.flush()
        }
      }
    }
    if isatty(2) == 1 { complain("\(groupedCount(count, "record")) appended") }
  }

  /// Takes what is there; waits only when nothing is. Returns false at the end.
  private static func fill(_ pending: inout [UInt8]) throws(CommandFailure) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var place = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    var isFirst = true
    while isFirst || (pending.count < batchBytesMax && poll(&place, 1, 0) > 0) {
      let count = chunk.withUnsafeMutableBytes { read(0, $0.baseAddress!, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw .inputOutput("cannot read standard input: \(String(cString: strerror(errno)))")
      }
      if count == 0 { return false }
      pending += chunk[..<count]
      isFirst = false
    }
    return true
  }

  /// Whether what goes together at the beginning of a text has at most so many bytes without its
  /// last line end.
  static func isWithin(_ bytesMax: Int, _ text: [UInt8], together: Int) -> Bool {
    guard text.count > bytesMax else { return true }
    var lines = 0
    for place in text[...bytesMax].indices where text[place] == 0x0A {
      lines += 1
      if lines == together { return true }
    }
    return false
  }

  /// Where the last line ends whose number is a multiple; nil: none does.
  static func lastEnd(_ text: [UInt8], multipleOf count: Int) -> Int? {
    guard let last = text.lastIndex(of: 0x0A) else { return nil }
    if count == 1 { return last }
    var end = last
    var extra = text.lazy.filter { $0 == 0x0A }.count % count
    while extra > 0 {
      guard let before = text[..<end].lastIndex(of: 0x0A) else { return nil }
      end = before
      extra -= 1
    }
    return end
  }

  /// The lines of a text that ends with one.
  static func records(_ text: ArraySlice<UInt8>, _ separator: [UInt8]?) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: text.count))
    let now = wallClockMs()
    var start = text.startIndex
    while start < text.endIndex {
      let end = text[start...].firstIndex(of: 0x0A) ?? text.endIndex
      var last = end
      if last > start, text[last - 1] == 0x0D { last -= 1 }
      let line = text[start..<last]
      if let separator, let place = find(separator, in: line) {
        records.append(
          key: Array(line[..<place]), value: Array(line[(place + separator.count)...]),
          timestamp: now)
      } else if !line.isEmpty {
        records.append(key: nil, value: Array(line), timestamp: now)
      }
      start = end + 1
    }
    return records
  }

  private static func find(_ part: [UInt8], in line: ArraySlice<UInt8>) -> Int? {
    guard line.count >= part.count else { return nil }
    return (line.startIndex...(line.endIndex - part.count)).first { place in
      line[place..<place + part.count].elementsEqual(part)
    }
  }
}

/// Which of the lines are new.
private struct Numbering {
  private let name: String?
  private let epoch: Int64
  /// Lines that were acknowledged before.
  private let known: Int64
  private(set) var seen: Int64 = 0

  init(_ name: String?, _ connection: any Connection) throws {
    self.name = name
    guard let name else {
      (epoch, known) = (0, 0)
      return
    }
    let answer = try connection.administer(["producer", name]).compactMap { Int64($0) }
    guard answer.count == 2 else { throw CommandFailure.inputOutput("the producer is not known") }
    (epoch, known) = (answer[0], answer[1])
  }

  mutating func take(_ records: RawRecords) -> (RawRecords, ProducerMark?) {
    let first = seen
    seen += Int64(records.count)
    guard let name else { return (records, nil) }
    let skipped = Int(min(Int64(records.count), max(0, known - first)))
    var fresh = records
    fresh.keyStart.removeFirst(skipped)
    fresh.keyLength.removeFirst(skipped)
    fresh.valueStart.removeFirst(skipped)
    fresh.valueLength.removeFirst(skipped)
    fresh.timestamps.removeFirst(skipped)
    return (fresh, ProducerMark(name: name, epoch: epoch, sequence: first + Int64(skipped)))
  }
}
