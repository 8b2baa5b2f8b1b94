// The .slt format: blocks between blank lines, each a directive line, its input, and after `----` what is
// expected. Lines that begin with `#` are comments.
//   statement ok | statement error      SQL; an error expects the whole rendered diagnostic
//   query [rowsort]                      SQL; one line a row, values joined by ` | `
//   produce SOURCE                       lines `@TIME KEY VALUE`; key `-` is null, value `null` a tombstone
//   changes SOURCE                       records of its topic since the last look
//   explain STAGE [expect=RULE] [expect-not=RULE]
//   restart                              the engine is closed and opened again
//   file NAME                            writes a file; `$DIR` in any text is the folder that it lies in
//   session [remote] [rooted]            as a server's client has it: relative paths, and roots, are `$DIR`
//   submit                               SQL, checked as a submitted file is; expects its first error
//   skip-config NAME REASON              the file does not run under that configuration

import Foundation

struct ScriptBlock {
  /// 1-based line of the directive.
  var line: Int
  var directive: String
  var words: [String]
  var input: [String]
  /// nil: the block has no `----`.
  var expected: [String]?
}

struct ScriptFile {
  let path: String
  let name: String
  /// Every line, so that blessing keeps comments and spacing.
  private var lines: [String]
  private(set) var blocks: [ScriptBlock] = []

  init(path: String) throws {
    self.path = path
    name = URL(fileURLWithPath: path).lastPathComponent
    lines = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
    parse()
  }

  /// The file says why it does not run under a configuration, or under all whose names begin so.
  func isSkipped(_ configuration: String) -> Bool {
    blocks.contains { block in
      guard block.directive == "skip-config", let name = block.words.first else { return false }
      return configuration == name || configuration.hasPrefix(name + "-")
    }
  }

  /// Some answer tells offsets of records.
  var showsOffsets: Bool {
    blocks.contains { block in
      block.input.contains { $0.contains("SHOW ERRORS") || $0.contains("ROWOFFSET") }
    }
  }

  private mutating func parse() {
    var index = 0
    while index < lines.count {
      let line = lines[index]
      if line.isEmpty || line.hasPrefix("#") {
        index += 1
        continue
      }
      let words = line.split(separator: " ").map(String.init)
      var block = ScriptBlock(
        line: index + 1, directive: words[0], words: Array(words.dropFirst()), input: [])
      index += 1
      while index < lines.count, !lines[index].isEmpty, lines[index] != "----" {
        block.input.append(lines[index])
        index += 1
      }
      if index < lines.count, lines[index] == "----" {
        index += 1
        var expected: [String] = []
        // Expected text ends at the first blank line that a directive, a comment or the end follows.
        while index < lines.count, !lines[index].isEmpty {
          expected.append(lines[index])
          index += 1
        }
        block.expected = expected
      }
      blocks.append(block)
    }
  }

  /// Rewrites the file with other expectations, given by block.
  func bless(_ answers: [Int: [String]]) throws {
    var result: [String] = []
    var index = 0
    let starts = Dictionary(
      uniqueKeysWithValues: blocks.enumerated().map { ($0.element.line - 1, $0.offset) })
    while index < lines.count {
      guard let number = starts[index], let answer = answers[number] else {
        result.append(lines[index])
        index += 1
        continue
      }
      while index < lines.count, !lines[index].isEmpty, lines[index] != "----" {
        result.append(lines[index])
        index += 1
      }
      result.append("----")
      result += answer
      while index < lines.count, !lines[index].isEmpty { index += 1 }
    }
    try result.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
  }
}
