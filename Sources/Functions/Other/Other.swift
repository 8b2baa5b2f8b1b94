// AS_VALUE and GEO_DISTANCE.

import HeadraceColumns
import HeadraceFoundations
import Glibc

enum OtherFunctions {
  static let all: [ScalarFunction] = [asValue, distance]

  private static let asValue = ScalarFunction(
    "AS_VALUE", family: "Other",
    doc: "The argument itself: copies a key column into the value of a row.",
    example: ("AS_VALUE(5)", "5"),
    overloads: [
      ScalarOverload([.T], .T, isStrict: false, vector: { VectorResult($0.arguments[0]) })
    ])

  private static let distance = ScalarFunction(
    "GEO_DISTANCE", family: "Other",
    doc:
      "Length of the great circle between two points given as latitude and longitude in degrees; "
      + "in "
      + "kilometres, or in miles with 'MI' as the last argument.",
    example: ("ROUND(GEO_DISTANCE(37.4439, -122.1663, 51.5257, -0.1122))", "8635"),
    overloads: [
      ScalarOverload(
        [.double, .double, .double, .double, .string], .double, isStrict: false, row: between),
      ScalarOverload(
        [.double, .double, .double, .double], .double, isStrict: false, row: between),
    ])

  /// The haversine formula over a sphere of 6371 km or 3959 miles.
  @Sendable private static func between(_ row: [Value]) throws(FunctionError) -> Value {
    if row.prefix(4).contains(where: \.isNull) { return .null }
    let radians = row.prefix(4).map { $0.real * Double.pi / 180 }
    guard abs(row[0].real) <= 90, abs(row[2].real) <= 90, abs(row[1].real) <= 180,
      abs(row[3].real) <= 180
    else {
      throw FunctionError(
        "valid values for latitude and longitude are -90 to 90 and -180 to 180")
    }
    var radius = 6371.0
    if row.count > 4, !row[4].isNull {
      let unit = row[4].text.uppercased()
      if unit.hasPrefix("MI") {
        radius = 3959.0
      } else if !unit.hasPrefix("KM") {
        throw FunctionError("GEO_DISTANCE knows the units KM and MI, not '\(row[4].text)'")
      }
    }
    let latitude = sin((radians[2] - radians[0]) / 2)
    let longitude = sin((radians[3] - radians[1]) / 2)
    let chord =
      latitude * latitude + longitude * longitude * cos(radians[0]) * cos(radians[2])
    return .double(2 * asin(chord.squareRoot()) * radius)
  }
}
