// JSON: an object with a field for each column, or the single column alone. All types; the keys of
// maps are names of fields, so they are STRING.

import HeadraceColumns

extension RecordFormat {
  static let json = RecordFormat(
    "JSON",
    holds: FormatCapacity { type in
      type.firstMapKey(otherThan: .string).map {
        "JSON only supports MAP types with STRING keys: \($0)"
      }
    },
    keys: FormatKeys(placeRows: true),
    lines: LineRules(
      kinds: [FileKind.Words(name: "JSON", others: ["NDJSON"], opening: UInt8(ascii: "{"))]),
    sampled: JSONSampler.columns, shows: .text,
    codec: FormatCodec(
      decoder: { layout, fields, table in
        JSONDecoder(fields, isWrapped: layout.isWrapped, table: table)
      },
      encoder: { layout, fields in JSONEncoder(fields, isWrapped: layout.isWrapped) }))
}
