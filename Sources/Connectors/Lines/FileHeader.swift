// The first line of a CSV file: it says which column each field is. Names are those of columns,
// else those that differ in case alone. Invariant: a header that is accepted names every column
// that is asked for, once.

import HeadraceFoundations

enum FileHeader {
  struct Mismatch: Error, CustomStringConvertible {
    var id: String
    var message: String
    var hint: String?

    var description: String { message + (hint.map { "; \($0)" } ?? "") }
  }

  /// The names that a line holds, without the spaces around them.
  static func names(_ line: UnsafeRawBufferPointer, delimiter: UInt8) -> [String] {
    var names: [String] = []
    var name: [UInt8] = []
    var isQuoted = false
    var closedAt = -2
    func finish() {
      let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
      let end = name.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0
      names.append(String(decoding: name[..<end].drop(while: isSpace), as: UTF8.self))
      name = []
    }
    for (index, byte) in line.enumerated() {
      if byte == 0x22 {
        // The one before closed nothing: the two stand for one.
        if !isQuoted, closedAt == index - 1 { name.append(byte) }
        isQuoted.toggle()
        if !isQuoted { closedAt = index }
      } else if byte == delimiter, !isQuoted {
        finish()
      } else {
        name.append(byte)
      }
    }
    finish()
    return names
  }

  /// The column of each field. `needed`: columns that must be named; `ignored`: others that may be.
  static func columns(
    _ names: [String], of source: String, needed: [String], ignored: [String] = []
  ) throws(Mismatch) -> [String] {
    let known = needed + ignored
    let found = names.map { name in
      known.first { $0 == name } ?? known.first { $0 == name.uppercased() }
        ?? known.first { $0.uppercased() == name.uppercased() }
    }
    guard found.contains(where: { $0 != nil }) else {
      throw .noColumn(names, source: source)
    }
    var columns: [String] = []
    for (name, column) in zip(names, found) {
      guard let column else {
        throw .unknownName(
          name, source: source, free: known.filter { !found.contains($0) }, needed: needed)
      }
      guard !columns.contains(column) else {
        throw .columnTwice(column)
      }
      columns.append(column)
    }
    if let missing = needed.first(where: { !columns.contains($0) }) {
      throw .missingColumn(missing, source: source, names: names)
    }
    return columns
  }
}
