// Keys of windowed sources: the key with the bounds of its window behind it, as Kafka's windowed
// serdes write them. Time windows have their start, sessions their end and their start, 8 bytes
// each, big end first.

package import HeadraceColumns
import HeadraceFoundations
package import HeadracePlanner

package struct WindowedKey {
  package var inner: UnsafeRawBufferPointer
  package var start: Int64
  /// nil: the size of the windows is not known.
  package var end: Int64?

  /// Bytes behind the inner key.
  package static func byteCount(_ window: WindowInfo) -> Int { window.kind == .session ? 16 : 8 }

  /// nil: the key is too short to have bounds.
  package init?(_ bytes: UnsafeRawBufferPointer, _ window: WindowInfo) {
    let size = Self.byteCount(window)
    guard bytes.count >= size else { return nil }
    func number(_ place: Int) -> Int64 {
      Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - place, as: Int64.self))
    }
    inner = UnsafeRawBufferPointer(rebasing: bytes.dropLast(size))
    start = number(8)
    end = window.kind == .session ? number(16) : window.sizeMs.map { [start] in start &+ $0 }
  }
}

extension RawRecords {
  /// The records with their keys cut down to the inner key.
  package func unwindowed(_ window: WindowInfo) -> RawRecords {
    let size = Int32(WindowedKey.byteCount(window))
    var result = self
    for row in 0..<count where keyLength[row] >= 0 {
      result.keyLength[row] = max(0, keyLength[row] - size)
    }
    return result
  }

  /// Start and end of each record's window, BIGINT; NULL where the key has none.
  func windowBounds(_ rows: Range<Int>, _ window: WindowInfo) -> (start: Column, end: Column) {
    let starts = ColumnBuilder(.bigint, capacity: rows.count)
    let ends = ColumnBuilder(.bigint, capacity: rows.count)
    for row in rows {
      let bounds = key(row).flatMap { WindowedKey($0, window) }
      if let bounds { starts.append(bigint: bounds.start) } else { starts.appendNull() }
      if let end = bounds?.end { ends.append(bigint: end) } else { ends.appendNull() }
    }
    return (starts.finish(), ends.finish())
  }
}
