// Functions over maps.

import HeadraceColumns

enum MapFunctions {
  static let all: [ScalarFunction] = [asMap, entries, keys, union, values]

  private static let map = ParameterType.map(.variable("K"), .T)

  /// Puts a key; a later value takes the place of an earlier one.
  private static func put(
    _ entry: MapEntry, _ entries: inout [MapEntry], _ index: inout [Value: Int]
  ) {
    let key = entry.key
    if let place = index[key] {
      entries[place].value = entry.value
    } else {
      index[key] = entries.count
      entries.append(entry)
    }
  }

  private static let asMap = ScalarFunction(
    "AS_MAP", family: "Map",
    doc: "A map of keys and values from two arrays; what the longer one has more is dropped.",
    example: ("AS_MAP(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"),
    overloads: [
      ScalarOverload([.array(.string), .array(.T)], .map(.string, .T)) { row in
        var result: [MapEntry] = []
        var index: [Value: Int] = [:]
        for (key, value) in zip(row[0].elements, row[1].elements) {
          put(MapEntry(key, value), &result, &index)
        }
        return .map(result)
      }
    ])

  private static let entries = ScalarFunction(
    "ENTRIES", family: "Map",
    doc:
      "The entries of a map as an array of structs with the fields K and V, sorted by key if the "
      + "second argument is true.",
    example: ("ENTRIES(MAP('b' := 2, 'a' := 1), true)", "[Struct{K=a,V=1}, Struct{K=b,V=2}]"),
    overloads: ([.int, .bigint, .double, .boolean, .string] as [DataType]).map { type in
      ScalarOverload(
        [.exact(.map(key: .string, value: type)), .boolean],
        .exact(.array(.structure([StructField("K", .string), StructField("V", type)])))
      ) { row in
        var entries = row[0].entries
        if row[1].flag { entries.sort { orderValues($0.key, $1.key) < 0 } }
        return .array(entries.map { .structure([$0.key, $0.value]) })
      }
    })

  private static let keys = ScalarFunction(
    "MAP_KEYS", family: "Map", doc: "The keys of a map as an array.",
    example: ("MAP_KEYS(MAP('a' := 1, 'b' := 2))", "[a, b]"),
    overloads: [
      ScalarOverload([map], .array(.variable("K"))) { row in .array(row[0].entries.map(\.key)) }
    ])

  private static let values = ScalarFunction(
    "MAP_VALUES", family: "Map", doc: "The values of a map as an array.",
    example: ("MAP_VALUES(MAP('a' := 1, 'b' := 2))", "[1, 2]"),
    overloads: [ScalarOverload([map], .array(.T)) { row in .array(row[0].entries.map(\.value)) }])

  private static let union = ScalarFunction(
    "MAP_UNION", family: "Map",
    doc:
      "The entries of both maps, those of the second winning; a NULL map counts as empty, two of "
      + "them give NULL.",
    example: ("MAP_UNION(MAP('a' := 1, 'b' := 2), MAP('b' := 3))", "{a=1, b=3}"),
    overloads: [
      ScalarOverload([map, map], map, isStrict: false) { row in
        if row[0].isNull && row[1].isNull { return .null }
        var result: [MapEntry] = []
        var index: [Value: Int] = [:]
        for entry in row[0].entries + row[1].entries { put(entry, &result, &index) }
        return .map(result)
      }
    ])
}
