// What a run on temporary data could not take, told at its end: afterwards nobody can ask SHOW
// ERRORS.

import Headrace
import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

enum ErrorExamples {
  static let id = "bad-records"
  private static let shownMax = 10

  /// The first ones, a line each. `connection`: still open.
  static func lines(_ connection: any Connection) -> [String] {
    let result = CollectedResult()
    do throws(ServiceError) {
      try connection.execute(SourceText(name: "errors", "SHOW ERRORS;"), result)
    } catch {
      return [error.text]
    }
    func cell(_ row: [Value], _ name: String) -> String {
      guard let place = result.columns.firstIndex(where: { $0.name == name }),
        case .string(let text) = row[place]
      else { return "" }
      return text
    }
    var lines = result.rows.prefix(shownMax).map { row -> String in
      let values = row.values
      let (line, offset) = (cell(values, "Line"), cell(values, "Offset"))
      let place =
        line.isEmpty
        ? offset.isEmpty
          ? ""
          : ", \(cell(values, "Topic")), partition \(cell(values, "Partition")), offset \(offset)"
        : ", line \(line)"
      let record = cell(values, "Record")
      return "  \(cell(values, "Source"))\(place): \(cell(values, "Reason"))"
        + (record.isEmpty ? "" : ": \(record)")
    }
    if result.rows.count > shownMax {
      lines.append("  and \(grouped(result.rows.count - shownMax)) more")
    }
    return lines
  }
}
