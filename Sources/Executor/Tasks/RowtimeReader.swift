// The time of a row from a column of its record.

import HeadraceColumns
public import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

extension TimeTextReader {
  /// ISO-8601, as CAST reads it.
  public static let iso = TimeTextReader { bytes, type in
    let text = String(decoding: bytes, as: UTF8.self)
    switch type {
    case .date: return parseISODate(text).map { Int64($0) }
    case .time: return parseISOTime(text).map { Int64($0) }
    case .timestamp: return parseISOTimestamp(text)
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .array, .map, .structure:
      return nil
    }
  }
}

/// The text as a time by a pattern; ISO where the pattern is empty.
func parseTimestamp(_ text: String, format: String) -> Int64? {
  if format.isEmpty { return parseISOTimestamp(text) }
  do throws(FunctionError) {
    return try DatePattern.cached(format).timestamp(text)
  } catch {
    return nil
  }
}

/// Reads a column as rowtime.
struct RowtimeReader {
  private let type: DataType
  private let format: String?
  private let place: Int?
  private let keyPlace: Int?

  init(_ spec: TimestampSpec, type: DataType, place: Int?, keyPlace: Int?) {
    self.type = type
    format = spec.format
    self.place = place
    self.keyPlace = keyPlace
  }

  /// Overwrites the times; returns the rows whose column holds no time.
  func read(
    _ keys: [Column], _ values: [Column], into rowtimes: inout [Int64]
  ) -> [BadRecord] {
    guard let column = place.map({ values[$0] }) ?? keyPlace.map({ keys[$0] }) else { return [] }
    if case .bigint(let times) = column, times.validity == nil, Rowtime.areValid(times.values) {
      rowtimes = times.values
      return []
    }
    if case .bytes(let texts) = column { return read(texts, into: &rowtimes) }
    var failures: [BadRecord] = []
    for row in rowtimes.indices {
      if let time = milliseconds(column, row), Rowtime.isValid(time) {
        rowtimes[row] = time
      } else {
        failures.append(
          BadRecord(row: row, reason: "the TIMESTAMP column holds no valid time"))
      }
    }
    return failures
  }

  /// Texts of times come in runs: one that equals the one before it is not parsed again.
  private func read(_ texts: ByteColumn, into rowtimes: inout [Int64]) -> [BadRecord] {
    var failures: [BadRecord] = []
    var lastRow = -1
    var lastTime: Int64?
    for row in rowtimes.indices {
      if let validity = texts.validity, !validity[row] {
        failures.append(BadRecord(row: row, reason: "the TIMESTAMP column is NULL"))
        continue
      }
      if lastRow < 0 || !equalBytes(texts.view(lastRow), texts.view(row)) {
        lastTime = parseTimestamp(texts.string(row), format: format ?? "")
        lastRow = row
      }
      if let lastTime, Rowtime.isValid(lastTime) {
        rowtimes[row] = lastTime
      } else {
        failures.append(
          BadRecord(row: row, reason: "the TIMESTAMP column holds no valid time"))
      }
    }
    return failures
  }

  func milliseconds(_ column: Column, _ row: Int) -> Int64? {
    if column.isNull(row) { return nil }
    switch column {
    case .bigint(let column): return column.values[row]
    case .bytes(let column):
      return parseTimestamp(column.string(row), format: format ?? "")
    case .boolean, .int, .double, .decimal, .wideDecimal, .array, .map, .structure: return nil
    }
  }
}
