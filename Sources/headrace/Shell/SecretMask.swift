// Takes secrets out of a statement before it is kept: of what stands in it, not of words that it
// has somewhere.
//
// A value is a secret where its name is the name of one: `SET 'ssl.key.password' = '...'`, `WITH
// (...)`, `DEFINE`, `ALTER SYSTEM`, a comparison, or the column of INSERT that it goes into; and in
// an address, what stands behind the user.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

enum SecretMask {
  private static let mask = "'******'"

  /// nil: it cannot be read, and may hold one.
  static func masked(_ statement: String) -> String? {
    let source = SourceText(name: "history", statement)
    let marks = Parser.marks(in: source).filter { $0.kind != .comment }
    guard Parser.split(source).pending != .quote else {
      return Secret.isMentioned(in: statement) ? nil : statement
    }
    func text(_ index: Int) -> String {
      String(decoding: source.text[marks[index].range], as: UTF8.self)
    }
    var secrets = insertedSecrets(marks, text)
    for index in marks.indices where marks[index].kind == .string {
      let isNamed =
        index >= 2 && ["=", ":=", "<>", "!="].contains(text(index - 1))
        && Secret.isMentioned(in: text(index - 2))
      if isNamed { secrets.insert(index) }
    }
    var bytes = source.text
    for index in marks.indices.reversed() where marks[index].kind == .string {
      let range = marks[index].range
      if secrets.contains(index) {
        bytes.replaceSubrange(range, with: mask.utf8)
      } else if let password = password(in: source.text[range]) {
        bytes.replaceSubrange(password, with: "******".utf8)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Of `https://user:password@host`.
  private static func password(in bytes: ArraySlice<UInt8>) -> Range<Int>? {
    let text = Array("://".utf8)
    guard
      let scheme = bytes.indices.dropLast(text.count).first(where: {
        bytes[$0..<$0 + text.count].elementsEqual(text)
      })
    else { return nil }
    let rest = bytes[(scheme + text.count)...].prefix {
      $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "'") && $0 > 0x20
    }
    guard let at = rest.lastIndex(of: UInt8(ascii: "@")),
      let colon = rest[..<at].firstIndex(of: UInt8(ascii: ":"))
    else { return nil }
    return colon + 1..<at
  }

  /// The places of values that INSERT puts into columns of such a name.
  private static func insertedSecrets(
    _ marks: [TextMark], _ text: (Int) -> String
  ) -> Set<Int> {
    guard marks.count > 4, text(0).uppercased() == "INSERT", text(3) == "(" else { return [] }
    var columns: [Bool] = []
    var index = 4
    while index < marks.count, text(index) != ")" {
      if text(index) != "," { columns.append(Secret.isMentioned(in: text(index))) }
      index += 1
    }
    guard columns.contains(true) else { return [] }
    var found: Set<Int> = []
    var (depth, column) = (0, 0)
    for place in marks.indices where place > index {
      switch text(place) {
      case "(":
        depth += 1
        if depth == 1 { column = 0 }
      case ")": depth -= 1
      case "," where depth == 1: column += 1
      default:
        if depth > 0, column < columns.count, columns[column], marks[place].kind == .string {
          found.insert(place)
        }
      }
    }
    return found
  }
}
