// Files of properties, as the tools of Kafka read them: a line `name=value` each; comments begin
// with # or !. Values may be secrets, so no message has them.

import HeadraceFoundations

package enum PropertiesText {
  package struct Line: Sendable {
    package var name: String
    package var value: String
    /// For messages: file and line.
    package var place: String
  }

  /// Throws: `invalidArgument` with file and line for a line that is none.
  package static func lines(_ text: String, file: String) throws(StorageError) -> [Line] {
    var result: [Line] = []
    // By bytes: a carriage return and the line end behind it are one Character.
    let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let bare = trimmed(line)
      guard let first = bare.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "!") else {
        continue
      }
      guard let equals = bare.firstIndex(of: UInt8(ascii: "=")) else {
        throw StorageError(
          .invalidArgument, "line \(index + 1)", path: file, expected: "name=value")
      }
      result.append(
        Line(
          name: String(trimmed(bare[..<equals])) ?? "",
          value: String(trimmed(bare[bare.index(after: equals)...])) ?? "",
          place: "\(file), line \(index + 1)"))
    }
    return result
  }

  private static func trimmed(
    _ text: Substring.UTF8View
  ) -> Substring.UTF8View {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var rest = text.drop { isBlank($0) }
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return rest
  }
}
