// A SQLite database, reduced to what a kept table needs: statements with values, and one
// transaction around several. SQLite does its own input and output, so this is the one file that
// does not go through the `FileSystem` seam.

import CHeadraceSQLite
import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import Glibc

struct SQLiteError: Error {
  var message: String
}

/// For one thread at a time.
final class SQLiteFile {
  private let handle: OpaquePointer

  /// Makes the file if there is none. Readers are not held up by a transaction that is written.
  /// Its mode is 0600 whatever the umask, and that of the files that SQLite puts beside it is the
  /// same. `takesLinks`: parts of the path may be symbolic links.
  init(_ path: String, takesLinks: Bool) throws(SQLiteError) {
    let made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if made >= 0 {
      fchmod(made, 0o600)
      close(made)
    }
    var handle: OpaquePointer?
    let code = sqlite3_open_v2(
      path, &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        | (takesLinks ? 0 : SQLITE_OPEN_NOFOLLOW), nil)
    guard code == SQLITE_OK, let handle else {
      let reason = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(handle)
      throw SQLiteError(message: "cannot open \(path): \(reason)")
    }
    self.handle = handle
    sqlite3_busy_timeout(handle, 5000)
    // What a power failure takes from its end is written again: the positions go with the rows.
    try execute("PRAGMA journal_mode = WAL")
    try execute("PRAGMA synchronous = NORMAL")
  }

  deinit { sqlite3_close_v2(handle) }

  var failure: SQLiteError { SQLiteError(message: String(cString: sqlite3_errmsg(handle))) }

  func execute(_ sql: String) throws(SQLiteError) {
    guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure }
  }

  func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement else {
      throw failure
    }
    return SQLiteStatement(statement, of: self)
  }

  /// All of it or nothing.
  func transaction(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
    try execute("BEGIN IMMEDIATE")
    do {
      try body()
      try execute("COMMIT")
    } catch {
      rollBack()
      throw error
    }
  }

  /// The transaction may be over already.
  func rollBack() { _ = sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }

  static func quoted(_ name: String) -> String {
    "\"" + name.replacing("\"", with: "\"\"") + "\""
  }
}

final class SQLiteStatement {
  private let statement: OpaquePointer
  private let file: SQLiteFile

  init(_ statement: OpaquePointer, of file: SQLiteFile) {
    self.statement = statement
    self.file = file
  }

  deinit { sqlite3_finalize(statement) }

  /// Runs it with these values to its end; returns the rows, whose columns are whole numbers or
  /// texts.
  @discardableResult
  func run(_ values: [(Value, DataType)]) throws(SQLiteError) -> [[Value]] {
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    for (index, (value, type)) in values.enumerated() {
      guard bind(Int32(index + 1), value, type) == SQLITE_OK else { throw file.failure }
    }
    var rows: [[Value]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_DONE: return rows
      case SQLITE_ROW:
        rows.append((0..<sqlite3_column_count(statement)).map { column($0) })
      default: throw file.failure
      }
    }
  }

  private func column(_ index: Int32) -> Value {
    switch sqlite3_column_type(statement, index) {
    case SQLITE_NULL: return .null
    case SQLITE_INTEGER: return .bigint(sqlite3_column_int64(statement, index))
    default: return .string(sqlite3_column_text(statement, index).map { String(cString: $0) } ?? "")
    }
  }

  private func bind(_ index: Int32, _ value: Value, _ type: DataType) -> Int32 {
    // SQLite copies what it is given.
    let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: return sqlite3_bind_null(statement, index)
    case .boolean(let flag): return sqlite3_bind_int64(statement, index, flag ? 1 : 0)
    case .int(let number): return sqlite3_bind_int64(statement, index, Int64(number))
    case .bigint(let number): return sqlite3_bind_int64(statement, index, number)
    case .double(let number): return sqlite3_bind_double(statement, index, number)
    case .bytes(let bytes):
      return bytes.withUnsafeBytes {
        sqlite3_bind_blob(statement, index, $0.baseAddress, Int32($0.count), copies)
      }
    case .string, .decimal, .date, .time, .timestamp, .array, .map, .structure:
      let text = HeadraceFunctions.text(of: value, type)
      return sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), copies)
    }
  }
}

extension DataType {
  /// Whole numbers, floating ones, bytes; everything else is text that loses nothing.
  var sqliteType: String {
    switch self {
    case .boolean, .int, .bigint: "INTEGER"
    case .double: "REAL"
    case .bytes: "BLOB"
    case .decimal, .string, .date, .time, .timestamp, .array, .map, .structure: "TEXT"
    }
  }
}
