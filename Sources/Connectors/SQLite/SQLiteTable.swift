// The tables of a kept table in its SQLite file: its own, and the one that says how far it is.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner

struct SQLiteTable {
  let topic: FollowedTopic
  let file: SQLiteFile

  private var source: SourceDefinition { topic.source }
  private var columns: [PlanColumn] { topic.columns }
  private var name: String { SQLiteFile.quoted(source.name) }
  private var keys: [String] { source.schema.keys.map { SQLiteFile.quoted($0.name) } }

  private var layout: String {
    columns.map { "\(SQLiteFile.quoted($0.name)) \($0.type.sqliteType)" }.joined(separator: ", ")
      + ", PRIMARY KEY (\(keys.joined(separator: ", ")))"
  }

  var upsert: String {
    let places = columns.map { _ in "?" }.joined(separator: ", ")
    return "INSERT OR REPLACE INTO \(name) VALUES (\(places))"
  }

  var delete: String {
    "DELETE FROM \(name) WHERE " + keys.map { "\($0) = ?" }.joined(separator: " AND ")
  }

  static let move =
    "UPDATE headrace_positions SET position = ?, major = ? WHERE name = ? AND part = ?"

  /// Makes the tables, or makes them anew where they belong to another topic, other columns, or a
  /// log that was longer. Returns where to go on, by partition.
  func open() throws(SQLiteError) -> [Int: SourcePosition] {
    try file.execute(
      "CREATE TABLE IF NOT EXISTS headrace_positions (name TEXT, part INTEGER, topic INTEGER, "
        + "layout TEXT, position INTEGER, major INTEGER, PRIMARY KEY (name, part))")
    let own: [(Value, DataType)] = [(.string(source.name), .string)]
    let rows = try file.prepare(
      "SELECT part, topic, layout, position, major FROM headrace_positions WHERE name = ?"
    ).run(own)
    let known = try file.prepare("SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE")
      .run(own)
    guard !rows.isEmpty || known.isEmpty else {
      throw SQLiteError(message: "table \(source.name) is there already, and not Headrace's")
    }
    let ends = topic.ends
    var places: [Int: SourcePosition] = [:]
    for row in rows {
      guard let part = row[0].integerValue, let position = row[3].integerValue,
        let major = row[4].integerValue, row[1].integerValue == topic.id,
        row[2].stringValue == layout, ends.indices.contains(Int(part)),
        position <= ends[Int(part)]
      else { continue }
      places[Int(part)] = SourcePosition(offset: position, major: major)
    }
    if places.count == ends.count, !known.isEmpty { return places }
    try makeAnew(ends.count)
    return [:]
  }

  private func makeAnew(_ partitions: Int) throws(SQLiteError) {
    func body() throws(SQLiteError) {
      try file.execute("DROP TABLE IF EXISTS \(name)")
      try file.execute("CREATE TABLE \(name) (\(layout))")
      try file.prepare("DELETE FROM headrace_positions WHERE name = ?")
        .run([(.string(source.name), .string)])
      let insert = try file.prepare("INSERT INTO headrace_positions VALUES (?, ?, ?, ?, 0, ?)")
      for part in 0..<partitions {
        try insert.run([
          (.string(source.name), .string), (.bigint(Int64(part)), .bigint),
          (.bigint(topic.id), .bigint), (.string(layout), .string), (.bigint(.min), .bigint),
        ])
      }
    }
    try file.transaction(body)
  }
}
