// What was typed, one entry a statement, kept across shells in a file that only its owner can read.
//
// Entries are appended as they come, so that shells that run at the same time lose nothing of each
// other, nor does one whose window is closed. Secrets are masked before anything is kept. Line
// format: backslash and newline are escaped.
//
// Invariant: the file is appended to and replaced under its lock; whoever waited for the lock of a
// file that was replaced meanwhile tries again.

import Headrace
import HeadraceFoundations
import Glibc

struct History {
  static let entriesMax = 2000
  /// A longer statement is a script, and not kept.
  static let entryBytesMax = 64 << 10

  /// Oldest first, without duplicates.
  private(set) var entries: [String] = []
  /// Those of this shell.
  private(set) var typed: [String] = []
  private let path: String?
  private var hasComplained = false

  /// `path` nil: nothing is kept.
  init(path: String?) {
    self.path = path
    guard let path else { return }
    let lineCount = read(path)
    if lineCount > 2 * Self.entriesMax { compact(path) }
  }

  /// Returns how many lines there are.
  private mutating func read(_ path: String) -> Int {
    guard let file = fopen(path, "re") else { return 0 }
    defer { fclose(file) }
    var all: [String] = []
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    var count = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0 {
      guard let line else { break }
      var text = String(cString: line)
      if text.last == "\n" { text.removeLast() }
      count += 1
      if !text.isEmpty { all.append(EscapedLine.unescaped(text)) }
    }
    // Of equal ones the last counts.
    var seen: Set<String> = []
    var kept: [String] = []
    for entry in all.reversed() where kept.count < Self.entriesMax {
      if seen.insert(entry).inserted { kept.append(entry) }
    }
    entries = kept.reversed()
    return count
  }

  /// In the home directory.
  static var standardPath: String? {
    getenv("HOME").map { String(cString: $0) + "/.headrace_history" }
  }

  /// Returns what was kept, if it is not what was kept last.
  mutating func add(_ statement: String) -> String? {
    guard !statement.isEmpty, statement.utf8.count <= Self.entryBytesMax,
      let entry = SecretMask.masked(statement)
    else { return nil }
    typed.append(entry)
    if typed.count > Self.entriesMax { typed.removeFirst() }
    if entries.last == entry { return nil }
    entries.removeAll { $0 == entry }
    entries.append(entry)
    if entries.count > Self.entriesMax { entries.removeFirst(entries.count - Self.entriesMax) }
    if let path {
      let line = Array((EscapedLine.escaped(entry) + "\n").utf8)
      underLock(path) { $0.withWritten(line) }
    }
    return entry
  }

  private mutating func complain(_ number: Int32) {
    guard !hasComplained else { return }
    hasComplained = true
    HeadraceCommand.complain("cannot keep the history: \(String(cString: strerror(number)))")
  }

  // MARK: - The file

  private struct Descriptor {
    var number: Int32

    /// Returns what went wrong, or 0.
    func withWritten(_ bytes: [UInt8]) -> Int32 {
      let output = Output(number)
      output.write(bytes)
      return output.flush() ? 0 : output.failure ?? EIO
    }
  }

  private static let attemptsMax = 100

  /// Does it with the file open and locked.
  private mutating func underLock(_ path: String, _ body: (Descriptor) -> Int32) {
    for _ in 0..<Self.attemptsMax {
      let number = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard number >= 0 else { return complain(errno) }
      defer { close(number) }
      guard flock(number, LOCK_EX) == 0 else { return complain(errno) }
      var (mine, present) = (stat(), stat())
      guard fstat(number, &mine) == 0, lstat(path, &present) == 0, mine.st_ino == present.st_ino
      else { continue }
      fchmod(number, 0o600)
      let failure = body(Descriptor(number: number))
      if failure != 0 { complain(failure) }
      return
    }
  }

  /// Replaces the file by one without duplicates and without what is too old.
  private mutating func compact(_ path: String) {
    let temporary = path + ".\(getpid())"
    var again = self
    underLock(path) { _ in
      // Others may have appended since.
      _ = again.read(path)
      let number = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard number >= 0 else { return errno }
      defer { close(number) }
      let lines = again.entries.map { EscapedLine.escaped($0) + "\n" }.joined()
      let failure = Descriptor(number: number).withWritten(Array(lines.utf8))
      guard failure == 0, rename(temporary, path) == 0 else {
        unlink(temporary)
        return failure == 0 ? errno : failure
      }
      return 0
    }
    entries = again.entries
  }
}
