// Which column takes which field of a writer's schema: the field of its exact name, else the first
// one whose name in upper case it is.
//
// Source: ksqlDB's ConnectDataTranslator.

import HeadraceFoundations

/// Of each written field the place of the column that takes it.
func columnsTaking(_ written: [String], of columns: [String]) -> [Int?] {
  var taken = [Int?](repeating: nil, count: written.count)
  var places: [TextKey: Int] = [:]
  var folded: [TextKey: Int] = [:]
  for (place, name) in written.enumerated() { places[TextKey(name)] = place }
  for (place, name) in written.enumerated().reversed() {
    folded[TextKey(name.uppercased())] = place
  }
  var open: [Int] = []
  for (column, name) in columns.enumerated() {
    if let place = places[TextKey(name)], taken[place] == nil {
      taken[place] = column
    } else {
      open.append(column)
    }
  }
  for column in open {
    if let place = folded[TextKey(columns[column])], taken[place] == nil { taken[place] = column }
  }
  return taken
}

/// Whether a column may be written into a field of this name. `.` is `_` in formats whose names
/// have no dots.
func isWritten(_ column: String, into field: String) -> Bool {
  haveSameBytes(field, column) || haveSameBytes(field.uppercased(), column)
    || haveSameBytes(field, column.replacing(".", with: "_"))
}
