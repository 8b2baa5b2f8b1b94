// What was typed, one entry a statement, kept across sessions in a file that only its owner can read.
// A statement that speaks of a secret is never stored. Line format: backslash and newline are escaped.

import Headrace
import HeadraceFoundations
import Glibc

struct History {
  static let entriesMax = 2000
  /// Oldest first, without duplicates.
  private(set) var entries: [String] = []
  private let path: String?

  /// `path` nil: nothing is kept.
  init(path: String?) {
    self.path = path
    guard let path, let file = fopen(path, "re") else { return }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0 {
      guard let line else { break }
      var text = String(cString: line)
      if text.last == "\n" { text.removeLast() }
      if !text.isEmpty { insert(EscapedLine.unescaped(text)) }
    }
  }

  /// In the home directory.
  static var standardPath: String? {
    getenv("HOME").map { String(cString: $0) + "/.headrace_history" }
  }

  static func isSecret(_ text: String) -> Bool { Secret.isMentioned(in: text) }

  /// Returns whether the entry was taken.
  mutating func add(_ statement: String) -> Bool {
    guard !statement.isEmpty, !Self.isSecret(statement) else { return false }
    insert(statement)
    return true
  }

  private mutating func insert(_ entry: String) {
    if entries.last == entry { return }
    entries.removeAll { $0 == entry }
    entries.append(entry)
    if entries.count > Self.entriesMax { entries.removeFirst(entries.count - Self.entriesMax) }
  }

  /// Replaces the file whole. What cannot be written is lost, which is said once, at the end.
  func save() {
    guard let path else { return }
    let temporary = path + ".\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      return complain("cannot keep the history: \(String(cString: strerror(errno)))")
    }
    fchmod(descriptor, 0o600)
    let output = Output(descriptor)
    for entry in entries { output.write(EscapedLine.escaped(entry) + "\n") }
    let isWritten = output.flush()
    close(descriptor)
    if !isWritten || rename(temporary, path) != 0 {
      complain("cannot keep the history: \(String(cString: strerror(errno)))")
      unlink(temporary)
    }
  }
}
