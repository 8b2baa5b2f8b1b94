// Parts of records that are no columns of a format: windowed keys, headers.

import Columns
public import Formats
import Functions
public import Planner

extension FormatLayout {
  /// Single key columns stand alone; values are wrapped unless the source says otherwise.
  public init(_ spec: FormatSpec, isKey: Bool, columns: Int) {
    let kind: FormatKind
    switch spec.name {
    case .json, .jsonSR: kind = .json
    case .delimited: kind = .delimited
    case .kafka: kind = .kafka
    case .none, .avro, .protobuf, .protobufNoSR: kind = .none
    }
    let wraps = isKey ? columns != 1 : (columns != 1 || spec.wrapSingle != false)
    self.init(kind, delimiter: spec.delimiter ?? UInt8(ascii: ","), isWrapped: wraps)
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

extension SourceCursor {
  /// Bytes that a windowed key has after the inner key: an 8-byte start, or for sessions end and start.
  private var windowBytes: Int { scan.source.window?.kind == .session ? 16 : 8 }

  /// The records with their keys cut down to the inner key.
  func unwindowed(_ records: RawRecords) -> RawRecords {
    var result = records
    for row in 0..<records.count where records.keyLength[row] >= 0 {
      result.keyLength[row] = max(0, records.keyLength[row] - Int32(windowBytes))
    }
    return result
  }

  /// Start or end of each record's window, from its key.
  func windowBounds(_ records: RawRecords, _ rows: Range<Int>, end: Bool) -> Column {
    let size = scan.source.window?.sizeMs
    let builder = ColumnBuilder(.bigint, capacity: rows.count)
    for row in rows {
      guard let key = records.key(row), key.count >= windowBytes else {
        builder.appendNull()
        continue
      }
      let start = Int64(
        bigEndian: key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self))
      if !end {
        builder.append(bigint: start)
      } else if let size {
        builder.append(bigint: start &+ size)
      } else {
        builder.append(
          bigint: Int64(
            bigEndian: key.loadUnaligned(fromByteOffset: key.count - 16, as: Int64.self)))
      }
    }
    return builder.finish()
  }

  /// All headers as an array, or the last value of one header.
  func headerColumn(_ records: RawRecords, _ rows: Range<Int>, _ key: String?) -> Column {
    let entry = DataType.structure([
      StructField("KEY", .string), StructField("VALUE", .bytes),
    ])
    let builder = ColumnBuilder(key == nil ? .array(entry) : .bytes, capacity: rows.count)
    for row in rows {
      let headers = records.headers.isEmpty ? [] : records.headers[row]
      if let key {
        builder.append(
          headers.last { $0.key == key }.flatMap { $0.value }.map { .bytes($0) } ?? .null)
      } else {
        builder.append(
          .array(
            headers.map {
              .structure([.string($0.key), $0.value.map { .bytes($0) } ?? .null])
            }))
      }
    }
    return builder.finish()
  }
}
