// What a script did, in one line instead of one for each statement: "2 streams created, 3 rows
// inserted".
//
// Warnings, and what no count can stand for, are told as they come. A single message is told as it
// is: it says more than its count would.

import Headrace
import HeadraceFoundations

struct ScriptSummary {
  private struct Entry {
    var noun: String
    var verb: String
    var count = 0
  }

  private var entries: [Entry] = []
  private var messageCount = 0
  private var last = ""

  /// False: it is not to be counted but told.
  mutating func take(_ message: String) -> Bool {
    if message.hasPrefix("Property ") { return true }
    guard let (count, noun, verb) = Self.effect(message) else { return false }
    messageCount += 1
    last = message
    let place = entries.firstIndex { $0.noun == noun && $0.verb == verb }
    if place == nil { entries.append(Entry(noun: noun, verb: verb)) }
    entries[place ?? entries.count - 1].count += count
    return true
  }

  /// nil: nothing was done.
  var text: String? {
    if messageCount <= 1 { return messageCount == 0 ? nil : last }
    return entries.map { entry in
      let noun = entry.count == 1 ? entry.noun : Self.plural(entry.noun)
      return "\(grouped(entry.count)) \(noun) \(entry.verb)"
    }.joined(separator: ", ")
  }

  private static func plural(_ noun: String) -> String {
    noun == "query" ? "queries" : noun + "s"
  }

  /// How a message begins and ends, and what it says of one thing.
  private static let patterns: [(begin: String, end: String, noun: String, verb: String)] = [
    ("Stream ", " created", "stream", "created"),
    ("Table ", " created", "table", "created"),
    ("Created query with ID CSAS_", "", "stream", "created"),
    ("Created query with ID CTAS_", "", "table", "created"),
    ("Created query with ID ", "", "query", "created"),
    ("Registered custom type ", "", "type", "created"),
    ("Stream ", " altered", "stream", "altered"),
    ("Table ", " altered", "table", "altered"),
    ("Source ", " was dropped.", "source", "dropped"),
    ("Dropped type ", "", "type", "dropped"),
    ("Schema ", " dropped", "schema", "dropped"),
  ]

  private static func effect(_ message: String) -> (count: Int, noun: String, verb: String)? {
    for (prefix, verb) in [("Inserted ", "inserted"), ("Copied ", "copied")]
    where message.hasPrefix(prefix) {
      let digits = message.dropFirst(prefix.utf8.count).prefix { $0.isASCII && $0.isNumber }
      return Int(digits).map { ($0, "row", verb) }
    }
    return patterns.first { message.hasPrefix($0.begin) && message.hasSuffix($0.end) }
      .map { (1, $0.noun, $0.verb) }
  }
}

/// Hands rows to the printer and counts what statements did.
final class ScriptHandler: ResultHandler {
  private let printer: ResultPrinter
  private let isVerbose: Bool
  private var summary = ScriptSummary()

  init(_ printer: ResultPrinter, isVerbose: Bool) {
    self.printer = printer
    self.isVerbose = isVerbose
  }

  func message(_ text: String) {
    if isVerbose || !summary.take(text) { tell(text) }
  }

  private func tell(_ text: String) {
    guard ErrorReport.format == .json else { return printer.message(text) }
    let isWarning = text.hasPrefix("warning: ")
    ErrorReport.tell(text, id: isWarning ? "warning" : "message", isWarning ? .warning : .note)
  }

  func begin(_ columns: [ResultColumn]) { printer.begin(columns) }
  func rows(_ rows: [ResultRow]) -> Bool { printer.rows(rows) }
  func end(_ note: String?) { printer.end(note) }
  func waits(_ reason: String) { printer.waits(reason) }

  func tellSummary() {
    if let text = summary.text { tell(text) }
  }
}
