// How rows are shown, and the printer that the engine hands them to.

import ArgumentParser
import Headrace
import HeadraceColumns
import HeadraceFoundations
import Glibc

enum OutputMode: String, CaseIterable, ExpressibleByArgument, Sendable {
  case box, csv, tsv, json, ndjson

  /// A table for people; CSV for programs.
  static var preferred: OutputMode { isatty(1) == 1 ? .box : .csv }

  func layout(_ columns: [ResultColumn], isStreaming: Bool) -> any RowLayout {
    switch self {
    case .box: BoxLayout(columns, isStreaming: isStreaming)
    case .csv: SeparatedLayout(columns, separator: UInt8(ascii: ","))
    case .tsv: SeparatedLayout(columns, separator: UInt8(ascii: "\t"))
    case .json: JSONLayout(columns, isArray: true)
    case .ndjson: JSONLayout(columns, isArray: false)
    }
  }
}

/// One result on its way to bytes; rows come in batches and may never end.
protocol RowLayout {
  mutating func begin(into bytes: inout [UInt8])
  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8])
  /// `rowCount`: of the whole result. `note`: why it ended.
  mutating func end(rowCount: Int, note: String?, into bytes: inout [UInt8])
}

/// Writes results to an output. In machine-readable modes messages go to stderr, so that the output holds
/// rows and nothing else.
final class ResultPrinter: ResultHandler {
  let output: Output
  var mode: OutputMode
  /// Rows come one by one, so the first ones do not tell how wide the columns will be.
  var isStreaming = false
  private let messages: Output
  private var layout: (any RowLayout)?
  private var hasPrinted = false
  private(set) var rowCount = 0
  /// Each row begins with what it says: +I, +U or -D.
  var showsOperations = false
  /// Of the statement at work; its line goes before anything is written to the same terminal.
  var progress: Progress?
  /// Deletes that were printed as rows of NULLs.
  private var deleteCount = 0

  init(_ output: Output, mode: OutputMode, messages: Output) {
    self.output = output
    self.mode = mode
    self.messages = messages
  }

  func message(_ text: String) {
    progress?.end()
    let target = mode == .box ? output : messages
    target.write(text + "\n")
    target.flush()
  }

  func begin(_ columns: [ResultColumn]) {
    finish()
    if output.isTerminal { progress?.end() }
    if hasPrinted, mode == .csv || mode == .tsv { output.write("\n") }
    hasPrinted = true
    rowCount = 0
    deleteCount = 0
    let shown = showsOperations ? [ResultColumn("OP", .string, isKey: true)] + columns : columns
    var layout = mode.layout(shown, isStreaming: isStreaming)
    output.write { layout.begin(into: &$0) }
    self.layout = layout
  }

  func rows(_ rows: [ResultRow]) -> Bool {
    guard var layout else { return false }
    self.layout = nil
    rowCount += rows.count
    if showsOperations {
      let marked = rows.map { row in
        ResultRow([.string(row.change.operation)] + row.values, change: row.change)
      }
      output.write { layout.append(marked, into: &$0) }
    } else {
      if mode != .box { deleteCount += rows.count { $0.change == .delete } }
      output.write { layout.append(rows, into: &$0) }
    }
    self.layout = layout
    return output.flush()
  }

  func end(_ note: String?) {
    guard var layout else { return }
    self.layout = nil
    output.write { layout.end(rowCount: rowCount, note: note, into: &$0) }
    output.flush()
    guard deleteCount > 0 else { return }
    let count = "\(grouped(deleteCount)) row\(deleteCount == 1 ? " is a delete" : "s are deletes")"
    message("\(count), with NULL in all columns but the key; --operations shows which")
    deleteCount = 0
  }

  /// Prints what a statement gives. One that was stopped says after how many rows, and its error has nothing more to say.
  func print(_ statement: () throws(ServiceError) -> Void) throws(ServiceError) {
    rowCount = 0
    do throws(ServiceError) {
      try statement()
      finish()
    } catch {
      guard error.kind == .interrupted else {
        let isCut = layout != nil && rowCount > 0
        finish()
        throw isCut ? error.truncating(after: groupedCount(rowCount, "row")) : error
      }
      end("cancelled")
      throw ServiceError(
        .interrupted,
        error.text == "interrupted"
          ? "cancelled after \(groupedCount(rowCount, "row"))" : error.text)
    }
  }

  /// Closes a result that an error has cut short.
  func finish() { end(nil) }
}

extension ServiceError {
  /// The same of a result that has begun. Damage is told as such.
  fileprivate func truncating(after rows: String) -> ServiceError {
    guard kind != .corruption else { return self }
    var error = self
    error.kind = .truncated
    error.text += "\n  = the result ends after \(rows); it is not whole"
    return error
  }
}

extension ChangeKind {
  /// As changelogs of streaming SQL mark it.
  fileprivate var operation: String {
    switch self {
    case .insert: "+I"
    case .updateBefore: "-U"
    case .updateAfter: "+U"
    case .delete: "-D"
    }
  }
}
