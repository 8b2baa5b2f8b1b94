// Cells as they are, with a tab between them: for texts that another program takes, such as a
// drawing of a plan. No header, no quotes; NULL is nothing.

import Headrace

struct RawLayout: RowLayout {
  let columns: [ResultColumn]

  func begin(into bytes: inout [UInt8]) {}

  func append(_ rows: [ResultRow], into bytes: inout [UInt8]) {
    for row in rows {
      let shown = row.shownValues(columns)
      for (index, column) in columns.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: "\t")) }
        if !shown[index].isNull {
          bytes.append(contentsOf: JSONText.plain(shown[index], column.type).utf8)
        }
      }
      bytes.append(UInt8(ascii: "\n"))
    }
  }

  func end(rowCount: Int, note: String?, into bytes: inout [UInt8]) {}
}
