// The catalogue of what is wrong with the first line of a file, which names the columns; in
// alphabetical order.

import HeadraceFoundations
import HeadracePlanner

extension FileHeader.Mismatch {
  static func columnTwice(_ name: String) -> Self {
    Self(id: "duplicate-column", message: "The header names the column \(name) more than once")
  }

  static func missingColumn(_ name: String, source: String, names: [String]) -> Self {
    Self(
      id: "missing-column", message: "The header does not name the column \(name) of \(source)",
      hint: "it names \(names.joined(separator: ", "))")
  }

  static func noColumn(_ names: [String], source: String) -> Self {
    let shown = String(names.joined(separator: ", ").prefix(100))
    return Self(
      id: "unknown-column", message: "The header names no column of \(source): \(shown)",
      hint: "WITH (HEADER = false) reads lines without a header, FORMAT = 'JSON' objects")
  }

  /// `free`: columns that the header does not name; `needed`: those that it has to.
  static func unknownName(
    _ name: String, source: String, free: [String], needed: [String]
  ) -> Self {
    Self(
      id: "unknown-column",
      message: "The header names a column '\(name)' that does not exist in \(source)",
      hint: didYouMean(name, free) ?? "the columns are \(needed.joined(separator: ", "))")
  }
}
