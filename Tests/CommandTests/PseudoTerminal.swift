// A pseudo-terminal with a command on it, and what its screen shows.

import Foundation
import Testing

/// A command on a terminal that `script` provides.
final class PseudoTerminal {
  let scratch: Scratch
  private let process = Process()
  private let input = Pipe()

  static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

  /// `command`: for a shell, with $0 for the executable. `size`: columns and rows.
  init(
    _ command: String = "exec $0 shell", in scratch: Scratch, size: (Int, Int)? = nil,
    environment: [String: String] = [:]
  ) throws {
    let setting = size.map { "stty cols \($0.0) rows \($0.1); " } ?? ""
    self.scratch = scratch
    _ = try scratch.file("terminal", "")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
    process.arguments = [
      "-qfec", (setting + command).replacing("$0", with: Command.binary), "/dev/null",
    ]
    let usual = ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "TERM": "dumb"]
    process.environment = usual.merging(environment) { $1 }
    process.standardInput = input
    process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/terminal")
    try process.run()
  }

  var seen: String { (try? scratch.text("terminal")) ?? "" }

  func expect(_ text: String, times count: Int = 1) {
    #expect(
      eventually { seen.components(separatedBy: text).count > count },
      "\(text) in \(seen.suffix(400))")
  }

  func type(_ text: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
  }

  /// Types an end until the command ends; a key that comes while the terminal changes its mode may be lost.
  func end(_ keys: String = "\u{4}") -> Int32 {
    let hasEnded = eventually(60) {
      if process.isRunning, !keys.isEmpty { try? type(keys) }
      usleep(200_000)
      return !process.isRunning
    }
    if !hasEnded { process.terminate() }
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// What a terminal shows after it was sent these bytes: as much of one as lines and editors need.
struct Screen {
  private(set) var rows: [[String]] = [[]]
  private(set) var row = 0
  private(set) var column = 0
  private let width: Int
  /// A row that is full is left with the next character only.
  private var isFull = false

  init(_ text: String, width: Int) {
    self.width = width
    var rest = Substring(text).unicodeScalars
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\u{1B}": sequence(&rest)
      case "\r": move(to: 0)
      case "\n": down()
      case "\u{8}": move(to: max(0, column - 1))
      case "\u{7}": break
      default: put(scalar)
      }
    }
  }

  /// Its lines, without the blanks at their ends.
  var lines: [String] {
    rows.map { row in
      var line = row.joined()
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private mutating func move(to column: Int) {
    self.column = column
    isFull = false
  }

  private mutating func down() {
    row += 1
    if row == rows.count { rows.append([]) }
  }

  private static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x300...0x36F: 0
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xFF00...0xFF60, 0x1F300...0x1FAFF: 2
    default: 1
    }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    let size = Self.width(scalar)
    if size == 0 {
      if column > 0 { rows[row][column - 1].unicodeScalars.append(scalar) }
      return
    }
    if isFull || column + size > width {
      down()
      move(to: 0)
    }
    while rows[row].count < column + size { rows[row].append(" ") }
    rows[row][column] = String(scalar)
    if size == 2 { rows[row][column + 1] = "" }
    column += size
    if column >= width {
      column = width - 1
      isFull = true
    }
  }

  private mutating func sequence(_ rest: inout Substring.UnicodeScalarView) {
    guard rest.first == "[" else {
      _ = rest.popFirst()
      return
    }
    rest.removeFirst()
    var parameters = ""
    while let scalar = rest.popFirst() {
      guard scalar.value < 0x40 else { return apply(scalar, Int(parameters)) }
      parameters.unicodeScalars.append(scalar)
    }
  }

  private mutating func apply(_ command: Unicode.Scalar, _ number: Int?) {
    let count = max(1, number ?? 1)
    switch command {
    case "A":
      row = max(0, row - count)
      isFull = false
    case "B":
      for _ in 0..<count { down() }
      isFull = false
    case "C": move(to: min(width - 1, column + count))
    case "D": move(to: max(0, column - count))
    case "G": move(to: count - 1)
    case "K":
      let end = number == 2 ? 0 : column
      rows[row] = Array(rows[row].prefix(end))
    case "J":
      rows[row] = Array(rows[row].prefix(column))
      rows.removeSubrange((row + 1)...)
    default: break
    }
  }
}
