// A partition that ends before its end: what a query has read of it, or what it was at some time.

import HeadraceColumns
package import HeadraceFormats
import HeadraceFoundations
package import HeadraceTopics

package final class BoundedReader: RecordReader {
  package enum Bound: Sendable {
    /// Records before this offset.
    case offset(Int64)
    /// Records up to this time, wherever they stand; ms.
    case time(Int64)
  }

  private let reader: any RecordReader
  private let bound: Bound

  package init(_ reader: any RecordReader, _ bound: Bound) {
    self.reader = reader
    self.bound = bound
  }

  package var fieldOrder: [String]? { reader.fieldOrder }
  package var schemas: (any SchemaRegistry)? { reader.schemas }

  package func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    switch bound {
    case .offset(let end):
      guard offset < end else { return .end }
      return try reader.read(from: offset, maxBytes: maxBytes).before(end)
    case .time(let time):
      var position = offset
      while true {
        let read = try reader.read(from: position, maxBytes: maxBytes)
        guard case .records(let records, let next) = read else { return read }
        let rows = (0..<records.count).filter { records.timestamps[$0] <= time }
        if rows.count == records.count { return read }
        if !rows.isEmpty { return .records(records.gather(rows), next: next) }
        position = next
      }
    }
  }
}
