// DELIMITED: the columns of a record as text between delimiters, without their names. In files
// nested values are JSON.

import HeadraceColumns
import HeadraceFoundations

extension RecordFormat {
  static let delimited = RecordFormat(
    "DELIMITED",
    holds: FormatCapacity(
      types: TypeKind.all.subtracting(TypeKind.nested), keepsEmpty: false,
      namesColumns: false),
    wrapping: .never, properties: [.delimiter],
    lines: LineRules(
      nested: .json, takesHeader: true,
      kinds: [
        FileKind.Words(name: "CSV"),
        FileKind.Words(name: "TSV", set: { $0.delimiter = UInt8(ascii: "\t") }),
      ], separator: { $0.delimiterOrComma }),
    sampled: DelimitedSampler.columns, shows: .text,
    codec: FormatCodec(
      decoder: { layout, fields, table in
        DelimitedDecoder(fields, delimiter: layout.spec.delimiterOrComma, table: table)
      },
      encoder: { layout, fields in
        DelimitedEncoder(
          fields, delimiter: layout.spec.delimiterOrComma, isLossless: layout.isLossless)
      }))
}

extension FormatProperty {
  static let delimiter = FormatProperty(
    "delimiter", keys: ["KEY_DELIMITER"], values: ["VALUE_DELIMITER"],
    .text { text throws(FormatPropertyFault) in .integer(Int64(try delimiterByte(text))) },
    isInherited: true
  ) { _, given in "Delimiter only supported with DELIMITED format: \(given)" }

  private static func delimiterByte(_ text: String) throws(FormatPropertyFault) -> UInt8 {
    if text.uppercased() == "SPACE" { return UInt8(ascii: " ") }
    if text.uppercased() == "TAB" { return UInt8(ascii: "\t") }
    if text.allSatisfy(\.isWhitespace) {
      throw FormatPropertyFault(
        "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, "
          + "please use the special values 'TAB' or 'SPACE'")
    }
    guard text.utf8.count == 1, let byte = text.utf8.first else {
      throw FormatPropertyFault(
        "Invalid delimiter value: '\(text)'. Delimiter must be a single character or "
          + "TAB,SPACE")
    }
    return byte
  }
}

extension FormatSpec {
  /// nil: a comma.
  var delimiter: UInt8? {
    get {
      if case .integer(let byte) = self[.delimiter] { UInt8(truncatingIfNeeded: byte) } else { nil }
    }
    set { self[.delimiter] = newValue.map { .integer(Int64($0)) } }
  }

  fileprivate var delimiterOrComma: UInt8 { delimiter ?? UInt8(ascii: ",") }
}
