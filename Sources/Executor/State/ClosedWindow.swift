// A window that has closed and whose results are not all out (EMIT FINAL). It changes no more, so
// that they may come out in later slices; that they are still to come is part of what an
// aggregation knows of time, and is committed with it. Format, behind the times of the record: for
// each window its start and the position of the row that has closed it, 64 bits each; the key
// behind which to go on, and the number of that row's headers, with their keys and values. Bytes
// have their length before them, 32 bits; -1: there are none.

import HeadraceColumns
import HeadraceFoundations

/// The position of a row among those of all inputs.
struct RowPosition: Hashable, Comparable {
  var major: Int64
  var minor: UInt64

  static func < (a: RowPosition, b: RowPosition) -> Bool {
    a.major != b.major ? a.major < b.major : a.minor < b.minor
  }
}

struct ClosedWindow: Hashable {
  var start: Int64
  /// Of the row that has closed it, whose place and headers its results have.
  var place: RowPosition
  var headers: [RecordHeader]?
  /// The groups up to this key are out; nil: none is.
  var after: [UInt8]?

  static func append(_ windows: [ClosedWindow], to value: inout [UInt8]) {
    for window in windows {
      withUnsafeBytes(of: window.start) { value += $0 }
      withUnsafeBytes(of: window.place.major) { value += $0 }
      withUnsafeBytes(of: window.place.minor) { value += $0 }
      append(window.after, to: &value)
      append(window.headers?.count, to: &value)
      for header in window.headers ?? [] {
        append(Array(header.key.utf8), to: &value)
        append(header.value, to: &value)
      }
    }
  }

  private static func append(_ count: Int?, to value: inout [UInt8]) {
    withUnsafeBytes(of: Int32(truncatingIfNeeded: count ?? -1)) { value += $0 }
  }

  private static func append(_ bytes: [UInt8]?, to value: inout [UInt8]) {
    append(bytes?.count, to: &value)
    value += bytes ?? []
  }

  /// nil: the bytes are no windows.
  static func list(_ bytes: UnsafeRawBufferPointer) -> [ClosedWindow]? {
    var fields = Fields(bytes: bytes)
    var result: [ClosedWindow] = []
    while fields.hasMore {
      let (start, major): (Int64, Int64) = (fields.number(), fields.number())
      let place = RowPosition(major: major, minor: fields.number())
      var window = ClosedWindow(start: start, place: place, after: fields.text())
      if let count = fields.count() {
        var headers: [RecordHeader] = []
        while headers.count < count, !fields.isDamaged {
          let key = String(decoding: fields.text() ?? [], as: UTF8.self)
          headers.append(RecordHeader(key: key, value: fields.text()))
        }
        window.headers = headers
      }
      result.append(window)
    }
    return fields.isDamaged ? nil : result
  }

  private struct Fields {
    let bytes: UnsafeRawBufferPointer
    var place = 0
    var isDamaged = false

    var hasMore: Bool { !isDamaged && place < bytes.count }

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>() -> Number {
      let size = MemoryLayout<Number>.size
      guard !isDamaged, bytes.count - place >= size else {
        isDamaged = true
        return 0
      }
      defer { place += size }
      return bytes.loadUnaligned(fromByteOffset: place, as: Number.self)
    }

    mutating func count() -> Int? {
      let count: Int32 = number()
      return count < 0 ? nil : Int(count)
    }

    mutating func text() -> [UInt8]? {
      guard let count = count() else { return nil }
      guard !isDamaged, bytes.count - place >= count else {
        isDamaged = true
        return nil
      }
      defer { place += count }
      return Array(bytes[place..<place + count])
    }
  }
}
