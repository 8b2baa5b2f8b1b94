// The printer that the engine hands rows and messages to.

import Headrace
import HeadraceColumns
import HeadraceFoundations

/// Writes results to an output. In machine-readable modes messages go to stderr, so that the output
/// holds rows and nothing else.
final class ResultPrinter: ResultHandler {
  let output: Output
  var mode: OutputMode
  /// Rows come one by one, so the first ones do not tell how wide the columns will be.
  var isStreaming = false
  /// Times as they are stored, on a terminal too.
  var isRaw = false
  /// What INSERT statements name.
  var target = "RESULT"
  /// When a result is shown by a pager; nil where nobody could leave it.
  var paging: Pager.Use?
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
  /// What is between the rows and the terminal while a result may have to be paged.
  private var pager: Pager?

  init(_ output: Output, mode: OutputMode, messages: Output) {
    self.output = output
    self.mode = mode
    self.messages = messages
  }

  func message(_ text: String) {
    progress?.end()
    let target = mode.isForPeople ? output : messages
    target.write(text + "\n")
    target.flush()
  }

  /// For who looks on: in a pipe it would be noise.
  func waits(_ reason: String) {
    guard messages.isTerminal else { return }
    messages.write("no row yet: \(reason)\n")
    messages.flush()
  }

  private var style: RowStyle {
    guard output.isTerminal else { return RowStyle(isStreaming: isStreaming) }
    var style = RowStyle.terminal(isRaw: isRaw)
    style.isStreaming = isStreaming
    // A pager scrolls to the side, but not everyone.
    if paging == .always, !isStreaming, mode == .box { style.width = nil }
    return style
  }

  /// Returns whether there is somebody to take more.
  @discardableResult
  private func write(_ body: (inout [UInt8]) -> Void) -> Bool {
    if let pager { return pager.write(body) }
    output.write(body)
    return output.flush()
  }

  func begin(_ columns: [ResultColumn]) {
    finish()
    if output.isTerminal {
      progress?.end()
      output.takesMarks = true
    }
    if hasPrinted, mode.isSpaced { output.write("\n") }
    hasPrinted = true
    rowCount = 0
    deleteCount = 0
    let shown = showsOperations ? [ResultColumn("OP", .string, isKey: true)] + columns : columns
    var layout = mode.layout(shown, style, target: target)
    if !isStreaming, output.isTerminal, let paging { pager = Pager(output, paging) }
    if isStreaming || pager != nil {
      write { layout.begin(into: &$0) }
    } else {
      // It is sent with the first rows.
      output.write { layout.begin(into: &$0) }
    }
    self.layout = layout
  }

  func rows(_ rows: [ResultRow]) -> Bool {
    guard var layout else { return false }
    self.layout = nil
    rowCount += rows.count
    var rows = rows
    if showsOperations {
      rows = rows.map { row in
        ResultRow([.string(row.change.operation)] + row.values, change: row.change)
      }
    } else if !mode.showsDeletes {
      deleteCount += rows.count { $0.change == .delete }
    }
    let isTaken = write { layout.append(rows, into: &$0) }
    self.layout = layout
    return isTaken
  }

  func end(_ note: String?) {
    guard var layout else { return }
    self.layout = nil
    write { layout.end(rowCount: rowCount, note: note, into: &$0) }
    pager?.end()
    pager = nil
    guard deleteCount > 0 else { return }
    let count = "\(grouped(deleteCount)) row\(deleteCount == 1 ? " is a delete" : "s are deletes")"
    message("\(count), with NULL in all columns but the key; --operations shows which")
    deleteCount = 0
  }

  /// Prints what a statement gives. One that was stopped says after how many rows, and its error
  /// has nothing more to say.
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
